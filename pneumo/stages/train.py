"""Train one network, and keep what it says about the validation and test images."""

import shutil
import time
from collections.abc import Callable
from pathlib import Path
from typing import TYPE_CHECKING

import numpy as np
import pandas as pd
from PIL.Image import Image

from pneumo.base.files import sha256, whole
from pneumo.base.locks import newest_holds, resume_folder
from pneumo.evaluation.perturbations import PERTURBATIONS, sample
from pneumo.nets.archive import save_network
from pneumo.nets.build import MODELS
from pneumo.nets.configured import keras
from pneumo.nets.weights import weights_sum
from pneumo.prepared.format import Prepared, load_prepared
from pneumo.tracking.live import network_run
from pneumo.tracking.runs import training_params
from pneumo.tracking.samples import choose, sheet
from pneumo.training.batches import VALIDATION_BATCH_SIZE, Batches
from pneumo.training.checkpoints import Checkpoints, best_row, key_of
from pneumo.training.fitting import finished, fit, make_repeatable, make_trainer
from pneumo.training.precision import policy
from pneumo.training.spread import even_rows, even_size, scope_over
from pneumo.training.watch import Figures, Watch

Tell = Callable[[str, Figures], None]

if TYPE_CHECKING:
    from pneumo.base.settings import AugmentSettings, TrainSettings


def train(
    model: str,
    prepared: Path,
    out: Path,
    *,
    train: "TrainSettings",
    augment: "AugmentSettings",
    tell: Tell = lambda step, figures: None,
) -> None:
    """Train ``model`` and write the folder ``out``, whole or not at all.

    ``model.keras``        the network after the epoch with the lowest validation loss
    ``history.csv``        a row per epoch: learning rate, loss and IoU on both splits
    ``probabilities.npy``  float16, opacity per pixel of the validation, then the test images
    ``perturbations.npz``  the same of a sample of test images, for each of ``PERTURBATIONS``

    Same data, settings and machine: same bytes; also after a kill, since a training goes on from
    its last epoch, which it keeps in a hidden folder beside ``out`` until it has succeeded.
    ``tell`` is called after each step: ``built``, ``epoch`` (with its figures), ``fitted``,
    ``finished``, ``saved``, ``predicted``, ``perturbed``. Raises PneumoError when the encoder's
    weights cannot be had or the loss is not finite, DataError when ``prepared`` holds no data.
    """
    started = time.monotonic()
    data = load_prepared(prepared)
    make_repeatable(train.seed)
    shown, held_out, plain = _batches(data, train, augment)
    augmented = any(augment.model_dump().values())
    scope = scope_over(train.devices)
    with scope():
        trainer = make_trainer(model, data.size_px, train, steps=len(shown), augmented=augmented)
    tell("built", {})
    settings = training_params(train, augment)
    settings |= weights_sum(MODELS[model].encoder, train.encoder_weights)
    settings["computed_in"] = policy(train)  # what auto is here may be another elsewhere
    kept = resume_folder(out)
    with (
        newest_holds(kept / "lock"),
        network_run(model, data.profile, settings, kept / "run") as run,
    ):

        def send(number: int, figures: Figures) -> None:
            run.epoch(number, figures)
            tell("epoch", figures)

        watch = Watch(model, train.epochs, send, shown)
        checkpoints = Checkpoints(
            kept, key_of(trainer.network, __name__, data.profile["sha256"], settings)
        )
        with scope():
            fit(trainer, shown, held_out, train, watch, checkpoints)
        tell("fitted", {})
        network = finished(trainer, model, data.size_px, train, plain)
        tell("finished", {})
        with whole(out) as folder:
            folder.mkdir(parents=True)
            save_network(network, folder / "model.keras")
            pd.DataFrame(watch.history).to_csv(folder / "history.csv", index=False)
            tell("saved", {})
            rows = data.rows("validation", "test")
            maps = probabilities(network, data.images, rows, VALIDATION_BATCH_SIZE)
            np.save(folder / "probabilities.npy", maps)
            tell("predicted", {})
            changed = perturbed(network, data, VALIDATION_BATCH_SIZE)
            np.savez(folder / "perturbations.npz", allow_pickle=False, **changed)
            tell("perturbed", {})
        best = {f"best_{key}": value for key, value in best_row(watch.history).items()}
        best["seconds"] = time.monotonic() - started
        run.finish(
            best,
            {"pneumo.sha256": sha256(out / "model.keras")},
            _pictures(data, maps, train.pictures),
        )
        shutil.rmtree(kept)


def _batches(
    data: Prepared, train: "TrainSettings", augment: "AugmentSettings"
) -> tuple[Batches, Batches, Batches]:
    """Training images as they are shown, validation images, and training images as they are."""
    rows, held = data.rows("train"), data.rows("validation")
    size = even_size(train.batch_size, len(rows), train.devices)
    shown = Batches(
        data.images,
        data.masks,
        rows,
        size,
        seed=train.seed,
        augment=augment,
        positive_share=train.positive_share,
    )
    held_size = even_size(VALIDATION_BATCH_SIZE, len(held), train.devices)
    held_out = Batches(data.images, data.masks, even_rows(held, train.devices), held_size)
    return shown, held_out, Batches(data.images, data.masks, rows, size, seed=train.seed)


def _pictures(data: Prepared, maps: np.ndarray, count: int) -> dict[str, Image]:
    """What MLflow shows of ``count`` validation images, of which ``maps`` begins to tell."""
    if not count:
        return {}
    rows = data.rows("validation")
    places = choose(data.masks[rows], count)
    shown = rows[places]
    return {"validation": sheet(data.images[shown], data.masks[shown], maps[places])}


def probabilities(
    network: keras.Model, images: np.ndarray, rows: np.ndarray, batch_size: int
) -> np.ndarray:
    """Opacity per pixel of some rows of ``images``, uint8 ``(n, size_px, size_px)``.

    Returns float16 in [0, 1], ``(rows, size_px, size_px)``.
    """
    values = np.empty((len(rows), *images.shape[1:]), np.float16)
    for start in range(0, len(rows), batch_size):
        part = rows[start : start + batch_size]
        whole = np.resize(part, batch_size)  # a batch of another size would be another program
        maps = network.predict_on_batch(images[whole][..., np.newaxis])
        values[start : start + len(part)] = maps[: len(part), ..., 1]
    return values


def perturbed(network: keras.Model, data: Prepared, batch_size: int) -> dict[str, np.ndarray]:
    """What the network says to a sample of test images after each of ``PERTURBATIONS``."""
    rows = data.rows("test")
    places = sample(len(rows))
    images = data.images[rows[places]]
    numbers = np.arange(len(places))
    return {
        name: probabilities(network, perturbation.change(images), numbers, batch_size)
        for name, perturbation in PERTURBATIONS.items()
    }
