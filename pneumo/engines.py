"""The ensemble as one function, from pictures to blended opacity probabilities."""

import json
from pathlib import Path

import keras
import numpy as np

from pneumo.ensemble import Ensemble, blend
from pneumo.errors import RegistryError


class KerasEngine:
    """The networks of an ensemble, run by Keras."""

    def __init__(self, folder: Path, batch_size: int = 16) -> None:
        """Load ``ensemble.json`` and the ``.keras`` files that its weights name, in safe mode."""
        self.ensemble = Ensemble(**json.loads((folder / "ensemble.json").read_text()))
        self._batch_size = batch_size
        self._networks = {
            name: keras.saving.load_model(folder / f"{name}.keras", compile=False, safe_mode=True)
            for name, weight in self.ensemble.weights.items()
            if weight > 0
        }

    @property
    def size_px(self) -> int:
        """Side of the square pictures that the networks take."""
        return int(next(iter(self._networks.values())).input_shape[1])

    def probabilities(self, pictures: np.ndarray) -> np.ndarray:
        """Opacity probability in [0, 1] per pixel, float32, of the shape of ``pictures``.

        ``pictures`` is uint8 ``(n, size_px, size_px)``. Raises RegistryError when a network
        gives a value that is not finite.
        """
        maps = {name: self._predict(net, pictures) for name, net in self._networks.items()}
        blended = blend(maps, self.ensemble.weights)
        if not np.isfinite(blended).all():
            raise RegistryError("the ensemble gave values that are not finite; do not use it")
        return blended

    def _predict(self, network: keras.Model, pictures: np.ndarray) -> np.ndarray:
        found = network.predict(pictures[..., None], batch_size=self._batch_size, verbose=0)
        return np.asarray(found)[..., 1]
