"""The four networks by name: which encoder, which decoder, how wide."""

from collections.abc import Callable, Mapping
from functools import partial
from typing import NamedTuple

import keras

from pneumo.errors import PneumoError
from pneumo.nets.aspp import aspp
from pneumo.nets.blocks import head
from pneumo.nets.encoders import ENCODERS
from pneumo.nets.unet import unet
from pneumo.nets.weights import load_encoder_weights


class Network(NamedTuple):
    """An encoder's name, its decoder, and the decoder's channels by size, coarse to fine."""

    encoder: str
    decoder: Callable[..., keras.KerasTensor]
    filters: Mapping[str, tuple[int, ...]]


UNET_FILTERS = {"full": (256, 128, 64, 32, 16), "small": (64, 48, 32, 16, 8)}

MODELS = {
    "unet_resnet152": Network("resnet152", unet, UNET_FILTERS),
    "unet_densenet121": Network("densenet121", unet, UNET_FILTERS),
    "unet_vgg19": Network("vgg19", partial(unet, attention=True), UNET_FILTERS),
    "aspp_resnet152": Network("resnet152", aspp, {"full": (256,), "small": (48,)}),
}


def build(
    model: str, size_px: int, *, encoder: str, encoder_weights: str, batch_norm_momentum: float
) -> keras.Model:
    """Build one of ``MODELS``, ready to train.

    Takes ``(batch, size_px, size_px, 1)`` uint8; gives ``(batch, size_px, size_px, 2)`` float32,
    per pixel the probabilities of background and of opacity. ``size_px`` is a multiple of 32;
    ``encoder`` is ``full`` or ``small``; ``encoder_weights`` is ``imagenet``, ``none`` or a
    ``.weights.h5`` file. Raises PneumoError for an unknown network and for weights that do not fit.
    """
    if model not in MODELS:
        raise PneumoError(f"{model}: no such network; there are {', '.join(MODELS)}")
    network = MODELS[model]
    backbone = ENCODERS[network.encoder][encoder](size_px, momentum=batch_norm_momentum)
    load_encoder_weights(backbone, encoder_weights)
    features = network.decoder(
        backbone, filters=network.filters[encoder], momentum=batch_norm_momentum
    )
    return keras.Model(backbone.input, head(features, size_px), name=model)
