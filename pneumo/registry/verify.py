"""Whether a registered version still is what its figures say: derived again, and compared."""

from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np

from pneumo.base.errors import DataError
from pneumo.registry import store
from pneumo.registry._paired import mean_precision, sensitivity
from pneumo.registry.golden import golden_fault
from pneumo.registry.judging import Seat, judged, test_data

if TYPE_CHECKING:
    import pandas as pd
    from mlflow.entities.model_registry import ModelVersion

TOLERANCE = 0.005
"""Difference of a figure that rounding explains: training keeps its maps in 16 bits."""


@dataclass(frozen=True)
class Check:
    """One figure as registered, and as found now."""

    name: str
    registered: str
    found: str
    held: bool

    def __str__(self) -> str:
        word = "held   " if self.held else "DIFFERS"
        return f"{word} {self.name}: registered {self.registered}, found {self.found}"


def verify(seat: Seat, version: "ModelVersion") -> list[Check]:
    """Fetch a version's files, check them, and measure them on the prepared test images.

    RegistryError when the files are not what was registered; DataError when the prepared data hold
    another test set than the version was measured on.
    """
    test_set = version.tags["pneumo.test_set"]
    data = test_data(seat.prepared, version, test_set)
    package = seat.packages.of(version)
    fault, cases = golden_fault(package), judged(package, data)
    kept = store.cases_of(seat.server, version, test_set)
    return [
        Check("files", "sha256 of each", "the same", held=True),
        Check("golden images", "their probabilities", fault or "the same", not fault),
        _figure("mAP", version.tags["pneumo.map"], mean_precision(cases)),
        _figure("sensitivity", version.tags["pneumo.sensitivity"], sensitivity(cases)),
        _images(kept, cases, version),
    ]


def _figure(name: str, registered: str, found: float) -> Check:
    difference = abs(float(registered) - found)
    same = difference <= TOLERANCE or (np.isnan(float(registered)) and np.isnan(found))
    return Check(name, registered, f"{found:.6f}", bool(same))


def _images(kept: "pd.DataFrame | None", cases: "pd.DataFrame", version: "ModelVersion") -> Check:
    if kept is None:
        where = f"{version.name} version {version.version}"
        raise DataError(f"{where}: its cases on this test set are gone or were changed")
    a, b = kept["precision"].to_numpy(float), cases["precision"].to_numpy(float)
    alike = np.isclose(np.nan_to_num(a, nan=-1), np.nan_to_num(b, nan=-1), atol=1e-9)
    found = f"{int(alike.sum())} with the same precision"
    return Check("images", f"{len(a)} cases", found, bool(alike.mean() >= 0.95))
