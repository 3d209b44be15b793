"""What Keras computes with."""

import os
from importlib.util import find_spec

BACKENDS = ("tensorflow", "jax")
"""What a network is trained and run with, the first choice first."""


def installed() -> list[str]:
    """Those of ``BACKENDS`` that are installed."""
    return [name for name in BACKENDS if find_spec(name)]


def keras_backend() -> str:
    """What ``KERAS_BACKEND`` names; unset, the first that is installed, else TensorFlow."""
    return os.environ.get("KERAS_BACKEND") or (*installed(), BACKENDS[0])[0]
