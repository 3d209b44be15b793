"""Whether the encoders' first weights can be had, without loading Keras."""

import http.client
import os
from pathlib import Path
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from pneumo.base.settings import Settings

HOST, ADDRESS = "storage.googleapis.com", "/tensorflow/keras-applications/{}/{}"
NAME = "{}_weights_tf_dim_ordering_tf_kernels_notop.h5"
"""Where ``keras.applications`` has its weights, and under which names it keeps them."""

FOLDERS = {"resnet152": "resnet"}
"""At that address, where a folder is not called as the encoder."""

SECONDS = 10.0
INSTEAD = "set train.encoder_weights to none, or to a folder of .weights.h5 files"


def encoder_faults(settings: "Settings") -> list[str]:
    """A line per encoder whose weights will be missing; none where all can be had."""
    encoders = sorted({model.rpartition("_")[2] for model in settings.models})
    weights = settings.train.encoder_weights
    if weights == "none":
        return []
    if weights == "imagenet":
        if settings.train.encoder == "small":
            return ["train.encoder_weights: imagenet fits the full encoders only; set it to none"]
        return [line for name in encoders if (line := _imagenet_fault(name))]
    path = Path(weights)
    if not path.exists():
        return [f"train.encoder_weights: {path}: no such file or folder; {INSTEAD}"]
    if path.is_dir() and not any((path / f"{name}.weights.h5").is_file() for name in encoders):
        names = ", ".join(f"{name}.weights.h5" for name in encoders)
        return [f"train.encoder_weights: {path}: has none of {names}; {INSTEAD}"]
    return []


def _imagenet_fault(encoder: str) -> str:
    """What is wrong with an encoder that is neither in Keras' folder nor can be downloaded."""
    home = Path(os.environ.get("KERAS_HOME") or Path.home() / ".keras")
    file = NAME.format(encoder)
    if (home / "models" / file).is_file():
        return ""
    if not (reason := _refused(ADDRESS.format(FOLDERS.get(encoder, encoder), file))):
        return ""
    return (
        f"train.encoder_weights: the ImageNet weights of {encoder} are not in {home / 'models'}, "
        f"and cannot be downloaded ({reason}); put {file} there, or {INSTEAD}"
    )


def _refused(address: str) -> str:
    """Why a file cannot be downloaded; blank where it can. Only its header is asked for."""
    server = http.client.HTTPSConnection(HOST, timeout=SECONDS)
    try:
        server.request("HEAD", address)
        answer = server.getresponse()
        return "" if answer.status == http.client.OK else f"{answer.status} {answer.reason}"
    except (OSError, http.client.HTTPException) as error:
        return (str(error).splitlines() or [type(error).__name__])[0][:100]
    finally:
        server.close()
