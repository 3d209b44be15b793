"""Moving averages of the weights, and their place in the network while it is judged."""

from typing import Any

import keras
from keras import ops


def means_of(trainer: keras.Model) -> dict[int, Any]:
    """``id`` of a trained variable -> the variable of its moving average; empty where none is kept.

    As ``keras.callbacks.SwapEMAWeights`` reads them.
    """
    optimizer = getattr(trainer.optimizer, "inner_optimizer", trainer.optimizer)
    if not optimizer.use_ema:
        return {}
    means = optimizer._model_variables_moving_average
    return {id(v): m for v, m in zip(trainer.trainable_variables, means, strict=True)}


class JudgeAverages(keras.callbacks.Callback):
    """Puts the moving averages in the network's place for the validation.

    Keras' SwapEMAWeights does the same through the memory of the host, variable by variable, which
    on a GPU took longer than the steps of a short epoch.
    """

    def on_test_begin(self, logs: Any = None) -> None:
        """The averages go in."""
        self._exchange()

    def on_test_end(self, logs: Any = None) -> None:
        """The weights come back."""
        self._exchange()

    def _exchange(self) -> None:
        means = means_of(self.model)
        for variable in self.model.trainable_variables:
            mean = means[id(variable)]
            weight, average = ops.convert_to_tensor(variable), ops.convert_to_tensor(mean)
            variable.assign(average)
            mean.assign(weight)
