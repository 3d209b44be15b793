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
from pneumo.training._trainer import Fitted
from pneumo.training.batches import Batches
from pneumo.training.fitting import compile_for
from pneumo.training.precision import policy

if TYPE_CHECKING:
    from pneumo.base.settings import PretrainSettings

HEAD = ("pretraining_pool", "pretraining_head")


def encoders_of(models: Sequence[str]) -> list[str]:
    """The encoders of some networks, each once, in their order."""
    return list(dict.fromkeys(MODELS[model].encoder for model in models))


def classifier(encoder: str, classes: int, settings: "PretrainSettings") -> keras.Model:
    """An encoder with its first weights, its last map pooled to a probability of each class.

    Takes ``(batch, size_px, size_px, 1)`` uint8; gives ``(batch, classes)`` float32, sums are 1.
    """
    backbone = _backbone(encoder, settings)
    load_encoder_weights(backbone, settings.train.encoder_weights)
    x = layers.GlobalAveragePooling2D(name=HEAD[0])(backbone.outputs[-1])
    x = layers.Dense(classes, activation="softmax", dtype="float32", name=HEAD[1])(x)
    return keras.Model(backbone.input, x, name=encoder)


class Classifying(Fitted):
    """A classifier with what training adds to it: changed images, cross-entropy, accuracy.

    Takes ``Batches`` whose ``truth`` are the numbers of the images' classes, uint8 ``(batch, 1)``.
    ``weights``, one per class, multiply the cross-entropy.
    """

    def __init__(self, network: keras.Model, weights: Sequence[float], *, augmented: bool) -> None:
        accuracy = keras.metrics.SparseCategoricalAccuracy(name="accuracy")
        super().__init__(network, "classifying", accuracy, augmented=augmented)
        self._weights = np.array(weights, "float32")

    def call(self, x: dict[str, Any], training: bool = False) -> dict[str, Any]:
        """The classes' numbers and probabilities."""
        pixels = x["pixels"]
        if training and self._augmented:
            pixels = augment_pixels(pixels, x["draws"])
        truth = ops.cast(x["truth"][:, 0], "int32")
        return {"truth": truth, "found": self.network(pixels, training=training)}

    def loss_of(self, answer: dict[str, Any]) -> Any:
        """The weighted mean of the cross-entropy."""
        truth = answer["truth"]
        entropy = keras.losses.sparse_categorical_crossentropy(truth, answer["found"])
        return ops.mean(ops.take(ops.convert_to_tensor(self._weights), truth) * entropy)


def make_classifying(
    encoder: str, weights: Sequence[float], settings: "PretrainSettings", *, steps: int
) -> Classifying:
    """The classifier with optimizer and loss; ``weights`` of the classes, ``steps`` of an epoch."""
    keras.config.set_dtype_policy(policy(settings.train))
    try:
        network = classifier(encoder, len(weights), settings)
    finally:
        keras.config.set_dtype_policy("float32")
    augmented = any(settings.augment.model_dump().values())
    trainer = Classifying(network, weights, augmented=augmented)
    compile_for(trainer, settings.train, steps)
    return trainer


def finished_classifier(
    trainer: Classifying, settings: "PretrainSettings", plain: Batches
) -> keras.Model:
    """The classifier in float32, its batch statistics estimated anew from ``plain`` images."""
    network = trainer.network
    if policy(settings.train) != "float32":
        network = classifier(network.name, network.output.shape[-1], settings)
        network.set_weights(trainer.network.get_weights())
    reestimate_batch_norm(network, plain)
    return network


def save_encoder(network: keras.Model, settings: "PretrainSettings", path: Path) -> None:
    """Write the encoder of a classifier as ``train.encoder_weights`` takes it."""
    backbone = _backbone(network.name, settings)
    for layer in backbone.layers:
        layer.set_weights(network.get_layer(layer.name).get_weights())
    backbone.save_weights(path)


def _backbone(encoder: str, settings: "PretrainSettings") -> keras.Model:
    train = settings.train
    return ENCODERS[encoder][train.encoder](settings.size_px, momentum=train.batch_norm_momentum)
