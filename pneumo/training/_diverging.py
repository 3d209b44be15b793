"""When a training is worse than nothing: its loss has left what it started from for good."""

from collections import deque

FACTOR, BATCHES = 4.0, 20
"""A training diverges when the mean loss of its last ``BATCHES`` batches exceeds ``FACTOR`` times
that of its first epoch, which is the worst of a training that works. One bad batch does not do."""


class Divergence:
    """Follows the mean loss over the last ``BATCHES`` batches, across epochs."""

    def __init__(self) -> None:
        self._last: deque[float] = deque(maxlen=BATCHES)
        self._total = 0.0

    def begin_epoch(self) -> None:
        """Forget the running mean, which Keras begins anew in every epoch."""
        self._total = 0.0

    def add(self, batch: int, running_mean: float) -> None:
        """Take the mean loss of the epoch up to ``batch``, counted from 0."""
        total = running_mean * (batch + 1)
        self._last.append(total - self._total)
        self._total = total

    def exceeds(self, first_epoch: float) -> float | None:
        """The mean of the last batches where it exceeds the first epoch's by ``FACTOR``."""
        mean = sum(self._last) / BATCHES
        return mean if len(self._last) == BATCHES and mean > FACTOR * first_epoch else None
