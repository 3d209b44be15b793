"""One network on several devices: each computes its part of every batch, all keep the same weights.

TensorFlow mirrors the variables (``tf.distribute.MirroredStrategy``); JAX cuts the batches
(``keras.distribution``) and computes as if they were whole. Under TensorFlow every device sees its
part alone, so what is a sum over the batch has to be summed over the devices: the loss's overlap
and means (``total``, ``mean``) and the statistics of batch normalisation (``synchronise``). Then
several devices compute what one computes, but for rounding.
"""

from collections.abc import Callable
from contextlib import AbstractContextManager, nullcontext
from typing import Any

import keras
import numpy as np
from keras import ops

from pneumo.base.errors import PneumoError


def scope_over(count: int) -> Callable[[], AbstractContextManager]:
    """What to enter, as often as needed, to build and train a network on ``count`` devices.

    GPUs where there are any, else the processor as often as the backend was told to split it.
    Raises PneumoError when there are fewer than ``count``.
    """
    if count == 1:
        return nullcontext
    if keras.backend.backend() == "tensorflow":
        import tensorflow as tf

        devices = tf.config.list_logical_devices("GPU") or tf.config.list_logical_devices("CPU")
        names = _enough([device.name for device in devices], count)
        return tf.distribute.MirroredStrategy(names).scope
    return _EvenParts(devices=_enough(keras.distribution.list_devices(), count)).scope


def _enough(names: list[str], count: int) -> list[str]:
    if len(names) < count:
        raise PneumoError(
            f"train.devices is {count}, but {keras.backend.backend()} finds "
            f"{len(names)} ({', '.join(names)}); lower it"
        )
    return names[:count]


class _EvenParts(keras.distribution.DataParallel):
    """Cuts batches that the devices can share evenly; any other is computed whole by each."""

    def get_data_layout(self, data_shape: Any) -> Any:
        if data_shape[0] % self.num_model_replicas == 0:
            return super().get_data_layout(data_shape)
        axes: list[str | None] = [None] * len(data_shape)
        return keras.distribution.TensorLayout(axes, self.device_mesh)


def even_size(size: int, count: int, devices: int) -> int:
    """The largest batch of ``count`` images, ``size`` at most, that the devices share evenly.

    Raises PneumoError when there are fewer images than devices.
    """
    if devices == 1:
        return size
    shared = min(size, count) // devices * devices
    if not shared:
        raise PneumoError(f"{count} images cannot be shared by train.devices {devices}; lower it")
    return shared


def even_rows(rows: np.ndarray, devices: int) -> np.ndarray:
    """As many of ``rows``, from the first, as the devices share evenly.

    A batch that leaves a device without an image fails in TensorFlow 2.21's convolutions.
    """
    return rows[: len(rows) // devices * devices]


def handed_over(count: int, devices: int) -> int:
    """Images to give ``train_on_batch`` so that ``devices`` compute ``count``.

    Under TensorFlow it gives every device all of them.
    """
    return count // devices if keras.backend.backend() == "tensorflow" else count


def parts() -> int:
    """How many devices see a part of the batch each, where this is called; 1: it is whole."""
    if keras.backend.backend() != "tensorflow":
        return 1
    import tensorflow as tf

    inside = tf.distribute.get_replica_context() is not None
    return tf.distribute.get_strategy().num_replicas_in_sync if inside else 1


def total(value: Any) -> Any:
    """The sum over the devices of what each found in its part of the batch."""
    if parts() == 1:
        return value
    import tensorflow as tf

    return tf.distribute.get_replica_context().all_reduce("sum", value)


def mean(values: Any) -> Any:
    """The mean of ``values`` over the whole batch."""
    if parts() == 1:
        return ops.mean(values)
    return total(ops.sum(values)) / total(ops.cast(ops.size(values), values.dtype))


def synchronise(network: keras.Model) -> None:
    """Let batch normalisation see the whole batch; where a device sees it anyway, do nothing."""
    if keras.backend.backend() == "tensorflow":
        for layer in network.layers:
            if isinstance(layer, keras.layers.BatchNormalization):
                layer.synchronized = True
