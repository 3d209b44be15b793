"""Moving averages of the weights, and their place in the network while it is judged."""

from typing import Any

import keras
from keras import ops

FORGOTTEN_STEPS = 3


class AveragingAdam(keras.optimizers.Adam):
    """Adam whose moving average of the weights is at first mostly of the last third of the steps.

    After ``t`` steps its memory is at most ``t / (t + 3)``, and ``ema_momentum`` from then on. With
    0.995 from the first step on, what is judged early lags behind the weights, and behind the
    batch statistics, which are of the last few steps.
    Source: tf.train.ExponentialMovingAverage, ``num_updates``, with other constants.
    """

    def _update_model_variables_moving_average(self, trainable_variables: Any) -> None:
        wanted: float = self.ema_momentum  # type: ignore[has-type]
        steps = ops.cast(self.iterations, "float32")
        self.ema_momentum = ops.minimum(wanted, steps / (steps + FORGOTTEN_STEPS))
        try:
            super()._update_model_variables_moving_average(trainable_variables)
        finally:
            self.ema_momentum = wanted


def adam_of(trainer: keras.Model) -> Any:
    """The optimizer of a trainer, without what scales its loss."""
    return getattr(trainer.optimizer, "inner_optimizer", trainer.optimizer)


def means_of(trainer: keras.Model) -> dict[int, Any]:
    """``id`` of a trained variable -> the variable of its moving average; empty where none is kept.

    As ``keras.callbacks.SwapEMAWeights`` reads them.
    """
    optimizer = adam_of(trainer)
    if not optimizer.use_ema:
        return {}
    means = optimizer._model_variables_moving_average
    return {id(v): m for v, m in zip(trainer.trainable_variables, means, strict=True)}


class JudgeAverages(keras.callbacks.Callback):
    """Puts the moving averages in the network's place for the validation.

    On the device: Keras' SwapEMAWeights takes them to the host and back one by one, and waits.
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
            mean, weight = means[id(variable)], ops.copy(variable)
            variable.assign(mean)
            mean.assign(weight)
