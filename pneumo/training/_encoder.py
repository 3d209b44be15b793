"""The course of an encoder that came with weights: frozen at first, then let go at its own pace."""

from typing import Any

import keras
from keras import ops

from pneumo.training._averaging import AveragingAdam


class EncoderAdam(AveragingAdam):
    """Adam that takes smaller steps for some variables, which may be let go later than the rest.

    Without ``set_apart`` it is ``AveragingAdam``.
    """

    _apart: frozenset[int] = frozenset()

    def set_apart(
        self, variables: list[Any], *, rate: float, frozen_steps: int, warmup_steps: int
    ) -> None:
        """Take ``rate`` times the step size for ``variables``; they have no gradient at first.

        Their moments begin at 0 when they are let go, after ``frozen_steps`` of all steps, so they
        are corrected by the steps since then: by all of them, the first steps would be six times
        too long (Kingma and Ba, "Adam", ICLR 2015, section 3). Even so the first move every weight
        alike, whatever its gradient, so ``warmup_steps`` of them grow, by one in as many of the
        whole at a time.
        """
        self._apart = frozenset(self._get_variable_index(variable) for variable in variables)
        self._rate, self._frozen_steps = rate, frozen_steps
        self._warmup_steps = max(1, warmup_steps)

    def apply(self, grads: Any, trainable_variables: Any = None) -> None:
        """As Keras does, where a frozen variable's gradient is 0 and not missing."""
        if self._apart and trainable_variables is not None:
            trainable_variables = list(trainable_variables)
            pairs = zip(grads, trainable_variables, strict=True)
            grads = [ops.zeros_like(v) if g is None else g for g, v in pairs]
        super().apply(grads, trainable_variables)

    def update_step(self, gradient: Any, variable: Any, learning_rate: Any) -> None:
        """As Keras does, with the step size of the variable."""
        if self._get_variable_index(variable) in self._apart:
            learning_rate = learning_rate * self._share()
        super().update_step(gradient, variable, learning_rate)

    def _share(self) -> Any:
        step = ops.cast(self.iterations, "float32") + 1
        since = ops.maximum(step - self._frozen_steps, 1)
        warm = ops.minimum(since / self._warmup_steps, 1)
        return self._rate * warm * self._correction(since) / self._correction(step)

    def _correction(self, step: Any) -> Any:
        return ops.sqrt(1 - ops.power(self.beta_2, step)) / (1 - ops.power(self.beta_1, step))


class LetGo(keras.callbacks.Callback):
    """Keeps a trainer's encoder frozen for ``epochs``, by their numbers, so also after a kill."""

    def __init__(self, epochs: int) -> None:
        super().__init__()
        self._epochs = epochs

    def on_epoch_begin(self, epoch: int, logs: Any = None) -> None:
        """Freeze the encoder, or let it go."""
        self.model.freeze(epoch < self._epochs)
