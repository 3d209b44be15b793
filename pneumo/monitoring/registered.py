"""The counts of the ensemble at its registration, fetched once and kept beside the verdicts."""

import json
from collections.abc import Mapping
from dataclasses import asdict
from pathlib import Path

from pneumo.base.errors import PneumoError, RegistryError
from pneumo.base.files import write_json
from pneumo.base.words import ENSEMBLE
from pneumo.evaluation.counts import Counts

FOLDER = "registered"
SHORT = 16


def registered(folder: Path, model: str) -> Mapping[str, Counts]:
    """``all`` test people and those of each view, of the ensemble whose sum is ``model``.

    ``folder`` is the monitor's own. RegistryError for an ensemble that is not registered,
    ServiceError where it must be asked and no server answers.
    """
    path = folder / FOLDER / f"{model[:SHORT]}.json"
    if path.exists():
        return {name: Counts(**_numbers(row)) for name, row in json.loads(path.read_text()).items()}
    from pneumo.registry import store
    from pneumo.registry.counts import registered_counts

    server = store.connect()
    version = store.find_version(server, ENSEMBLE, model)
    if version is None:
        raise RegistryError(f"{ENSEMBLE} has no version with the sum {model[:SHORT]}")
    found = registered_counts(server, version)
    path.parent.mkdir(parents=True, exist_ok=True)
    write_json(path, {name: _plain(counts) for name, counts in found.items()})
    return found


def if_known(folder: Path, model: str) -> tuple[Counts | None, str]:
    """The counts of all test people, or why they cannot be had, in a line."""
    try:
        return registered(folder, model)["all"], ""
    except PneumoError as error:
        return None, f"nothing is compared with what was registered: {error}"


def _plain(counts: Counts) -> dict[str, float | None]:
    return {name: None if value != value else value for name, value in asdict(counts).items()}


def _numbers(row: Mapping[str, float | None]) -> dict[str, float]:
    return {name: float("nan") if value is None else value for name, value in row.items()}
