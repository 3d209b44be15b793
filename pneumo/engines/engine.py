"""What every engine is: pictures in, blended maps out, several batches on their way at once."""

from abc import ABC, abstractmethod
from collections import deque
from collections.abc import Iterable, Iterator
from concurrent.futures import Future, ThreadPoolExecutor
from typing import TypeVar

import numpy as np

from pneumo.base.errors import RegistryError

Tag = TypeVar("Tag")


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
        """Opacity probability in [0, 1] per pixel, float32, of the shape of ``pictures``.

        ``pictures`` is uint8 ``(n, size_px, size_px)``. Raises RegistryError when a network gives
        a value that is not finite.
        """
        parts = [
            self._blended(pictures[first : first + self.batch_size])
            for first in range(0, len(pictures), self.batch_size)
        ]
        maps = np.concatenate(parts) if parts else np.zeros(pictures.shape, np.float32)
        if not np.isfinite(maps).all():
            raise RegistryError(f"{self.culprit(pictures)} gives values that are not finite")
        return maps

    def stream(self, batches: Iterable[tuple[Tag, np.ndarray]]) -> Iterator[tuple[Tag, np.ndarray]]:
        """``probabilities`` of each batch beside its tag, in order; reading ahead meanwhile."""
        waiting: deque[tuple[Tag, Future[np.ndarray]]] = deque()
        with ThreadPoolExecutor(self.streams) as pool:
            for tag, pictures in batches:
                waiting.append((tag, pool.submit(self.probabilities, pictures)))
                while len(waiting) > self.streams + 1 or (waiting and waiting[0][1].done()):
                    first, maps = waiting.popleft()
                    yield first, maps.result()
            for first, maps in waiting:
                yield first, maps.result()

    def culprit(self, pictures: np.ndarray) -> str:
        """The member that spoils the blend, where the engine can tell; else the ensemble."""
        return "the ensemble"

    @abstractmethod
    def _blended(self, pictures: np.ndarray) -> np.ndarray:
        """The blend for at most ``batch_size`` pictures."""
