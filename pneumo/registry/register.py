"""What goes into the MLflow model registry: each network, and the ensemble as one version.

Every step is found again by the sha256 of what it holds, so a registration that was killed is
completed by the next one: runs that were not finished are made anew, models that were uploaded
whole are taken up, and a version appears last, with all its tags, in one call.
"""

import logging
import os
import tempfile
import warnings
from collections.abc import Callable, Container, Mapping, Sequence
from pathlib import Path
from shutil import copyfile
from typing import TYPE_CHECKING, Any

import numpy as np
from mlflow import pyfunc
from mlflow.entities import LoggedModelStatus
from mlflow.models import Model, ModelSignature
from mlflow.types import ColSpec, Schema, TensorSpec

from pneumo.base.files import sha256, sha256_of, write_json
from pneumo.registry import _flavour, store
from pneumo.tracking.runs import (
    experiment_id,
    find_run,
    log_data,
    metrics_of,
    start_run,
    take_up,
    training_tags,
)

if TYPE_CHECKING:
    from mlflow.entities.model_registry import ModelVersion
    from mlflow.tracking import MlflowClient

os.environ.setdefault("MLFLOW_UV_AUTO_DETECT", "false")
logging.getLogger("mlflow.utils.environment").setLevel(logging.ERROR)  # no pip here: uv installs
logging.getLogger("tensorflow").setLevel(logging.ERROR)  # on tracing: advice for programmers


def finished_run(
    server: "MlflowClient",
    name: str,
    tags: Mapping[str, str],
    params: Mapping[str, Any],
    fill: Callable[[str], None],
) -> str:
    """The id of the finished run with these tags; without one it is started, filled and ended."""
    while run := find_run(server, tags):
        if run.info.status == "FINISHED":
            return run.info.run_id
        server.delete_run(run.info.run_id)  # a process that was killed left it half written
    run_id = start_run(server, name, tags, params)
    fill(run_id)
    server.set_terminated(run_id)
    return run_id


def network_run_id(
    server: "MlflowClient",
    name: str,
    digest: str,
    params: Mapping[str, Any],
    profile: Mapping[str, Any],
    history: "Sequence[Mapping[str, float]]",
) -> str:
    """The run of the training that gave the network with this sha256.

    When the server was away, the run is completed from the training's history: a list of epochs,
    each with ``epoch`` and its figures; where there is none, as for a result that came from DVC's
    cache, it is made.
    """
    tags = {"pneumo.network": name, store.SUM: digest}
    if (run := find_run(server, tags)) and run.info.status == "FINISHED":
        return run.info.run_id

    def fill(run_id: str, known: Container[int] = ()) -> None:
        log_data(server, run_id, profile)
        for row in history:
            figures = {key: value for key, value in row.items() if key != "epoch"}
            if int(row["epoch"]) not in known:
                server.log_batch(run_id, metrics=metrics_of(int(row["epoch"]), figures))

    left = find_run(server, training_tags(name, profile, params))
    if left and left.info.status != "FINISHED":
        fill(left.info.run_id, take_up(server, left))
        server.set_tag(left.info.run_id, store.SUM, digest)
        server.set_terminated(left.info.run_id)
        return left.info.run_id
    return finished_run(server, name, {"pneumo.kind": "network", **tags}, params, fill)


def register_network(
    server: "MlflowClient",
    name: str,
    file: Path,
    tags: Mapping[str, str],
    run_id: str,
) -> "ModelVersion":
    """Register a trained network (``.keras``) in the ``mlflow.keras`` flavour, once per content."""
    digest = sha256(file)
    if found := store.find_version(server, name, digest):
        return found
    size_px = int(tags["pneumo.size_px"])
    model = _uploaded(
        server,
        name,
        digest,
        run_id,
        flavor=_flavour,
        file=file,
        signature=ModelSignature(
            inputs=Schema([TensorSpec(np.dtype(np.uint8), (-1, size_px, size_px, 1))]),
            outputs=Schema([TensorSpec(np.dtype(np.float32), (-1, size_px, size_px, 2))]),
        ),
    )
    return _create_version(server, name, model, run_id, {**tags, store.SUM: digest})


def register_ensemble(
    server: "MlflowClient",
    files: Mapping[str, Path],
    tags: Mapping[str, str],
    run_id: str,
    description: str = "",
) -> "ModelVersion":
    """Register an ensemble as one version that holds ``files``, once per content."""
    manifest = store.manifest_of(files)
    digest = sha256_of(manifest)
    if found := store.find_version(server, store.ENSEMBLE, digest):
        return found
    with tempfile.TemporaryDirectory() as folder:
        package = Path(folder) / "ensemble"
        package.mkdir()
        for name, path in files.items():
            copyfile(path, package / name)
        write_json(package / "manifest.json", manifest)
        model = _uploaded(
            server,
            store.ENSEMBLE,
            digest,
            run_id,
            flavor=pyfunc,
            python_model=str(Path(__file__).with_name("serving.py")),
            artifacts={"ensemble": str(package)},
            pip_requirements=_flavour.REQUIREMENTS,
            signature=ModelSignature(
                inputs=Schema([ColSpec("string", "dicom_base64")]),
                outputs=Schema(
                    [
                        ColSpec("double", "probability"),
                        ColSpec("string", "boxes"),
                        ColSpec("string", "notes"),
                    ]
                ),
            ),
        )
    all_tags = {**tags, store.SUM: digest}
    return _create_version(server, store.ENSEMBLE, model, run_id, all_tags, description)


def _uploaded(
    server: "MlflowClient", name: str, digest: str, run_id: str, **model: Any
) -> tuple[str, str]:
    """Address and id of the uploaded model with this sha256; it is uploaded when there is none.

    One that a killed process left unfinished is deleted.
    """
    wanted = f"name = '{name}' AND tags.`{store.SUM}` = '{digest}'"
    for found in server.search_logged_models([experiment_id(server)], filter_string=wanted):
        if found.status == LoggedModelStatus.READY:
            return found.model_uri, found.model_id
        server.delete_logged_model(found.model_id)
    begun = server.create_logged_model(
        experiment_id(server), name, source_run_id=run_id, tags={store.SUM: digest}
    )
    with warnings.catch_warnings():  # an input example, which would be somebody's radiograph
        warnings.filterwarnings("ignore", message=".*[Ii]nput example")
        Model.log(artifact_path=None, name=name, run_id=run_id, model_id=begun.model_id, **model)
    return begun.model_uri, begun.model_id


def _create_version(
    server: "MlflowClient",
    name: str,
    model: tuple[str, str],
    run_id: str,
    tags: Mapping[str, str],
    description: str = "",
) -> "ModelVersion":
    store.make_name(server, name, {})
    source, model_id = model
    return server.create_model_version(
        name,
        source=source,
        run_id=run_id,
        tags=dict(tags),
        model_id=model_id,
        description=_fitting(description) or None,
    )


def _fitting(description: str) -> str:
    """The lines of a description that every MLflow server takes, and where the rest is."""
    if len(description) <= store.LONGEST_DESCRIPTION:
        return description
    rest = "\n\nCut here. All of it is in the run's artifacts: `evaluation/model_card.md`\n"
    return description[: store.LONGEST_DESCRIPTION - len(rest)].rpartition("\n")[0] + rest
