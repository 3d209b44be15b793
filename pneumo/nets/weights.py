"""Where an encoder's first weights come from: ImageNet, a file, or chance."""

from pathlib import Path

import keras

from pneumo.errors import PneumoError

PUBLISHED = {"resnet152": "ResNet152", "densenet121": "DenseNet121", "vgg19": "VGG19"}
"""Encoder -> its builder in ``keras.applications``."""

INSTEAD = "set train.encoder_weights to none, or to a .weights.h5 file of this encoder"


def load_encoder_weights(encoder: keras.Model, weights: str) -> None:
    """Give ``encoder`` its first weights: ``imagenet``, ``none``, or a ``.weights.h5`` file.

    The file is one that ``save_weights`` wrote for the same encoder of the same size. Raises
    PneumoError when the weights cannot be had or do not fit.
    """
    if weights == "imagenet":
        _copy_imagenet(encoder)
    elif weights != "none":
        _load_file(encoder, Path(weights))


def _copy_imagenet(encoder: keras.Model) -> None:
    try:
        builder = getattr(keras.applications, PUBLISHED[encoder.name])
        published = builder(weights="imagenet", include_top=False, input_shape=(None, None, 3))
    except Exception as error:  # the downloader raises bare Exception
        reason = str(error).splitlines()[0]
        raise PneumoError(
            f"{encoder.name}: ImageNet weights cannot be downloaded ({reason}); {INSTEAD}"
        ) from None
    copy_by_name(published, encoder)


def copy_by_name(published: keras.Model, encoder: keras.Model) -> None:
    """Copy the weights of every layer of ``published`` to the layer of that name in ``encoder``.

    Raises PneumoError when a layer is missing or of another shape, as in a small encoder.
    """
    try:
        for layer in published.layers:
            if layer.weights:
                encoder.get_layer(layer.name).set_weights(layer.get_weights())
    except ValueError:
        raise PneumoError(
            f"{encoder.name}: ImageNet weights fit the full encoder only; set train.encoder to "
            f"full, or train.encoder_weights to none"
        ) from None


def _load_file(encoder: keras.Model, path: Path) -> None:
    if not path.is_file():
        raise PneumoError(f"{path}: no such file of encoder weights; {INSTEAD}")
    if not path.name.endswith(".weights.h5"):
        raise PneumoError(f"{path}: encoder weights must end in .weights.h5; {INSTEAD}")
    try:
        encoder.load_weights(path)
    except (OSError, ValueError, KeyError) as error:
        reason = str(error).splitlines()[0][:200]
        raise PneumoError(
            f"{path}: does not fit this {encoder.name} ({reason}); {INSTEAD}"
        ) from None
