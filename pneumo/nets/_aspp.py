"""DeepLab's decoder: one coarse map seen through several neighbourhoods, refined by a finer map."""

import math
from collections.abc import Sequence

import keras
from keras import layers

from pneumo.nets._blocks import conv_bn_relu

COARSE, FINE = 3, 1  # of the encoder's five maps: 1/16 and 1/4 of the input


def aspp(encoder: keras.Model, *, filters: Sequence[int], momentum: float) -> keras.KerasTensor:
    """Atrous spatial pyramid pooling on the map at 1/16, joined by the map at 1/4.

    ``filters[0]`` channels in every branch and in the decoder; the fine map is narrowed to 3/16 of
    that, as published (48 of 256). Returns ``(batch, size_px / 4, size_px / 4, filters[0])``.
    Source: Chen et al., "Encoder-Decoder with Atrous Separable Convolution" (DeepLabv3+), ECCV
    2018, sections 3.1 and 4; plain instead of separable convolutions.
    """
    coarse, fine = encoder.outputs[COARSE], encoder.outputs[FINE]
    width = filters[0]
    x = pyramid(coarse, width, momentum=momentum)
    x = layers.UpSampling2D(4, interpolation="bilinear", name="decoder_enlarge")(x)
    narrow = max(8, width * 3 // 16)
    fine = conv_bn_relu(fine, narrow, kernel_size=1, momentum=momentum, name="decoder_fine")
    x = layers.Concatenate(name="decoder_concat")([x, fine])
    x = conv_bn_relu(x, width, momentum=momentum, name="decoder_1")
    return conv_bn_relu(x, width, momentum=momentum, name="decoder_2")


def pyramid(x: keras.KerasTensor, width: int, *, momentum: float) -> keras.KerasTensor:
    """See a square map pixel by pixel, at growing distances, and as a whole; mix the views.

    ``(batch, side, side, channels)`` to ``(batch, side, side, width)``.
    """
    side = x.shape[1]
    branches = [conv_bn_relu(x, width, kernel_size=1, momentum=momentum, name="aspp_point")]
    for rate in rates(side):
        name = f"aspp_rate{rate}"
        branches.append(conv_bn_relu(x, width, dilation=rate, momentum=momentum, name=name))
    whole = layers.GlobalAveragePooling2D(keepdims=True, name="aspp_pool")(x)
    whole = conv_bn_relu(whole, width, kernel_size=1, momentum=momentum, name="aspp_image")
    branches.append(layers.UpSampling2D(side, name="aspp_image_enlarge")(whole))
    x = layers.Concatenate(name="aspp_concat")(branches)
    return conv_bn_relu(x, width, kernel_size=1, momentum=momentum, name="aspp_mix")


def rates(side: int) -> list[int]:
    """Dilation rates for a map of ``side`` x ``side``: the published 6, 12, 18 of 32, scaled.

    A rate of ``side`` or more would see nothing but its own pixel, so none is that large; a map
    of 2 x 2 has room for one rate only.
    """
    scaled = {math.ceil(rate * side / 32) for rate in (6, 12, 18)}
    return sorted(rate for rate in scaled if rate < side)
