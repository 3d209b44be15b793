"""ResNet152, DenseNet121 and VGG19 as encoders: one-channel uint8 in, five feature maps out.

Layers carry the names of ``keras.applications``, so that ImageNet weights are copied by name.
``full`` is the published size; ``small`` keeps the design at a size that a CPU trains from scratch.
"""

from collections.abc import Callable, Sequence
from functools import partial

import keras
from keras import layers

CAFFE_MEANS = (103.939, 116.779, 123.68)  # blue, green, red, 0 to 255
TORCH_MEANS = (0.485, 0.456, 0.406)  # red, green, blue, 0 to 1
TORCH_DEVIATIONS = (0.229, 0.224, 0.225)
EPSILON = 1.001e-5


def resnet152(
    size_px: int, *, momentum: float, stem: int, widths: Sequence[int], blocks: Sequence[int]
) -> keras.Model:
    """ResNet, version 1: stages of bottleneck blocks at 1/4, 1/8, 1/16 and 1/32 of the input.

    Five maps: ``conv1_relu`` at 1/2 and the last block of each stage. ``stem`` counts the filters
    of the first convolution, ``widths`` those inside a block; a block returns four times as many.
    Source: He et al., "Deep Residual Learning for Image Recognition", CVPR 2016, table 1.
    """
    pixels, x = _caffe_input(size_px)
    x = layers.ZeroPadding2D(3, name="conv1_pad")(x)
    x = layers.Conv2D(stem, 7, strides=2, name="conv1_conv")(x)
    x = _batch_norm(x, momentum, "conv1_bn")
    x = layers.Activation("relu", name="conv1_relu")(x)
    taps = [x]
    x = layers.ZeroPadding2D(1, name="pool1_pad")(x)
    x = layers.MaxPooling2D(3, strides=2, name="pool1_pool")(x)
    for stage, (width, count) in enumerate(zip(widths, blocks, strict=True), start=2):
        for block in range(1, count + 1):
            stride = 2 if block == 1 and stage > 2 else 1
            name = f"conv{stage}_block{block}"
            x = _bottleneck(x, width, stride, widen=block == 1, momentum=momentum, name=name)
        taps.append(x)
    return keras.Model(pixels, taps, name="resnet152")


def _bottleneck(
    x: keras.KerasTensor, width: int, stride: int, *, widen: bool, momentum: float, name: str
) -> keras.KerasTensor:
    shortcut = x
    if widen:
        shortcut = layers.Conv2D(4 * width, 1, strides=stride, name=f"{name}_0_conv")(x)
        shortcut = _batch_norm(shortcut, momentum, f"{name}_0_bn")
    x = layers.Conv2D(width, 1, strides=stride, name=f"{name}_1_conv")(x)
    x = _batch_norm(x, momentum, f"{name}_1_bn")
    x = layers.Activation("relu", name=f"{name}_1_relu")(x)
    x = layers.Conv2D(width, 3, padding="same", name=f"{name}_2_conv")(x)
    x = _batch_norm(x, momentum, f"{name}_2_bn")
    x = layers.Activation("relu", name=f"{name}_2_relu")(x)
    x = layers.Conv2D(4 * width, 1, name=f"{name}_3_conv")(x)
    x = _batch_norm(x, momentum, f"{name}_3_bn")
    x = layers.Add(name=f"{name}_add")([shortcut, x])
    return layers.Activation("relu", name=f"{name}_out")(x)


def densenet121(
    size_px: int, *, momentum: float, stem: int, growth: int, blocks: Sequence[int]
) -> keras.Model:
    """DenseNet-BC: every layer of a block sees the maps of all layers before it.

    Five maps: ``conv1_relu`` at 1/2, the ends of three blocks (``pool2_relu`` at 1/4,
    ``pool3_relu``, ``pool4_relu``), and ``relu`` at 1/32. A layer adds ``growth`` maps, and a
    transition halves them.
    Source: Huang et al., "Densely Connected Convolutional Networks", CVPR 2017, table 1.
    """
    pixels, x = _torch_input(size_px)
    x = layers.ZeroPadding2D(3, name="conv1_pad")(x)
    x = layers.Conv2D(stem, 7, strides=2, use_bias=False, name="conv1_conv")(x)
    x = _batch_norm(x, momentum, "conv1_bn")
    x = layers.Activation("relu", name="conv1_relu")(x)
    taps = [x]
    x = layers.ZeroPadding2D(1, name="pool1_pad")(x)
    x = layers.MaxPooling2D(3, strides=2, name="pool1")(x)
    for stage, count in enumerate(blocks, start=2):
        for block in range(1, count + 1):
            x = _dense_layer(x, growth, momentum=momentum, name=f"conv{stage}_block{block}")
        if stage <= len(blocks):
            x = _batch_norm(x, momentum, f"pool{stage}_bn")
            x = layers.Activation("relu", name=f"pool{stage}_relu")(x)
            taps.append(x)
            half = x.shape[-1] // 2
            x = layers.Conv2D(half, 1, use_bias=False, name=f"pool{stage}_conv")(x)
            x = layers.AveragePooling2D(2, strides=2, name=f"pool{stage}_pool")(x)
    x = _batch_norm(x, momentum, "bn")
    x = layers.Activation("relu", name="relu")(x)
    return keras.Model(pixels, [*taps, x], name="densenet121")


def _dense_layer(
    x: keras.KerasTensor, growth: int, *, momentum: float, name: str
) -> keras.KerasTensor:
    added = _batch_norm(x, momentum, f"{name}_0_bn")
    added = layers.Activation("relu", name=f"{name}_0_relu")(added)
    added = layers.Conv2D(4 * growth, 1, use_bias=False, name=f"{name}_1_conv")(added)
    added = _batch_norm(added, momentum, f"{name}_1_bn")
    added = layers.Activation("relu", name=f"{name}_1_relu")(added)
    added = layers.Conv2D(growth, 3, padding="same", use_bias=False, name=f"{name}_2_conv")(added)
    return layers.Concatenate(name=f"{name}_concat")([x, added])


def vgg19(
    size_px: int, *, momentum: float, widths: Sequence[int], convolutions: Sequence[int]
) -> keras.Model:
    """VGG: blocks of 3 x 3 convolutions, each at half the resolution of the one before.

    Five maps: the last convolution of each block, at 1/1 to 1/16 of the input. There is no batch
    normalisation, so ``momentum`` has no effect.
    Source: Simonyan and Zisserman, "Very Deep Convolutional Networks", ICLR 2015, column E.
    """
    pixels, x = _caffe_input(size_px)
    taps: list[keras.KerasTensor] = []
    for block, (width, count) in enumerate(zip(widths, convolutions, strict=True), start=1):
        if taps:
            x = layers.MaxPooling2D(2, strides=2, name=f"block{block - 1}_pool")(x)
        for number in range(1, count + 1):
            name = f"block{block}_conv{number}"
            x = layers.Conv2D(width, 3, padding="same", activation="relu", name=name)(x)
        taps.append(x)
    return keras.Model(pixels, taps, name="vgg19")


def _batch_norm(x: keras.KerasTensor, momentum: float, name: str) -> keras.KerasTensor:
    return layers.BatchNormalization(momentum=momentum, epsilon=EPSILON, name=name)(x)


def _caffe_input(size_px: int) -> tuple[keras.KerasTensor, keras.KerasTensor]:
    return _input(size_px, [1.0, 1.0, 1.0], [-mean for mean in CAFFE_MEANS])


def _torch_input(size_px: int) -> tuple[keras.KerasTensor, keras.KerasTensor]:
    scale = [1 / (255 * deviation) for deviation in TORCH_DEVIATIONS]
    means = zip(TORCH_MEANS, TORCH_DEVIATIONS, strict=True)
    return _input(size_px, scale, [-mean / deviation for mean, deviation in means])


def _input(
    size_px: int, scale: list[float], offset: list[float]
) -> tuple[keras.KerasTensor, keras.KerasTensor]:
    pixels = keras.Input((size_px, size_px, 1), dtype="uint8", name="pixels")
    x = layers.Concatenate(dtype="uint8", name="three_channels")([pixels] * 3)
    return pixels, layers.Rescaling(scale, offset, name="normalise")(x)


ENCODERS: dict[str, dict[str, Callable[..., keras.Model]]] = {
    "resnet152": {
        "full": partial(resnet152, stem=64, widths=(64, 128, 256, 512), blocks=(3, 8, 36, 3)),
        "small": partial(resnet152, stem=16, widths=(8, 16, 32, 64), blocks=(2, 2, 2, 2)),
    },
    "densenet121": {
        "full": partial(densenet121, stem=64, growth=32, blocks=(6, 12, 24, 16)),
        "small": partial(densenet121, stem=16, growth=16, blocks=(2, 3, 4, 3)),
    },
    "vgg19": {
        "full": partial(vgg19, widths=(64, 128, 256, 512, 512), convolutions=(2, 2, 4, 4, 4)),
        "small": partial(vgg19, widths=(12, 24, 48, 64, 64), convolutions=(2, 2, 2, 2, 2)),
    },
}
"""Encoder -> size -> builder, called with ``size_px`` and ``momentum``."""
