"""bfloat16 where it cannot change what is called, float32 where it could."""

import numpy as np

from pneumo.base.files import sha256_of
from pneumo.detection.ensemble import Ensemble
from pneumo.engines.engine import Answers, Engine
from pneumo.engines.openvino import OpenVinoEngine
from pneumo.engines.package import Package

RULE = 2
"""Of ``Ensemble.is_unsure``: raised with it and with ``MARGIN``: another rule is not believed."""

MARGIN = 0.01
"""How far one of 0.5 in bfloat16 may be from float32, others by the same error of the logit.

Single pixels may be further off (docs/design.md); a promotion measures what that does to boxes.
"""


def speed_of_mixed(quick: float, exact: float, share: float) -> float:
    """Pictures a second of both, where float32 answers a ``share`` of what bfloat16 has seen."""
    return 1 / (1 / quick + share / exact)


def unsure_of(called: Ensemble, maps: np.ndarray, pictures: np.ndarray) -> list[bool]:
    """Of which ``pictures`` bfloat16, which answered ``maps``, is unsure."""
    return [
        called.is_unsure(image, MARGIN, called.limits_px(picture))
        for image, picture in zip(maps, pictures, strict=True)
    ]


class MixedEngine(Engine):
    """Both graphs of an ensemble: what bfloat16 is unsure of, float32 answers.

    Most pictures are far from every threshold, and bfloat16 is several times as fast where a
    processor multiplies matrices in it. Both graphs are in memory.
    """

    name, precision, streams = "openvino", "mixed", OpenVinoEngine.streams

    def __init__(self, package: Package, batch_size: int = 16) -> None:
        """Compile both graphs; batches in bfloat16 are of ``batch_size`` pictures."""
        self._ensemble = package.ensemble
        self._quick = OpenVinoEngine(package, batch_size, "bfloat16", pinned=False)
        self._exact = OpenVinoEngine(package, batch_size, "float32", pinned=False)
        self.batch_size, self.size_px = self._quick.batch_size, self._quick.size_px
        graphs = [self._quick.identity, self._exact.identity]
        self.identity = sha256_of([*graphs, self._ensemble.to_json(), MARGIN, RULE])

    def _answers(self, pictures: np.ndarray) -> Answers:
        found = self._quick.answers(pictures)
        unsure = np.flatnonzero(unsure_of(self._ensemble, found.maps, pictures))
        again = self._exact.answers(pictures[unsure])
        for quick, exact in zip(found, again, strict=True):
            quick[unsure] = exact
        return found
