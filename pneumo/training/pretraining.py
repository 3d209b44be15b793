"""An encoder learns from whole radiographs with one label each, before it learns to segment."""

from collections.abc import Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any

import keras
import numpy as np
from keras import layers, ops

from pneumo.nets.build import MODELS
from pneumo.nets.encoders import ENCODERS
from pneumo.nets.weights import load_encoder_weights
from pneumo.training._augment import augment_pixels
from pneumo.training._normalisation import reestimate_batch_norm
from pneumo.training.batches import Batches
from pneumo.training.fitting import compile_for, policy

if TYPE_CHECKING:
    from pneumo.base.settings import TrainSettings

HEAD = ("pretraining_pool", "pretraining_head")


def encoders_of(models: Sequence[str]) -> list[str]:
    """The encoders of some networks, each once, in their order."""
    return list(dict.fromkeys(MODELS[model].encoder for model in models))


def classifier(encoder: str, size_px: int, classes: int, train: "TrainSettings") -> keras.Model:
    """An encoder with its first weights, its last map pooled to a probability of each class.

    Takes ``(batch, size_px, size_px, 1)`` uint8; gives ``(batch, classes)`` float32, sums are 1.
    """
    backbone = ENCODERS[encoder][train.encoder](size_px, momentum=train.batch_norm_momentum)
    load_encoder_weights(backbone, train.encoder_weights)
    x = layers.GlobalAveragePooling2D(name=HEAD[0])(backbone.outputs[-1])
    x = layers.Dense(classes, activation="softmax", dtype="float32", name=HEAD[1])(x)
    return keras.Model(backbone.input, x, name=encoder)


class Classifying(keras.Model):
    """A classifier with what training adds to it: changed images, cross-entropy, accuracy.

    Takes ``Batches`` of images and, in place of masks, the numbers of their classes, uint8
    ``(batch, 1)``. ``weights``, one per class, multiply the cross-entropy.
    """

    def __init__(self, network: keras.Model, weights: Sequence[float], *, augmented: bool) -> None:
        super().__init__(name=f"{network.name}_classifying")
        self.network, self._augmented = network, augmented
        self._weights = np.array(weights, "float32")
        self.accuracy = keras.metrics.SparseCategoricalAccuracy(name="accuracy")
        self.built = True  # its parts are; an eager call to build it is hundreds of programs

    def call(self, x: dict[str, Any], training: bool = False) -> dict[str, Any]:
        """The classes' numbers and probabilities."""
        pixels = x["pixels"]
        if training and self._augmented:
            pixels = augment_pixels(pixels, x["draws"])
        truth = ops.cast(x["mask"][:, 0], "int32")
        return {"truth": truth, "found": self.network(pixels, training=training)}

    def compute_loss(
        self,
        x: Any = None,
        y: Any = None,
        y_pred: Any = None,
        sample_weight: Any = None,
        training: bool = True,
    ) -> Any:
        """The weighted mean of the cross-entropy."""
        truth, found = y_pred["truth"], y_pred["found"]
        entropy = keras.losses.sparse_categorical_crossentropy(truth, found)
        return ops.mean(ops.take(ops.convert_to_tensor(self._weights), truth) * entropy)

    def compute_metrics(self, x: Any, y: Any, y_pred: Any, sample_weight: Any = None) -> Any:
        """Update the accuracy."""
        self.accuracy.update_state(y_pred["truth"], y_pred["found"])
        return self.get_metrics_result()


def make_classifying(
    encoder: str,
    size_px: int,
    weights: Sequence[float],
    train: "TrainSettings",
    *,
    steps: int,
    augmented: bool,
) -> Classifying:
    """The classifier with optimizer and loss; ``weights`` of the classes, ``steps`` of an epoch."""
    keras.config.set_dtype_policy(policy(train.precision))
    try:
        network = classifier(encoder, size_px, len(weights), train)
    finally:
        keras.config.set_dtype_policy("float32")
    trainer = Classifying(network, weights, augmented=augmented)
    compile_for(trainer, train, steps)
    return trainer


def finished_classifier(
    trainer: Classifying, size_px: int, train: "TrainSettings", plain: Batches
) -> keras.Model:
    """The classifier in float32, its batch statistics estimated anew from ``plain`` images."""
    network = trainer.network
    if policy(train.precision) != "float32":
        network = classifier(network.name, size_px, network.output.shape[-1], train)
        network.set_weights(trainer.network.get_weights())
    reestimate_batch_norm(network, plain)
    return network


def save_encoder(network: keras.Model, size_px: int, train: "TrainSettings", path: Path) -> None:
    """Write the encoder of a classifier as ``train.encoder_weights`` takes it."""
    backbone = ENCODERS[network.name][train.encoder](size_px, momentum=train.batch_norm_momentum)
    for layer in backbone.layers:
        layer.set_weights(network.get_layer(layer.name).get_weights())
    backbone.save_weights(path)
