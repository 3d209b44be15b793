"""The MLflow model registry, as others read it: versions, aliases, and the files of an ensemble.

A version of ``pneumonia-ensemble`` holds all it needs (the networks, ``ensemble.json``,
``golden.npz``, and ``manifest.json`` with the sha256 of each), so that moving one alias is the
whole promotion. Nothing that is registered is executed here: files are fetched, summed, compared.
"""

import os
import tempfile
from collections.abc import Mapping
from pathlib import Path
from typing import TYPE_CHECKING

import mlflow
import pandas as pd
from mlflow.exceptions import MlflowException

from pneumo.base.errors import DataError, RegistryError, ServiceError
from pneumo.base.files import NO_ROOM, sha256
from pneumo.base.words import ALIASES, ENSEMBLE
from pneumo.engines.package import INT8, Package, digest_of_int8
from pneumo.evaluation.cases import read_cases
from pneumo.registry import reach
from pneumo.tracking.runs import client

if TYPE_CHECKING:
    from mlflow.entities.model_registry import ModelVersion
    from mlflow.tracking import MlflowClient

CHAMPION, CHALLENGER, PREVIOUS = ALIASES
SUM = "pneumo.sha256"
CONTENT = "pneumo.content"
LONGEST_TAG = 5_000
"""Characters that every MLflow server takes as the value of a version's tag."""

LONGEST_DESCRIPTION = 5_000
"""Characters of a version's description; PostgreSQL refuses what SQLite takes beyond them."""

os.environ.setdefault("MLFLOW_ENABLE_ARTIFACTS_PROGRESS_BAR", "false")

MISSING = ("RESOURCE_DOES_NOT_EXIST", "INVALID_PARAMETER_VALUE")


def connect() -> "MlflowClient":
    """A client of the MLflow server; ServiceError when none is named, or it does not answer."""
    if server := client():
        if fault := reach.fault(os.environ["MLFLOW_TRACKING_URI"]):
            raise fault
        return server
    raise ServiceError("MLFLOW_TRACKING_URI names no server; run `pneumo up`, then `. .pneumo/env`")


def find_version(
    server: "MlflowClient", name: str, digest: str, tag: str = SUM
) -> "ModelVersion | None":
    """The version of the registered model ``name`` whose ``tag`` is this sha256, or None."""
    found = server.search_model_versions(f"name = '{name}' and tags.`{tag}` = '{digest}'")
    return min(found, key=lambda version: int(version.version)) if found else None


def versions(server: "MlflowClient", name: str = "") -> "list[ModelVersion]":
    """All versions of a registered model (blank: the ensemble), the newest first."""
    found = list(server.search_model_versions(f"name = '{name or ENSEMBLE}'"))
    return sorted(found, key=lambda version: -int(version.version))


def version_at(server: "MlflowClient", alias: str) -> "ModelVersion | None":
    """The ensemble's version that ``alias`` names, or None."""
    try:
        return server.get_model_version_by_alias(ENSEMBLE, alias)
    except MlflowException as error:
        if error.error_code in MISSING:
            return None
        raise


def version_of(server: "MlflowClient", name: str) -> "ModelVersion":
    """The ensemble's version that ``name`` says: a number or an alias. RegistryError if none."""
    try:
        found = server.get_model_version(ENSEMBLE, name) if name.isdigit() else None
    except MlflowException as error:
        if error.error_code not in MISSING:
            raise
        found = None
    if found := found or (None if name.isdigit() else version_at(server, name)):
        return found
    known = ", ".join(map(number, versions(server))) or "none yet"
    raise RegistryError(
        f"{ENSEMBLE} has no version {name!r}; there are {known}, and the aliases "
        f"{', '.join(aliases(server)) or 'none yet'}"
    )


def aliases(server: "MlflowClient") -> dict[str, str]:
    """Alias -> version of the ensemble."""
    try:
        named = server.get_registered_model(ENSEMBLE).aliases
    except MlflowException as error:
        if error.error_code in MISSING:
            return {}
        raise
    return {alias: str(named[alias]) for alias in ALIASES if alias in named}


def number(version: "ModelVersion") -> str:
    """A version's number as text: what MLflow's server says, and its SQL store as an int."""
    return str(version.version)


def move_alias(server: "MlflowClient", alias: str, version: str) -> None:
    """Let ``alias`` name ``version`` of the ensemble."""
    server.set_registered_model_alias(ENSEMBLE, alias, version)


def tag(server: "MlflowClient", version: "ModelVersion", tags: Mapping[str, str]) -> None:
    """Set tags of an ensemble's version; a value that is too long is cut, which it says."""
    for key, value in tags.items():
        if len(value) > LONGEST_TAG:
            value = value[: LONGEST_TAG - 4] + " ..."
        server.set_model_version_tag(ENSEMBLE, version.version, key, value)


def make_name(server: "MlflowClient", name: str, tags: Mapping[str, str]) -> bool:
    """Make a registered model of this name: True for one caller alone, False when it exists."""
    try:
        server.create_registered_model(name, tags=dict(tags))
    except MlflowException as error:
        if error.error_code != "RESOURCE_ALREADY_EXISTS":
            raise
        return False
    return True


def tags_of_name(server: "MlflowClient", name: str) -> dict[str, str]:
    """The tags of a registered model; none when it does not exist."""
    try:
        return dict(server.get_registered_model(name).tags)
    except MlflowException as error:
        if error.error_code in MISSING:
            return {}
        raise


def age_s(server: "MlflowClient", name: str) -> float:
    """Seconds since the registered model ``name`` was made, by the server's clock alone.

    It is written to, and the server stamps that. 0 when it is gone meanwhile.
    """
    try:
        found = server.update_registered_model(name, description="its age was looked at")
    except MlflowException as error:
        if error.error_code in MISSING:
            return 0.0
        raise
    return (found.last_updated_timestamp - found.creation_timestamp) / 1000


def drop_name(server: "MlflowClient", name: str) -> None:
    """Delete a registered model, if it is there still."""
    try:
        server.delete_registered_model(name)
    except MlflowException as error:
        if error.error_code not in MISSING:
            raise


def manifest_of(files: Mapping[str, Path]) -> dict[str, str]:
    """Name -> sha256 of the files that make an ensemble."""
    return {name: sha256(path) for name, path in sorted(files.items())}


def fetch_ensemble(server: "MlflowClient", version: "ModelVersion", folder: Path) -> Package:
    """Download a version's ensemble below ``folder`` and check it against its manifest.

    Raises RegistryError naming the file that is missing or differs, before anything is loaded.
    """
    source = server.get_model_version_download_uri(ENSEMBLE, version.version)
    where = f"{ENSEMBLE} version {version.version}"
    try:
        local = mlflow.artifacts.download_artifacts(artifact_uri=source, dst_path=str(folder))
    except OSError as error:
        if error.errno in NO_ROOM:
            raise
        raise ServiceError(f"{where}: cannot be downloaded: {error}") from None
    package = Package(Path(local) / "artifacts" / "ensemble", where, version.tags.get(SUM, "?"))
    package.check()
    return package


def save_graph(server: "MlflowClient", version: "ModelVersion", folder: Path) -> str:
    """Keep a version's graph in int8 beside it; returns the sum that names it."""
    digest = digest_of_int8(folder)
    for name in INT8:
        server.log_artifact(_run_of(version), str(folder / name), _graph_folder(digest))
    return digest


def fetch_graph(server: "MlflowClient", version: "ModelVersion", digest: str, folder: Path) -> None:
    """Download a version's graph in int8 into ``folder``.

    RegistryError where it is gone or its sum does not hold, ServiceError where the server is away.
    """
    where = f"{ENSEMBLE} version {version.version}: its graph in int8"
    with tempfile.TemporaryDirectory(dir=folder) as aside:
        try:
            local = Path(server.download_artifacts(_run_of(version), _graph_folder(digest), aside))
            if digest_of_int8(local) != digest:
                raise RegistryError(f"{where} is not the one that was registered")
        except (OSError, MlflowException) as error:
            said = getattr(error, "error_code", "")  # MLflow's
            if isinstance(error, FileNotFoundError) or said in MISSING:
                raise RegistryError(f"{where} is gone") from None
            raise ServiceError(f"{where} cannot be downloaded: {error}") from None
        for name in INT8:
            (local / name).rename(folder / name)


def _graph_folder(digest: str) -> str:
    return f"int8/{digest[:16]}"


def save_cases(
    server: "MlflowClient", version: "ModelVersion", test_set: str, cases: pd.DataFrame
) -> None:
    """Keep a version's table of cases on a test set, for every later comparison with it."""
    with tempfile.TemporaryDirectory() as folder:
        path = Path(folder) / _cases_file(test_set)
        cases.to_csv(path, index=False)
        server.log_artifact(_run_of(version), str(path), "cases")
        tag(server, version, {_cases_tag(test_set): sha256(path)})


def cases_of(
    server: "MlflowClient", version: "ModelVersion", test_set: str
) -> "pd.DataFrame | None":
    """A version's table of cases on a test set; None where it has none, or it was changed."""
    digest = version.tags.get(_cases_tag(test_set))
    if not digest:
        return None
    with tempfile.TemporaryDirectory() as folder:
        try:
            name = f"cases/{_cases_file(test_set)}"
            path = Path(server.download_artifacts(_run_of(version), name, folder))
            return read_cases(path) if sha256(path) == digest else None
        except (OSError, MlflowException, DataError):
            return None


def _cases_file(test_set: str) -> str:
    return f"{test_set[:16]}.csv"


def _cases_tag(test_set: str) -> str:
    return f"pneumo.cases.{test_set[:16]}"


def _run_of(version: "ModelVersion") -> str:
    if version.run_id:
        return version.run_id
    raise RegistryError(f"{ENSEMBLE} version {version.version} names no run; register it anew")
