"""The precision of a training: what the settings name, or what the device is quick in."""

import os
from typing import TYPE_CHECKING

import keras

from pneumo.base.cpu import cpu_flags

if TYPE_CHECKING:
    from pneumo.base.settings import TrainSettings

CPU_FLAGS = frozenset({"avx512_bf16", "amx_bf16"})
"""Linux's words for a processor's own products in bfloat16; others make them of several steps."""


def policy(train: "TrainSettings") -> str:
    """Keras's name of ``train.precision``; ``auto`` is bfloat16 where the device multiplies in it.

    That is a GPU, and for TensorFlow's oneDNN a processor that has one of ``CPU_FLAGS``. What XLA
    makes for processors, which is all that JAX has there, does not use them. Elsewhere it is
    float32.
    """
    precision = str(train.precision)
    if precision == "auto":
        is_quick = _is_on_gpu() or (train.jit_compile != "on" and _has_products())
        precision = "bfloat16" if is_quick else "float32"
    return precision if precision == "float32" else f"mixed_{precision}"


def _is_on_gpu() -> bool:
    """Whether the backend computes on a GPU, whatever the environment names."""
    if keras.backend.backend() == "jax":
        import jax

        return jax.default_backend() == "gpu"
    if keras.backend.backend() == "tensorflow":
        import tensorflow as tf

        return bool(tf.config.get_visible_devices("GPU"))
    return False


def _has_products() -> bool:
    """Whether TensorFlow multiplies in bfloat16 on this processor by its own instructions."""
    if keras.backend.backend() != "tensorflow" or os.environ.get("TF_ENABLE_ONEDNN_OPTS") == "0":
        return False
    return bool(CPU_FLAGS & cpu_flags())
