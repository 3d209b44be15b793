"""The MLflow model registry: versions registered once, aliases, and the manifest of an ensemble.

A version of ``pneumonia-ensemble`` holds all it needs (the networks, ``ensemble.json``, and
``manifest.json`` with the sha256 of each), so that moving one alias is the whole promotion.
Nothing that is registered is ever executed here: files are fetched, summed and compared.
"""

import json
import os
import subprocess
import tempfile
from collections.abc import Mapping
from importlib.metadata import version as installed
from pathlib import Path
from shutil import copyfile
from types import SimpleNamespace
from typing import TYPE_CHECKING, Any

import mlflow
import numpy as np
from mlflow import pyfunc
from mlflow.exceptions import MlflowException
from mlflow.models import Model, ModelSignature
from mlflow.types import ColSpec, Schema, TensorSpec

from pneumo.errors import RegistryError
from pneumo.files import sha256, sha256_of, write_json
from pneumo.tracking import find_run, log_data, metrics_of, start_run

if TYPE_CHECKING:
    from mlflow.entities.model_registry import ModelVersion
    from mlflow.tracking import MlflowClient

ENSEMBLE = "pneumonia-ensemble"
CHAMPION, CHALLENGER, PREVIOUS = "champion", "challenger", "previous"
SUM = "pneumo.sha256"
REQUIREMENTS = [f"{name}=={installed(name)}" for name in ("keras", "numpy", "pneumo")]

os.environ.setdefault("MLFLOW_UV_AUTO_DETECT", "false")


def find_version(server: "MlflowClient", name: str, digest: str) -> "ModelVersion | None":
    """The version of the registered model ``name`` whose content has this sha256, or None."""
    found = server.search_model_versions(f"name = '{name}' and tags.`{SUM}` = '{digest}'")
    return found[0] if found else None


def version_at(server: "MlflowClient", alias: str) -> "ModelVersion | None":
    """The ensemble's version that ``alias`` names, or None."""
    try:
        return server.get_model_version_by_alias(ENSEMBLE, alias)
    except MlflowException as error:
        if error.error_code in ("RESOURCE_DOES_NOT_EXIST", "INVALID_PARAMETER_VALUE"):
            return None
        raise


def move_alias(server: "MlflowClient", alias: str, version: str) -> None:
    """Let ``alias`` name ``version`` of the ensemble."""
    server.set_registered_model_alias(ENSEMBLE, alias, version)


def register_network(
    server: "MlflowClient",
    name: str,
    file: Path,
    tags: Mapping[str, str],
    run_id: str,
) -> "ModelVersion":
    """Register a trained network (``.keras``) in the ``mlflow.keras`` flavour, once per content."""
    digest = sha256(file)
    if found := find_version(server, name, digest):
        return found
    size_px = int(tags["pneumo.size_px"])
    logged = Model.log(
        artifact_path=None,
        flavor=SimpleNamespace(save_model=_save_network, __name__="mlflow.keras"),
        name=name,
        run_id=run_id,
        file=file,
        signature=ModelSignature(
            inputs=Schema([TensorSpec(np.dtype(np.uint8), (-1, size_px, size_px, 1))]),
            outputs=Schema([TensorSpec(np.dtype(np.float32), (-1, size_px, size_px, 2))]),
        ),
    )
    return _create_version(server, name, logged, run_id, {**tags, SUM: digest})


def _save_network(path: str, mlflow_model: Model, file: Path, signature: ModelSignature) -> None:
    """Lay out a ``.keras`` file as ``mlflow.keras.load_model`` expects, byte for byte."""
    folder = Path(path)
    (folder / "data").mkdir(parents=True)
    copyfile(file, folder / "data" / "model.keras")
    (folder / "data" / "keras_module.txt").write_text("keras")
    (folder / "requirements.txt").write_text("\n".join(REQUIREMENTS))
    mlflow_model.signature = signature
    mlflow_model.add_flavor(
        "keras",
        data="data",
        keras_version=installed("keras"),
        keras_backend="tensorflow",
        save_exported_model=False,
    )
    pyfunc.add_to_model(mlflow_model, loader_module="mlflow.keras")
    mlflow_model.save(str(folder / "MLmodel"))


def manifest_of(files: Mapping[str, Path]) -> dict[str, str]:
    """Name -> sha256 of the files that make an ensemble."""
    return {name: sha256(path) for name, path in sorted(files.items())}


def register_ensemble(
    server: "MlflowClient",
    files: Mapping[str, Path],
    tags: Mapping[str, str],
    run_id: str,
) -> "ModelVersion":
    """Register an ensemble as one version that holds ``files``, once per content."""
    manifest = manifest_of(files)
    if found := find_version(server, ENSEMBLE, sha256_of(manifest)):
        return found
    with tempfile.TemporaryDirectory() as folder:
        package = Path(folder) / "ensemble"
        package.mkdir()
        for name, path in files.items():
            copyfile(path, package / name)
        write_json(package / "manifest.json", manifest)
        with mlflow.start_run(run_id=run_id):
            logged = pyfunc.log_model(
                name=ENSEMBLE,
                python_model=str(Path(__file__).with_name("serving.py")),
                artifacts={"ensemble": str(package)},
                pip_requirements=REQUIREMENTS,
                signature=ModelSignature(
                    inputs=Schema([ColSpec("string", "dicom_base64")]),
                    outputs=Schema([ColSpec("double", "probability"), ColSpec("string", "boxes")]),
                ),
            )
    return _create_version(server, ENSEMBLE, logged, run_id, {**tags, SUM: sha256_of(manifest)})


def fetch_ensemble(server: "MlflowClient", version: "ModelVersion", folder: Path) -> Path:
    """Download a version's ensemble below ``folder`` and check it against its manifest.

    Returns the folder of its files. Raises RegistryError naming the file that is missing or
    differs, before anything is loaded from it.
    """
    source = server.get_model_version_download_uri(ENSEMBLE, version.version)
    local = mlflow.artifacts.download_artifacts(artifact_uri=source, dst_path=str(folder))
    package = Path(local) / "artifacts" / "ensemble"
    where = f"{ENSEMBLE} version {version.version}"
    try:
        manifest = json.loads((package / "manifest.json").read_text())
    except (OSError, ValueError) as error:
        raise RegistryError(f"{where}: manifest.json cannot be read: {error}") from None
    if sha256_of(manifest) != version.tags.get(SUM):
        raise RegistryError(f"{where}: manifest.json is not the one that was registered")
    for name, digest in manifest.items():
        path = package / Path(name).name
        if not path.is_file() or sha256(path) != digest:
            raise RegistryError(f"{where}: {name} is missing or its sha256 differs; not loaded")
    return package


def network_run_id(
    server: "MlflowClient",
    name: str,
    digest: str,
    params: Mapping[str, Any],
    profile: Mapping[str, Any],
    history: "list[dict[str, float]]",
) -> str:
    """The run of the training that gave the network with this sha256.

    When the server was away, or the result came from DVC's cache, the run is made now from the
    training's history: a list of epochs, each with ``epoch`` and its figures.
    """
    tags = {"pneumo.network": name, SUM: digest}
    if run := find_run(server, tags):
        return run.info.run_id
    run_id = start_run(server, name, {"pneumo.kind": "network", **tags}, params)
    log_data(server, run_id, profile)
    for row in history:
        figures = {key: value for key, value in row.items() if key != "epoch"}
        server.log_batch(run_id, metrics=metrics_of(int(row["epoch"]), figures))
    server.set_terminated(run_id)
    return run_id


def git_commit(folder: Path) -> str:
    """The commit checked out in ``folder``, with ``+`` when files differ from it; or unknown."""
    try:
        commit = _git(folder, "rev-parse", "HEAD")
        return commit + ("+" if _git(folder, "status", "--porcelain", "-uno") else "")
    except (OSError, subprocess.CalledProcessError):
        return "unknown"


def _git(folder: Path, *words: str) -> str:
    done = subprocess.run(["git", *words], cwd=folder, check=True, capture_output=True, text=True)
    return done.stdout.strip()


def _create_version(
    server: "MlflowClient", name: str, logged: Any, run_id: str, tags: Mapping[str, str]
) -> "ModelVersion":
    try:
        server.create_registered_model(name)
    except MlflowException as error:
        if error.error_code != "RESOURCE_ALREADY_EXISTS":
            raise
    return server.create_model_version(
        name, source=logged.model_uri, run_id=run_id, tags=dict(tags), model_id=logged.model_id
    )
