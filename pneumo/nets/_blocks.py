"""The layers that encoders' decoders share: convolution, attention, head."""

import keras
from keras import layers, ops


def conv_bn_relu(
    x: keras.KerasTensor,
    filters: int,
    *,
    momentum: float,
    name: str,
    kernel_size: int = 3,
    dilation: int = 1,
) -> keras.KerasTensor:
    """Convolve without bias, normalise over the batch, rectify.

    ``(batch, height, width, channels)`` to ``(batch, height, width, filters)``.
    """
    x = layers.Conv2D(
        filters,
        kernel_size,
        padding="same",
        dilation_rate=dilation,
        use_bias=False,
        kernel_initializer="he_normal",
        name=f"{name}_conv",
    )(x)
    x = layers.BatchNormalization(momentum=momentum, name=f"{name}_bn")(x)
    return layers.Activation("relu", name=f"{name}_relu")(x)


def spatial_attention(
    x: keras.KerasTensor, *, momentum: float, kernel_size: int = 7, name: str
) -> keras.KerasTensor:
    """Weigh every pixel of a feature map by a learnt map in [0, 1].

    ``(batch, height, width, channels)`` in and out. Channel mean and maximum are stacked
    and convolved to one plane: the spatial half of CBAM (Woo et al., ECCV 2018, section 3.2).
    The plane is normalised, as in its authors' code: nothing bounds VGG19's maps, and a sigmoid
    that is 0 or 1 everywhere learns nothing.
    """
    mean = ops.mean(x, axis=-1, keepdims=True)
    peak = ops.max(x, axis=-1, keepdims=True)
    both = layers.Concatenate(name=f"{name}_stack")([mean, peak])
    weight = layers.Conv2D(1, kernel_size, padding="same", use_bias=False, name=f"{name}_conv")(
        both
    )
    weight = layers.BatchNormalization(momentum=momentum, name=f"{name}_bn")(weight)
    weight = layers.Activation("sigmoid", name=f"{name}_map")(weight)
    return layers.Multiply(name=f"{name}_weigh")([x, weight])


def head(x: keras.KerasTensor, size_px: int) -> keras.KerasTensor:
    """Probability of background and of opacity for every pixel of the input, in float32.

    ``(batch, height, width, channels)`` to ``(batch, size_px, size_px, 2)``; the two channels
    sum to one. A smaller map is enlarged bilinearly before the softmax.
    """
    x = layers.Conv2D(2, 1, dtype="float32", name="head_conv")(x)
    if x.shape[1] < size_px:
        factor = size_px // x.shape[1]
        x = layers.UpSampling2D(
            factor, interpolation="bilinear", dtype="float32", name="head_enlarge"
        )(x)
    return layers.Activation("softmax", dtype="float32", name="head_softmax")(x)


def times_presence(
    maps: keras.KerasTensor, bridge: keras.KerasTensor, *, momentum: float | None, name: str
) -> keras.KerasTensor:
    """Multiply every pixel's opacity by the probability that the image shows any.

    ``maps`` is ``(batch, height, width, 2)``, as ``head`` gives it, and so is what is returned;
    ``bridge``, the encoder's last map, is pooled by mean and by maximum to that one probability,
    layer ``name``, float32 ``(batch, 1, 1, 1)``. With a ``momentum``, what is pooled is normalised
    over the batch first: a map of any size would make the sigmoid say 0 or 1, and learn nothing.
    """
    mean = layers.GlobalAveragePooling2D(keepdims=True, name=f"{name}_mean")(bridge)
    peak = layers.GlobalMaxPooling2D(keepdims=True, name=f"{name}_peak")(bridge)
    pooled = layers.Concatenate(name=f"{name}_pooled")([mean, peak])
    if momentum is not None:
        norm = layers.BatchNormalization(momentum=momentum, dtype="float32", name=f"{name}_bn")
        pooled = norm(pooled)
    present = layers.Conv2D(1, 1, activation="sigmoid", dtype="float32", name=name)(pooled)
    absent = layers.Rescaling(-1.0, 1.0, dtype="float32", name=f"{name}_absent")(present)
    nothing = layers.Rescaling(0.0, dtype="float32", name=f"{name}_nothing")(absent)
    rest = layers.Concatenate(dtype="float32", name=f"{name}_rest")([absent, nothing])
    shown = layers.Multiply(dtype="float32", name=f"{name}_shown")([maps, present])
    return layers.Add(dtype="float32", name=f"{name}_gated")([shown, rest])
