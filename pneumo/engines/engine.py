"""What every engine is: pictures in, blended maps out, several batches on their way at once."""

from abc import ABC, abstractmethod
from collections import deque
from collections.abc import Iterable, Iterator
from concurrent.futures import Future, ThreadPoolExecutor
from typing import NamedTuple, TypeVar

import numpy as np

from pneumo.base.errors import RegistryError

Tag = TypeVar("Tag")


class Answers(NamedTuple):
    """What an ensemble says to ``n`` pictures."""

    maps: np.ndarray
    """Opacity probability in [0, 1] per pixel, float32 ``(n, size_px, size_px)``."""

    disagreement: np.ndarray
    """How far the networks are apart (``detection.disagreement``): float64 ``(n)``, in [0, 0.5];
    NaN where a graph of before does not tell."""


class Engine(ABC):
    """The networks of an ensemble as one function."""

    name: str
    precision: str
    size_px: int
    """Side of the square pictures that the networks take."""

    batch_size: int
    streams: int = 1
    """Batches that are computed at a time."""

    identity: str = ""
    """Names all that its results depend on, where that is known: what was checked once holds."""

    def probabilities(self, pictures: np.ndarray) -> np.ndarray:
        """The ``maps`` of ``answers`` alone."""
        return self.answers(pictures).maps

    def answers(self, pictures: np.ndarray) -> Answers:
        """What the ensemble says to ``pictures``, uint8 ``(n, size_px, size_px)``.

        Raises RegistryError when a network gives a value that is not finite.
        """
        parts = [Answers(np.zeros((0, *pictures.shape[1:]), np.float32), np.zeros(0))] + [
            self._answers(pictures[first : first + self.batch_size])
            for first in range(0, len(pictures), self.batch_size)
        ]
        found = Answers(*map(np.concatenate, zip(*parts, strict=True)))
        if not np.isfinite(found.maps).all():
            raise RegistryError(f"{self.culprit(pictures)} gives values that are not finite")
        return found

    def stream(self, batches: Iterable[tuple[Tag, np.ndarray]]) -> Iterator[tuple[Tag, Answers]]:
        """``answers`` to each batch beside its tag, in order; reading ahead meanwhile."""
        waiting: deque[tuple[Tag, Future[Answers]]] = deque()
        with ThreadPoolExecutor(self.streams) as pool:
            for tag, pictures in batches:
                waiting.append((tag, pool.submit(self.answers, pictures)))
                while len(waiting) > self.streams + 1 or (waiting and waiting[0][1].done()):
                    first, found = waiting.popleft()
                    yield first, found.result()
            for first, found in waiting:
                yield first, found.result()

    def culprit(self, pictures: np.ndarray) -> str:
        """The member that spoils the blend, where the engine can tell; else the ensemble."""
        return "the ensemble"

    @abstractmethod
    def _answers(self, pictures: np.ndarray) -> Answers:
        """What the ensemble says to at most ``batch_size`` pictures."""
