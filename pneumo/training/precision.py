"""The precision that a network is trained in: what the settings name, or what the device is quick in."""

from pathlib import Path

import keras

CPU_FLAGS = frozenset({"avx512_bf16", "amx_bf16"})
"""Linux's words for products in bfloat16 that a processor makes itself; others make them of more."""

CPU_FACTS = Path("/proc/cpuinfo")


def policy(precision: str) -> str:
    """Keras's name of a precision; ``auto`` is bfloat16 where the device multiplies in it.

    With TensorFlow that is a GPU, or a processor that has one of ``CPU_FLAGS``; with JAX, whose
    programs for processors have no such products, a GPU. Elsewhere it is float32.
    """
    if precision == "auto":
        precision = "bfloat16" if _multiplies_in_bfloat16() else "float32"
    return precision if precision == "float32" else f"mixed_{precision}"


def _multiplies_in_bfloat16() -> bool:
    """Whether what the backend computes on does, whatever the environment names."""
    if keras.backend.backend() == "jax":
        import jax

        return jax.default_backend() == "gpu"
    if keras.backend.backend() == "tensorflow":
        import tensorflow as tf

        return bool(tf.config.get_visible_devices("GPU") or CPU_FLAGS & _flags(CPU_FACTS))
    return False


def _flags(facts: Path) -> set[str]:
    """What the first processor of Linux's list can do; nothing where there is no such list."""
    try:
        lines = facts.read_text(encoding="utf-8").splitlines()
    except OSError:
        return set()
    named = (line.partition(":") for line in lines)
    return next((set(words.split()) for name, _, words in named if name.strip() == "flags"), set())
