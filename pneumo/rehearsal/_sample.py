"""Some radiographs of a data set as one of their own, and maps of more images than there are."""

import shutil
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd

from pneumo.base.files import write_json
from pneumo.dataset.dataset import CLASS_INFO, IMAGES, LABELS, PATIENTS, Dataset
from pneumo.dataset.manifest import MANIFEST, write_manifest
from pneumo.dataset.rsna import LABEL_COLUMNS
from pneumo.evaluation.perturbations import sample as of_test
from pneumo.prepared.format import load_prepared

POSITIVE_SHARE = 0.3
"""Of the sample, at least; so that every split has some."""


def choose(images: pd.DataFrame, count: int) -> pd.DataFrame:
    """At most ``count`` rows of ``Dataset.images``, one of a person, spread over the table.

    ``POSITIVE_SHARE`` of them, or more, have opacities, where there are as many.
    """
    people = images[images["person"].notna()].drop_duplicates("person")
    positive, rest = (people[(people["target"] == 1) == yes] for yes in (True, False))
    share = max(POSITIVE_SHARE, len(positive) / max(1, len(people)))
    some = _spread(positive, round(count * share))
    return pd.concat([some, _spread(rest, count - len(some))]).sort_values("patientId")


def _spread(rows: pd.DataFrame, count: int) -> pd.DataFrame:
    places = np.linspace(0, len(rows) - 1, min(count, len(rows))).round().astype(int)
    return rows.iloc[np.unique(places)]


def write_sample(dataset: Dataset, chosen: pd.DataFrame, root: Path) -> None:
    """Write the ``chosen`` images of a data set to ``root``: links to their files, and tables.

    With a manifest where the data set has one.
    """
    (root / IMAGES).mkdir(parents=True)
    for path in dataset.paths(chosen["patientId"]):
        (root / IMAGES / path.name).symlink_to(path.resolve())
    inside = dataset.labels["patientId"].isin(chosen["patientId"])
    dataset.labels[inside][list(LABEL_COLUMNS)].to_csv(root / LABELS, index=False)
    chosen[["patientId", "class"]].to_csv(root / CLASS_INFO, index=False)
    chosen[["patientId", "person"]].to_csv(root / PATIENTS, index=False)
    if (dataset.root / MANIFEST).exists():
        write_manifest(root)


def repeat(prepared: Path, models: Path, out: Path, times: int) -> None:
    """Prepared data and maps with every validation and test image ``times`` times, for time's sake.

    The maps of changed images are those of the first ones: they are not about these images.
    """
    data = load_prepared(prepared)
    rows = {split: data.rows(split) for split in ("train", "validation", "test")}
    order = np.concatenate(
        [rows["train"], np.tile(rows["validation"], times), np.tile(rows["test"], times)]
    )
    number = np.zeros(len(order), int)
    held = len(rows["validation"]) + len(rows["test"])
    number[len(rows["train"]) :] = np.concatenate(
        [np.repeat(np.arange(times), len(rows[name])) for name in ("validation", "test")]
    )
    folder = out / "prepared"
    folder.mkdir(parents=True)
    np.save(folder / "images.npy", data.images[order])
    np.save(folder / "masks.npy", data.masks[order])
    index = data.index.iloc[order].reset_index(drop=True)
    for column in ("patientId", "person"):
        index[column] = [f"{name}-{n}" for name, n in zip(index[column], number, strict=True)]
    index.to_parquet(folder / "index.parquet", index=False)
    boxes = [data.boxes.assign(patientId=data.boxes["patientId"] + f"-{n}") for n in range(times)]
    pd.concat(boxes).to_parquet(folder / "boxes.parquet", index=False)
    write_json(folder / "profile.json", data.profile)
    for model in models.iterdir():
        _repeat_maps(model, out / "models" / model.name, len(rows["validation"]), held, times)


def _repeat_maps(model: Path, out: Path, validation: int, held: int, times: int) -> None:
    out.mkdir(parents=True)
    maps = np.load(model / "probabilities.npy")
    parts = (maps[:validation], maps[validation:])
    np.save(out / "probabilities.npy", np.concatenate([np.tile(p, (times, 1, 1)) for p in parts]))
    count = len(of_test((held - validation) * times))
    with np.load(model / "perturbations.npz") as arrays:
        changed: dict[str, Any] = {
            name: np.resize(values, (count, *values.shape[1:])) for name, values in arrays.items()
        }
    np.savez(out / "perturbations.npz", allow_pickle=False, **changed)
    shutil.copyfile(model / "history.csv", out / "history.csv")
