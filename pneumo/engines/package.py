"""The folder of a registered ensemble: every file is summed before anything opens it."""

import json
import math
from concurrent.futures import ThreadPoolExecutor
from functools import cached_property
from pathlib import Path
from typing import Any

from pneumo.base.errors import RegistryError
from pneumo.base.files import sha256, sha256_of, write_json
from pneumo.detection.ensemble import GRID, Ensemble

MANIFEST, ENSEMBLE, GOLDEN = "manifest.json", "ensemble.json", "golden.npz"
INT8 = ("int8.xml", "int8.bin")
"""A graph in 8 bits, in a folder of its own: it is made when an ensemble is registered already."""

LARGEST_JSON_BYTES = 2**20


class Package:
    """An ensemble's files on disk; ``digest`` is the sum of its manifest and names the ensemble."""

    def __init__(self, folder: Path, where: str = "", digest: str = "") -> None:
        """Read the manifest in ``folder``, which must have the sum ``digest`` where one is given.

        ``where`` names the ensemble in messages. Raises RegistryError.
        """
        self.folder, self.where = folder, where or str(folder)
        self.sums: dict[str, str] = self._json(MANIFEST)
        self.digest = sha256_of(self.sums)
        if digest and self.digest != digest:
            self._refuse(f"{MANIFEST} is not the one that was registered")
        if ENSEMBLE not in self.sums or not all(_is_plain(name) for name in self.sums):
            self._refuse(f"{MANIFEST} does not list the files of an ensemble")

    def file(self, name: str) -> Path:
        """The path of a file whose sum holds. Raises RegistryError."""
        path = self.folder / name
        if not path.is_file() or sha256(path) != self.sums.get(name):
            self._refuse(f"{name} is missing or its sha256 differs; not loaded")
        return path

    def check(self) -> None:
        """Raise RegistryError unless every file is there with its sum."""
        with ThreadPoolExecutor() as pool:  # hashing leaves Python's lock
            list(pool.map(self.file, self.sums))

    @cached_property
    def ensemble(self) -> Ensemble:
        """Weights, threshold and box settings."""
        self.file(ENSEMBLE)
        try:
            value = self._json(ENSEMBLE)
            keys = Ensemble.saved_keys()
            if value.keys() | {"cells"} != set(keys):  # versions of before do not have it
                raise ValueError(f"it must hold {', '.join(keys)}, and nothing else")
            ensemble = Ensemble.from_json(value)
            weights = ensemble.weights.values()
            numbers = [*weights, ensemble.threshold, ensemble.image_threshold]
            numbers += [ensemble.minimum_area_px, ensemble.shrink_x, ensemble.shrink_y]
            if not all(map(math.isfinite, numbers)) or max(weights) <= 0:
                raise ValueError("its numbers are no weights and thresholds")
            if type(ensemble.cells) is not int or not 0 < ensemble.cells <= GRID * GRID:
                raise ValueError(f"its cells must be 1 to {GRID * GRID} (got {ensemble.cells})")
        except (TypeError, ValueError, AttributeError) as error:
            self._refuse(f"{ENSEMBLE} cannot be used: {error}")
        return ensemble

    @property
    def networks(self) -> dict[str, float]:
        """The networks that count: name -> weight."""
        return self.ensemble.used

    def network(self, name: str) -> Path:
        """The ``.keras`` file of a network, its sum and its sizes checked. Raises RegistryError."""
        from pneumo.engines._sizes import fault_of

        path = self.file(f"{name}.keras")
        if fault := fault_of(path):
            self._refuse(f"{name}.keras {fault}; not loaded")
        return path

    def _json(self, name: str) -> dict[str, Any]:
        path = self.folder / name
        try:
            if path.stat().st_size > LARGEST_JSON_BYTES:
                raise ValueError(f"is larger than {LARGEST_JSON_BYTES:,} bytes")
            value = json.loads(path.read_text(encoding="utf-8"))
            if not isinstance(value, dict):
                raise ValueError("holds no names")
        except (OSError, ValueError, RecursionError) as error:
            self._refuse(f"{name} cannot be read: {error}")
        return value

    def _refuse(self, reason: str) -> None:
        raise RegistryError(f"{self.where}: {reason}")


def sum_up(folder: Path) -> Package:
    """Write the manifest of the files that lie in ``folder``."""
    files = [path for path in sorted(folder.iterdir()) if path.name != MANIFEST]
    write_json(folder / MANIFEST, {path.name: sha256(path) for path in files})
    return Package(folder)


def digest_of_int8(folder: Path) -> str:
    """The sum that names the graph in 8 bits in ``folder``."""
    return sha256_of({name: sha256(folder / name) for name in INT8})


def _is_plain(name: str) -> bool:
    return Path(name).name == name and not name.startswith(".")
