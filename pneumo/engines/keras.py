"""The networks of an ensemble, run by Keras on TensorFlow or JAX."""

import numpy as np

from pneumo.base.errors import RegistryError
from pneumo.detection.disagreement import disagreement_of
from pneumo.detection.ensemble import blend
from pneumo.engines.engine import Answers, Engine
from pneumo.engines.package import Package
from pneumo.nets.configured import keras


class KerasEngine(Engine):
    """The networks one after another, in safe mode; on the backend that Keras was started with."""

    def __init__(self, package: Package, batch_size: int = 16) -> None:
        """Load the networks that count, their sums and sizes checked. Raises RegistryError."""
        self.name, self.precision = keras.backend.backend(), "float32"
        self.batch_size = batch_size
        self._weights = package.networks
        self._networks = {name: load(package, name) for name in self._weights}
        self.size_px = int(next(iter(self._networks.values())).input_shape[1])

    def _answers(self, pictures: np.ndarray) -> Answers:
        maps = {name: self._predict(net, pictures) for name, net in self._networks.items()}
        blended = blend(maps, self._weights)
        return Answers(blended, disagreement_of(maps, self._weights, blended))

    def _predict(self, network: keras.Model, pictures: np.ndarray) -> np.ndarray:
        """Full batches, so that no graph is traced for an odd one."""
        batch = np.zeros((self.batch_size, *pictures.shape[1:], 1), np.uint8)
        batch[: len(pictures), ..., 0] = pictures
        maps = network.predict_on_batch(batch)
        return np.asarray(maps)[: len(pictures), ..., 1]

    def culprit(self, pictures: np.ndarray) -> str:
        """The first network with a value that is not finite."""
        for name, network in self._networks.items():
            if not np.isfinite(self._predict(network, pictures[: self.batch_size])).all():
                return f"{name}.keras"
        return super().culprit(pictures)


def load(package: Package, name: str) -> keras.Model:
    """One network, loaded in safe mode. Raises RegistryError for weights that are not finite."""
    path = package.network(name)
    network = keras.saving.load_model(path, compile=False, safe_mode=True)
    if not all(np.isfinite(values).all() for values in network.get_weights()):
        raise RegistryError(f"{package.where}: {name}.keras holds weights that are not finite")
    return network
