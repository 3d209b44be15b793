"""The memory of the GPU that a training computes on, as the backend itself counts it."""

from pneumo.nets.configured import keras


def gpu_memory() -> tuple[int, int | None] | None:
    """The most bytes of one GPU held so far by this process, and the bytes it may hold.

    The second is None where the backend does not tell. None without a GPU.
    Source: ``tf.config.experimental.get_memory_info``; ``jax.Device.memory_stats``, which is None
    on devices that keep no count.
    """
    if keras.backend.backend() == "tensorflow":
        import tensorflow as tf

        count = len(tf.config.list_logical_devices("GPU"))
        named = [f"GPU:{number}" for number in range(count)]
        peaks = [tf.config.experimental.get_memory_info(name)["peak"] for name in named]
        return (max(peaks), None) if peaks else None
    if keras.backend.backend() != "jax":
        return None
    import jax

    devices = [device for device in jax.local_devices() if device.platform in ("gpu", "cuda")]
    counts = [stats for device in devices if (stats := device.memory_stats())]
    if not counts:
        return None
    fullest = max(counts, key=lambda stats: stats.get("peak_bytes_in_use", 0))
    return fullest.get("peak_bytes_in_use", 0), fullest.get("bytes_limit")
