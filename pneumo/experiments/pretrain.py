"""Teach encoders on radiographs with one label each, for ``train.encoder_weights``."""

import json
import time
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np
import pandas as pd

from pneumo.base import git
from pneumo.base.errors import DataError
from pneumo.base.files import sha256, sha256_of, whole, write_json
from pneumo.base.safe import cell
from pneumo.evaluation.bootstrap import draw_people, estimate, weighted_means, with_all
from pneumo.evaluation.roc import auroc
from pneumo.nets.weights import ENDING
from pneumo.prepared.resumed import shards_beside
from pneumo.tracking.runs import training_params
from pneumo.training.batches import VALIDATION_BATCH_SIZE, Batches
from pneumo.training.checkpoints import Checkpoints, best_row, key_of
from pneumo.training.fitting import fit, make_repeatable
from pneumo.training.precision import policy
from pneumo.training.pretraining import finished_classifier, make_classifying, save_encoder
from pneumo.training.watch import Watch

if TYPE_CHECKING:
    from pneumo.base.settings import PretrainSettings

MOST_CLASSES = 64


@dataclass(frozen=True)
class Images:
    """Radiographs that were read: pixels from disk, and ``file, label, person, number, held_out``.

    ``number`` is the place of the label in ``classes``; ``held_out`` images are of people of whom
    no image is learnt from.
    """

    pixels: np.ndarray
    rows: pd.DataFrame
    classes: list[str]

    def of(self, held_out: bool) -> np.ndarray:
        """Row numbers of the images that are held out, or of the others."""
        return np.flatnonzero(self.rows["held_out"].to_numpy() == held_out)


def pretrain(
    labelled: pd.DataFrame,
    out: Path,
    encoders: Sequence[str],
    settings: "PretrainSettings",
    *,
    workers: int | None = None,
) -> None:
    """Train ``encoders`` to tell the labels of ``read_labelled``; write to the folder ``out``:

    ``ENCODER.weights.h5``  what ``train.encoder_weights`` takes, of the epoch with the lowest loss
    ``ENCODER.json``        figures on held-out people, settings, sums of data, code and weights
    ``rejected.csv``        the files that were not used, and why

    An encoder whose files are up to date is not trained again, and a killed run goes on from the
    last epoch, to the same bytes. DataError when there are not two labels with people enough.
    """
    usable = labelled["reason"] == ""
    paths = [Path(path) for path in labelled[usable]["path"]]
    size_px, frontal_only = settings.size_px, settings.frontal_only
    with shards_beside(out, paths, size_px, frontal_only=frontal_only) as shards:
        shards.read(workers)
        facts = shards.facts()
        labelled = labelled.copy()
        labelled.loc[usable, "reason"] = [fact["reason"] for fact in facts]
        read = np.flatnonzero([fact["reason"] == "" for fact in facts])
        _write_rejected(labelled, out / "rejected.csv")
        rows = labelled[labelled["reason"] == ""][["file", "label", "person"]]
        rows = _divided(rows.reset_index(drop=True), settings.held_out, settings.train.seed)
        shards.write(shards.folder / "images.npy", read)
        images = Images(
            np.load(shards.folder / "images.npy", mmap_mode="r"), rows, sorted(set(rows["label"]))
        )
        data = {
            "pixels": sha256(shards.folder / "images.npy"),
            "rows": sha256_of(rows.astype(str).to_numpy().tolist()),
        }
        for encoder in encoders:
            _pretrain_one(encoder, images, out, shards.folder / encoder, settings, data)


def _write_rejected(labelled: pd.DataFrame, path: Path) -> None:
    rejected = labelled[labelled["reason"] != ""]
    with whole(path) as aside:
        rejected.assign(file=rejected["file"].map(cell))[["file", "reason"]].to_csv(
            aside, index=False
        )
    if len(rejected):
        print(f"{path}: {len(rejected)} of {len(labelled)} images are not used")


def _divided(rows: pd.DataFrame, share: float, seed: int) -> pd.DataFrame:
    """Hold people out, so that labels keep their shares; DataError when they are too few."""
    from sklearn.model_selection import StratifiedGroupKFold

    people = rows.groupby("label")["person"].nunique()
    parts = max(2, round(1 / share))
    few = people[people < parts]
    if len(people) < 2 or len(people) > MOST_CLASSES or len(few):
        raise DataError(
            f"labels: {len(people)} labels are there, the rarest with {people.min()} people; "
            f"2 to {MOST_CLASSES} are needed, each with {parts} people or more"
            if len(people)
            else "labels: no image can be used; rejected.csv says why"
        )
    folds = StratifiedGroupKFold(parts, shuffle=True, random_state=seed)
    _, held = next(folds.split(rows, rows["label"], rows["person"]))
    number = rows["label"].map({name: n for n, name in enumerate(sorted(people.index))})
    return rows.assign(number=number.astype("uint8"), held_out=np.isin(np.arange(len(rows)), held))


def _pretrain_one(
    encoder: str,
    images: Images,
    out: Path,
    kept: Path,
    settings: "PretrainSettings",
    data: dict[str, str],
) -> None:
    started, train = time.monotonic(), settings.train
    make_repeatable(train.seed)
    learnt, held = images.of(False), images.of(True)
    numbers = images.rows["number"].to_numpy()
    counts = np.bincount(numbers[learnt], minlength=len(images.classes))
    weights = counts.sum() / len(counts) / counts if settings.balance else np.ones(len(counts))
    size = train.batch_size
    shown = Batches(images.pixels, numbers, learnt, size, seed=train.seed, augment=settings.augment)
    judged = Batches(images.pixels, numbers, held, VALIDATION_BATCH_SIZE)
    plain = Batches(images.pixels, numbers, learnt, size, seed=train.seed)
    trainer = make_classifying(encoder, weights.tolist(), settings, steps=len(shown))
    told = {
        **training_params(train, settings.augment),
        "size_px": settings.size_px,
        "balance": settings.balance,
        "computed_in": policy(train),
    }
    key = key_of(trainer.network, __name__, data, told)
    path, report = out / f"{encoder}{ENDING}", out / f"{encoder}.json"
    if _is_made(path, report, key):
        print(f"{encoder}: {path} is up to date")
        return
    watch = Watch(encoder, train.epochs, lambda number, figures: None, shown, measure="accuracy")
    fit(trainer, shown, judged, train, watch, Checkpoints(kept, key))
    network = finished_classifier(trainer, settings, plain)
    found: dict[str, Any] = {
        "encoder": encoder,
        "classes": {
            name: {"learnt": int(counts[n]), "held_out": int((numbers[held] == n).sum())}
            for n, name in enumerate(images.classes)
        },
        "held_out": _figures(network, images, held, train.seed),
        "best_epoch": best_row(watch.history)["epoch"],
        "history": watch.history,
        "settings": told,
        "data": data,
        "commit": git.own_commit(),
        "key": key,
    }
    written = kept / path.name
    save_encoder(network, settings, written)
    out.mkdir(parents=True, exist_ok=True)
    written.replace(path)
    write_json(report, {**found, "sha256": sha256(path)})
    print(_line(encoder, found["held_out"], time.monotonic() - started), flush=True)


def _is_made(path: Path, report: Path, key: str) -> bool:
    if not (path.is_file() and report.is_file()):
        return False
    said = json.loads(report.read_text())
    return said.get("key") == key and said.get("sha256") == sha256(path)


def _figures(network: Any, images: Images, held: np.ndarray, seed: int) -> dict[str, Any]:
    """Accuracy, and the area under each label's ROC curve against the others, with intervals."""
    rows = images.rows.iloc[held]
    truth, step = rows["number"].to_numpy(), VALIDATION_BATCH_SIZE
    parts = [held[start : start + step] for start in range(0, len(held), step)]
    found = np.concatenate(
        [network.predict_on_batch(images.pixels[part][..., np.newaxis]) for part in parts]
    )
    draws = with_all(draw_people(rows["person"].to_numpy(), seed=seed))
    right = (found.argmax(axis=1) == truth).astype(float)
    return {
        "images": len(held),
        "people": int(rows["person"].nunique()),
        "most_frequent": float(np.bincount(truth).max() / len(truth)),
        "accuracy": estimate(weighted_means(right, draws)),
        "auroc": {
            name: estimate(auroc(found[:, n], truth == n, draws))
            for n, name in enumerate(images.classes)
        },
    }


def _line(encoder: str, held: dict[str, Any], seconds: float) -> str:
    areas = ", ".join(f"{name} {_shown(value)}" for name, value in held["auroc"].items())
    return (
        f"{encoder}: on {held['images']} images of {held['people']} held-out people: accuracy "
        f"{_shown(held['accuracy'])}, the most frequent label {held['most_frequent']:.3f}; "
        f"AUC {areas}; {seconds / 60:.1f} min"
    )


def _shown(figure: dict[str, float | None]) -> str:
    if figure["value"] is None:
        return "unknown"
    return f"{figure['value']:.3f} ({figure['low']:.3f} to {figure['high']:.3f})"
