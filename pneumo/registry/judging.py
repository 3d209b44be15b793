"""A version stands against the champion: what is known of both is gathered, and the gate decides.

Tables of cases are taken from the registry where both were judged on the same test set; otherwise
the registered files are fetched, checked, loaded in safe mode, and judged now.
"""

import tempfile
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np
import pandas as pd

from pneumo.base.errors import DataError, PneumoError, RegistryError
from pneumo.dataset.sealed import is_sealed
from pneumo.engines.package import Package
from pneumo.evaluation.cases import COLUMNS
from pneumo.evaluation.judge import judge as judge_maps
from pneumo.prepared.format import Prepared, load_prepared
from pneumo.registry import store
from pneumo.registry._gate import Measured, Rule, Verdict, decide
from pneumo.registry._paired import (
    Difference,
    differences,
    map_interval,
    mean_precision,
    sensitivity,
)
from pneumo.registry.golden import golden_fault

if TYPE_CHECKING:
    from mlflow.entities.model_registry import ModelVersion
    from mlflow.tracking import MlflowClient

    from pneumo.base.settings import PromotionSettings

GOLDEN = "pneumo.golden"
LEADS = Rule("champion", True, "this ensemble is the champion already; nothing to decide")


class Packages:
    """The files of registered ensembles: a version is fetched, and checked, once a command."""

    def __init__(self, server: "MlflowClient", folder: Path) -> None:
        self._server, self._folder = server, folder
        self._fetched: dict[str, Package] = {}

    def of(self, version: "ModelVersion") -> Package:
        """A version's files; RegistryError when they are not what was registered."""
        name = store.number(version)
        if name not in self._fetched:
            folder = Path(tempfile.mkdtemp(dir=self._folder))
            self._fetched[name] = store.fetch_ensemble(self._server, version, folder)
        return self._fetched[name]


@dataclass(frozen=True)
class Seat:
    """Where versions are judged: the registry, the prepared data, the gate's settings, files."""

    server: "MlflowClient"
    prepared: Path
    settings: "PromotionSettings"
    packages: Packages


@contextmanager
def seat_at(paths: Mapping[str, Path], settings: "PromotionSettings") -> Iterator[Seat]:
    """A seat for one command; what it fetches goes at the end. ServiceError without a server."""
    server = store.connect()
    with tempfile.TemporaryDirectory() as folder:
        yield Seat(server, paths["prepared"], settings, Packages(server, Path(folder)))


def judge(
    seat: Seat, version: "ModelVersion", champion: "ModelVersion | None", because: str = ""
) -> Verdict:
    """Judge ``version`` against ``champion`` on the test set that it was measured on last.

    ``because`` stands for a proven gain. The champion itself has nothing to prove.
    """
    if champion and store.number(champion) == store.number(version):
        return Verdict((LEADS,))
    test_set = version.tags["pneumo.test_set"]
    candidate = _candidate(seat, version, test_set)
    rival = _champion(seat, champion, test_set) if champion else None
    return decide(candidate, rival, seat.settings, because)


def cases_on(seat: Seat, version: "ModelVersion", test_set: str) -> tuple[pd.DataFrame, str]:
    """A version's cases on a test set, and how they were had: kept, or measured now.

    Measured now, they are kept for the next time. DataError when the prepared data hold another
    test set or size, RegistryError when the version's files are not what was registered.
    """
    cases = store.cases_of(seat.server, version, test_set)
    if cases is not None:
        return cases, "measured before on the same images"
    cases = judged(seat.packages.of(version), test_data(seat.prepared, version, test_set))
    store.save_cases(seat.server, version, test_set, cases)
    return cases, "measured again now"


def compared(seat: Seat, one: "ModelVersion", other: "ModelVersion") -> Mapping[str, Difference]:
    """How ``one`` differs from ``other`` on a test set on which both were, or can be, measured."""
    for test_set in (other.tags["pneumo.test_set"], one.tags["pneumo.test_set"]):
        kept = (store.cases_of(seat.server, version, test_set) for version in (one, other))
        if all(table is not None for table in kept):
            break
    else:
        test_set = load_prepared(seat.prepared).profile["test_set"]
    a, b = (cases_on(seat, version, test_set)[0] for version in (one, other))
    return differences(a, b, seat.settings)


def judged(package: Package, data: Prepared) -> pd.DataFrame:
    """The table of cases of an ensemble whose files are here, on the test images of ``data``."""
    from pneumo.engines.keras import KerasEngine

    blended = KerasEngine(package).probabilities(np.asarray(data.images[data.rows("test")]))
    return judge_maps(data, "test", blended, package.ensemble)[1]


def test_data(prepared: Path, version: "ModelVersion", test_set: str) -> Prepared:
    """The prepared data, if they hold this test set at the size that the version takes."""
    data = load_prepared(prepared)
    if data.profile["test_set"] != test_set:
        held = data.profile["test_set"][:12]
        raise DataError(f"{prepared}: holds the test set {held}, not {test_set[:12]}")
    wanted = version.tags.get("pneumo.size_px")
    if wanted and int(wanted) != data.size_px:
        raise DataError(f"{prepared}: holds {data.size_px} px, but the version takes {wanted} px")
    return data


def _candidate(seat: Seat, version: "ModelVersion", test_set: str) -> Measured:
    damaged, golden = _soundness(seat, version)
    cases, how = _none(), damaged
    if not damaged:
        cases, how = cases_on(seat, version, test_set)
    return Measured(
        test_set,
        cases,
        how,
        leaked_people=_count(version, "pneumo.leaked_people"),
        leaked_images=_count(version, "pneumo.leaked_images"),
        damaged=damaged,
        golden=golden,
        sealed=_sealed(seat, test_set, len(cases)),
    )


def _sealed(seat: Seat, test_set: str, images: int) -> np.ndarray | None:
    """Which test images are of people who came back as feedback and are kept for test.

    Known where the prepared data hold this test set: what the registry keeps names nobody.
    """
    try:
        data = load_prepared(seat.prepared)
    except DataError:
        return None
    people = data.index["person"].iloc[data.rows("test")]
    if data.profile["test_set"] != test_set or len(people) != images:
        return None
    return people.map(is_sealed).to_numpy(bool)


def _count(version: "ModelVersion", tag: str) -> int | None:
    said = version.tags.get(tag, "")
    return int(said) if said.isdecimal() else None


def _soundness(seat: Seat, version: "ModelVersion") -> tuple[str, str]:
    """What is wrong with a version's registered files, and with its answers after loading them.

    Files are summed every time; the same files answer the same, so they are asked once.
    """
    try:
        package = seat.packages.of(version)
    except RegistryError as error:
        return str(error), "not asked: the files are not what was registered"
    held = f"held for {version.tags[store.SUM]}"
    if version.tags.get(GOLDEN) == held:
        return "", ""
    fault = golden_fault(package)
    store.tag(seat.server, version, {GOLDEN: fault or held})
    return "", fault


def _champion(seat: Seat, champion: "ModelVersion", test_set: str) -> Measured:
    try:
        cases, how = cases_on(seat, champion, test_set)
    except PneumoError as error:
        held = champion.tags.get("pneumo.test_set", "unknown")
        other = held if held != test_set else f"{held}, not kept"
        return Measured(other, _none(), f"cannot be measured again: {error}")
    return Measured(test_set, cases, how)


def _none() -> pd.DataFrame:
    return pd.DataFrame({name: pd.Series(dtype=float) for name in COLUMNS})


def figures_of(cases: pd.DataFrame) -> Mapping[str, Any]:
    """mAP with its 95 % interval, and sensitivity, as tags of a version show them."""
    low, high = map_interval(cases)
    values = {
        "map": mean_precision(cases),
        "map_low": low,
        "map_high": high,
        "sensitivity": sensitivity(cases),
    }
    return {f"pneumo.{name}": f"{value:.6f}" for name, value in values.items()}
