"""Train one network, and keep what it says about the validation and test images."""

import time
from pathlib import Path
from typing import TYPE_CHECKING

import keras
import numpy as np
import pandas as pd

from pneumo import tracking
from pneumo.files import sha256, whole
from pneumo.nets.archive import save_network
from pneumo.nets.batches import Batches
from pneumo.nets.build import build
from pneumo.nets.losses import OpacityIou, segmentation_loss
from pneumo.nets.watch import Watch
from pneumo.prepared import Prepared, load_prepared

if TYPE_CHECKING:
    from pneumo.settings import TrainSettings


def train(model: str, prepared: Path, out: Path, *, train: "TrainSettings") -> None:
    """Train ``model`` and write the folder ``out``, whole or not at all.

    ``model.keras``        the network after the epoch with the lowest validation loss
    ``history.csv``        a row per epoch: learning rate, loss and IoU on both splits
    ``probabilities.npy``  float16, opacity per pixel of the validation, then the test images

    Same data, settings and machine: same bytes. Raises PneumoError when the encoder's weights
    cannot be had or the loss is not finite, DataError when ``prepared`` holds no data.
    """
    started = time.monotonic()
    data = load_prepared(prepared)
    make_repeatable(train.seed)
    network = compiled(model, data.size_px, train)
    with tracking.network_run(model, data.profile, train.model_dump()) as run:
        watch = Watch(model, train.epochs, run.epoch)
        fit(network, data, train, watch)
        with whole(out) as folder:
            folder.mkdir(parents=True)
            save_network(network, folder / "model.keras")
            pd.DataFrame(watch.history).to_csv(folder / "history.csv", index=False)
            found = probabilities(network, data, train.validation_batch_size)
            np.save(folder / "probabilities.npy", found)
        best = {f"best_{key}": value for key, value in watch.best().items()}
        best["seconds"] = time.monotonic() - started
        run.finish(best, {"pneumo.sha256": sha256(out / "model.keras")})


def make_repeatable(seed: int) -> None:
    """Seed Python, NumPy and Keras, forget layer names, and ask TensorFlow for fixed orders."""
    keras.utils.clear_session()
    keras.utils.set_random_seed(seed)
    if keras.backend.backend() == "tensorflow":
        import tensorflow as tf

        tf.config.experimental.enable_op_determinism()


def compiled(model: str, size_px: int, train: "TrainSettings") -> keras.Model:
    """The network with its optimizer, loss and metric."""
    network = build(
        model,
        size_px,
        encoder=train.encoder,
        encoder_weights=train.encoder_weights,
        batch_norm_momentum=train.batch_norm_momentum,
    )
    network.compile(
        optimizer=keras.optimizers.Adam(train.learning_rate),
        loss=segmentation_loss(train.iou_weight, train.iou_channels),
        metrics=[OpacityIou()],
    )
    return network


def fit(network: keras.Model, data: Prepared, train: "TrainSettings", watch: Watch) -> None:
    """Train until the validation loss stops falling; leave the best epoch's weights."""
    shown = Batches(
        data.images,
        data.masks,
        data.rows("train"),
        train.batch_size,
        seed=train.seed,
        flip=train.flip,
    )
    held_out = Batches(
        data.images, data.masks, data.rows("validation"), train.validation_batch_size
    )
    stop = keras.callbacks.EarlyStopping(
        "val_loss", mode="min", patience=train.patience, restore_best_weights=True
    )
    reshuffle = keras.callbacks.LambdaCallback(on_epoch_begin=shown.begin_epoch)
    network.fit(
        shown,
        validation_data=held_out,
        epochs=train.epochs,
        shuffle=False,  # the batches shuffle themselves, from seed and epoch
        callbacks=[reshuffle, watch, stop],
        verbose=0,
    )


def probabilities(network: keras.Model, data: Prepared, batch_size: int) -> np.ndarray:
    """Opacity per pixel, float16 in [0, 1], of the validation, then the test images."""
    rows = data.rows("validation", "test")
    values = np.empty((len(rows), data.size_px, data.size_px), np.float16)
    for start in range(0, len(rows), batch_size):
        part = slice(start, start + batch_size)
        images = data.images[rows[part]][..., np.newaxis]
        values[part] = network.predict_on_batch(images)[..., 1]
    return values
