"""The four networks by name: which encoder, which decoder, how wide."""

from collections.abc import Callable, Mapping
from functools import partial
from typing import Any, NamedTuple

import keras
from keras import ops

from pneumo.base.errors import PneumoError
from pneumo.nets._aspp import aspp
from pneumo.nets._blocks import head, times_presence
from pneumo.nets._unet import unet
from pneumo.nets.encoders import ENCODERS
from pneumo.nets.weights import load_encoder_weights


class Network(NamedTuple):
    """An encoder's name, its decoder, and the decoder's channels by size, coarse to fine."""

    encoder: str
    decoder: Callable[..., keras.KerasTensor]
    filters: Mapping[str, tuple[int, ...]]


IMAGE_HEAD = "image_head"
"""Name of the layer that gives the probability of any opacity, ``(batch, 1, 1, 1)``."""

UNET_FILTERS = {"full": (256, 128, 64, 32, 16), "small": (64, 48, 32, 16, 8)}

MODELS = {
    "unet_resnet152": Network("resnet152", unet, UNET_FILTERS),
    "unet_densenet121": Network("densenet121", unet, UNET_FILTERS),
    "unet_vgg19": Network("vgg19", partial(unet, attention=True), UNET_FILTERS),
    "aspp_resnet152": Network("resnet152", aspp, {"full": (256,), "small": (48,)}),
}


class Built(NamedTuple):
    """A network, the encoder that is its first part, and whether that came with weights."""

    network: keras.Model
    encoder: keras.Model
    is_taught: bool


def build(model: str, size_px: int, **how: Any) -> keras.Model:
    """The network of ``build_parts``, which says the rest."""
    return build_parts(model, size_px, **how).network


def build_parts(
    model: str,
    size_px: int,
    *,
    encoder: str,
    encoder_weights: str,
    batch_norm_momentum: float,
    image_head: bool = False,
) -> Built:
    """Build one of ``MODELS``, ready to train.

    Takes ``(batch, size_px, size_px, 1)`` uint8; gives ``(batch, size_px, size_px, 2)`` float32,
    per pixel the probabilities of background and of opacity. ``size_px`` is a multiple of 32;
    ``encoder`` is ``full`` or ``small``; ``encoder_weights`` is ``imagenet``, ``none`` or a path,
    see ``load_encoder_weights``. With ``image_head`` every pixel's opacity is multiplied by the
    probability that the radiograph shows any, found from the encoder's last map. Raises
    PneumoError for an unknown network and for weights that do not fit.
    """
    if model not in MODELS:
        raise PneumoError(f"{model}: no such network; there are {', '.join(MODELS)}")
    network = MODELS[model]
    backbone = ENCODERS[network.encoder][encoder](size_px, momentum=batch_norm_momentum)
    is_taught = load_encoder_weights(backbone, encoder_weights)
    features = network.decoder(
        backbone, filters=network.filters[encoder], momentum=batch_norm_momentum
    )
    maps = head(features, size_px)
    if image_head:
        momentum = None if _is_normalised(backbone) else batch_norm_momentum
        maps = times_presence(maps, backbone.outputs[-1], momentum=momentum, name=IMAGE_HEAD)
    return Built(keras.Model(backbone.input, maps, name=model), backbone, is_taught)


def _is_normalised(backbone: keras.Model) -> bool:
    """Whether an encoder normalises its maps itself."""
    return any(isinstance(n, keras.layers.BatchNormalization) for n in backbone.layers)


def flip_averaged(network: keras.Model) -> keras.Model:
    """The mean of what ``network`` finds on an image and, turned back, on its mirror image."""
    pixels = keras.Input(network.input.shape[1:], dtype="uint8", name="pixels")
    mirrored = ops.flip(network(ops.flip(pixels, axis=2)), axis=2)
    both = keras.layers.Average(dtype="float32", name="mirror_mean")([network(pixels), mirrored])
    return keras.Model(pixels, both, name=network.name)
