"""The ensemble asked again: its map, those of its networks apart, and a file that is tried.

Results keep no maps. The ensemble is opened when it is first needed, from where `score` had it, and
must have the sum that the results name. One thread computes.
"""

import shutil
from concurrent.futures import ThreadPoolExecutor
from dataclasses import asdict, dataclass
from functools import cached_property
from pathlib import Path
from threading import Lock

import numpy as np
from PIL import Image as Picture

from pneumo.base.errors import PneumoError, RegistryError
from pneumo.base.files import sha256_of, write_json
from pneumo.dicom.read import Square
from pneumo.dicom.workers import Reader, Rejected
from pneumo.engines import cache
from pneumo.engines.choose import open_engine
from pneumo.engines.engine import Engine
from pneumo.engines.package import ENSEMBLE, Package, sum_up
from pneumo.intake.look import REVIEWS, inside, look_at, reviews
from pneumo.intake.profile import PROFILE, read_profile
from pneumo.reading._pixels import png, short
from pneumo.scoring.parts import Scorer

BLEND = ""
"""The name of the ensemble's own map."""


@dataclass(frozen=True)
class Tried:
    """What the ensemble says of a file: boxes in its pixels, reasons to look twice."""

    boxes: list[dict[str, float]]
    probability: float | None
    reasons: list[str]


class Maps:
    """One ensemble, as ``scorer`` asked it."""

    def __init__(self, scorer: Scorer) -> None:
        self.scorer = scorer
        self._one, self._opening = ThreadPoolExecutor(1, "maps"), Lock()
        self._reader = Reader()
        self._engines: dict[str, Engine] = {}

    @property
    def networks(self) -> list[str]:
        """The networks that count; empty where the ensemble cannot be had."""
        try:
            return list(self.package.networks)
        except (PneumoError, OSError):
            return []

    @cached_property
    def package(self) -> Package:
        """Its files. Raises PneumoError where they cannot be had."""
        with self._opening:
            from pneumo.scoring.score import open_model

            found = open_model(self.scorer.model)
        if found.digest != self.scorer.digest:
            raise RegistryError(f"{self.scorer.model}: is another ensemble than the results name")
        return found.package

    def heat(self, path: Path, network: str = BLEND) -> bytes | Rejected:
        """A grey PNG of the map, over the whole radiograph: 255 for a probability of 1."""
        square = self._square(path)
        if isinstance(square, Rejected):
            return square
        levels = inside(self._map(square, network), square.frame)
        return png(Picture.fromarray(np.rint(levels * 255).astype(np.uint8)))

    def tried(self, path: Path) -> Tried | Rejected:
        """Score one file."""
        square = self._square(path)
        if isinstance(square, Rejected):
            return square
        probability = self._map(square, BLEND)
        profile = None
        if PROFILE in self.package.sums:
            profile = read_profile(self.package.file(PROFILE))
        codes = reviews(look_at(square.pixels, square.frame, profile), square.facts.age, profile)
        boxes = self.package.ensemble.boxes(probability, square.frame)
        return Tried(
            [asdict(box) for box in boxes],
            float(self.package.ensemble.level(probability)),
            [*(REVIEWS[code] for code in codes), *square.facts.notes.values()],
        )

    def close(self) -> None:
        """End the worker."""
        self._one.shutdown(wait=False, cancel_futures=True)
        self._reader.close()

    def _square(self, path: Path) -> Square | Rejected:
        size_px = self._one.submit(self._engine, BLEND).result().size_px
        found = self._reader.square(path, size_px, frontal_only=self.scorer.frontal_only)
        if isinstance(found, Rejected):
            return Rejected(found.reason, short(found.message, path))
        return found

    def _map(self, square: Square, network: str) -> np.ndarray:
        return self._one.submit(self._computed, square.pixels, network).result()

    def _computed(self, pixels: np.ndarray, network: str) -> np.ndarray:
        engine = self._engine(network)
        if not self.scorer.flip:
            return engine.probabilities(pixels[None])[0]
        plain, mirrored = engine.probabilities(np.stack([pixels, pixels[:, ::-1]]))
        return (plain + mirrored[:, ::-1]) / 2

    def _engine(self, network: str) -> Engine:
        if network not in self._engines:
            package = self._apart(network) if network else self.package
            self._engines[network] = open_engine(package, "openvino", batch_size=1)
        return self._engines[network]

    def _apart(self, network: str) -> Package:
        """An ensemble of one network, made of the files of all and kept."""
        package = self.package

        def make(aside: Path) -> None:
            folder = aside / "package"
            folder.mkdir()
            shutil.copyfile(package.network(network), folder / f"{network}.keras")
            one = package.ensemble.to_json() | {"weights": {network: 1.0}}
            write_json(folder / ENSEMBLE, one)
            sum_up(folder)

        def holds(path: Path) -> bool:
            try:
                Package(path / "package").check()
            except RegistryError:
                return False
            return True

        key = sha256_of([package.digest, network])
        return Package(cache.kept("apart", key, make, holds) / "package", f"{package.where}")
