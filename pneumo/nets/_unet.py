"""U-Net: the encoder's maps come back, coarse to fine, until the input's resolution is reached."""

from collections.abc import Sequence

import keras
from keras import layers

from pneumo.nets._blocks import conv_bn_relu, spatial_attention


def unet(
    encoder: keras.Model, *, filters: Sequence[int], momentum: float, attention: bool = False
) -> keras.KerasTensor:
    """Decode the five maps of an encoder to features of every pixel of its input.

    The coarsest map is the bridge. Each step doubles the resolution, appends the encoder's map of
    that resolution, where there is one, and convolves twice; ``filters`` counts the channels of
    each step, coarse to fine. With ``attention``, the bridge and every skip are first weighed in
    space. Returns ``(batch, size_px, size_px, filters[steps - 1])``.
    Source: Ronneberger et al., "U-Net", MICCAI 2015; attention: see ``spatial_attention``.
    """
    *skips, x = encoder.outputs
    size_px = encoder.input.shape[1]
    if attention:
        x = spatial_attention(x, momentum=momentum, name="bridge_attention")
    for step, width in enumerate(filters, start=1):
        if x.shape[1] == size_px:
            break
        name = f"decoder{step}"
        x = layers.UpSampling2D(2, name=f"{name}_enlarge")(x)
        if skips:
            skip = skips.pop()
            if attention:
                skip = spatial_attention(skip, momentum=momentum, name=f"{name}_attention")
            x = layers.Concatenate(name=f"{name}_concat")([x, skip])
        x = conv_bn_relu(x, width, momentum=momentum, name=f"{name}_1")
        x = conv_bn_relu(x, width, momentum=momentum, name=f"{name}_2")
    return x
