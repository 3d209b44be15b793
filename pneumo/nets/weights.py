"""Where an encoder's first weights come from: ImageNet, a file, or chance."""

from pathlib import Path

import keras

from pneumo.base.errors import PneumoError, TransientError
from pneumo.base.files import sha256

PUBLISHED = {"resnet152": "ResNet152", "densenet121": "DenseNet121", "vgg19": "VGG19"}
"""Encoder -> its builder in ``keras.applications``."""

ENDING = ".weights.h5"
INSTEAD = "set train.encoder_weights to none, or to a .weights.h5 file of this encoder"


def load_encoder_weights(encoder: keras.Model, weights: str) -> bool:
    """Give ``encoder`` its first weights: ``imagenet``, ``none``, or a path; whether it got any.

    The path is a ``.weights.h5`` file that ``save_weights`` wrote for the same encoder of the same
    size, or a folder with such files, ``densenet121.weights.h5`` and so on. An encoder of which the
    folder has none begins from scratch, and a line says so. Raises PneumoError when the weights
    cannot be had or do not fit.
    """
    if weights == "imagenet":
        _copy_imagenet(encoder)
        return True
    path = weights_file(encoder.name, weights)
    if path and Path(weights).is_dir() and _has_only_others(path):
        print(f"{encoder.name}: begins from scratch, {weights} has no {path.name}", flush=True)
        return False
    if path:
        _load_file(encoder, path)
    return path is not None


def weights_file(encoder: str, weights: str) -> Path | None:
    """The file that ``train.encoder_weights`` means for an encoder; None: it means no file."""
    if weights in ("imagenet", "none"):
        return None
    path = Path(weights)
    return path / f"{encoder}{ENDING}" if path.is_dir() else path


def _has_only_others(path: Path) -> bool:
    """Whether a file is not in its folder, but that of another encoder is."""
    others = (path.with_name(f"{name}{ENDING}") for name in PUBLISHED)
    return not path.exists() and any(other.is_file() for other in others)


def weights_sum(encoder: str, weights: str) -> dict[str, str]:
    """``encoder_weights_sha256`` of the file that is meant; empty where there is none."""
    path = weights_file(encoder, weights)
    return {"encoder_weights_sha256": sha256(path)} if path and path.is_file() else {}


def _copy_imagenet(encoder: keras.Model) -> None:
    try:
        builder = getattr(keras.applications, PUBLISHED[encoder.name])
        published = builder(weights="imagenet", include_top=False, input_shape=(None, None, 3))
    except Exception as error:  # the downloader raises bare Exception
        reason = str(error).splitlines()[0]
        raise TransientError(
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
        raise PneumoError(
            f"{path}: no such file of encoder weights; `pneumo pretrain` makes it, or {INSTEAD}"
        )
    if not path.name.endswith(ENDING):
        raise PneumoError(f"{path}: encoder weights must end in {ENDING}; {INSTEAD}")
    try:
        encoder.load_weights(path)
    except (OSError, ValueError, KeyError) as error:
        reason = str(error).splitlines()[0][:200]
        raise PneumoError(
            f"{path}: does not fit this {encoder.name} ({reason}); it is of another encoder, or of "
            f"another size than train.encoder; {INSTEAD}"
        ) from None
