"""MLflow runs: one per trained network, with live curves, and one per evaluated ensemble.

The server is named by ``MLFLOW_TRACKING_URI``. ``live`` sends what a training tells
of itself.
"""

import os
import time
from collections.abc import Mapping
from typing import TYPE_CHECKING, Any

from pneumo.base.files import sha256_of

if TYPE_CHECKING:
    from mlflow.entities import Metric, Param, Run
    from mlflow.tracking import MlflowClient

    from pneumo.base.settings import AugmentSettings, TrainSettings

EXPERIMENT = "pneumonia"


def client() -> "MlflowClient | None":
    """A client of the server that ``MLFLOW_TRACKING_URI`` names, or None when it names none."""
    if not os.environ.get("MLFLOW_TRACKING_URI"):
        return None
    os.environ.setdefault("MLFLOW_HTTP_REQUEST_MAX_RETRIES", "1")
    os.environ.setdefault("MLFLOW_HTTP_REQUEST_TIMEOUT", "10")
    from mlflow.tracking import MlflowClient

    return MlflowClient()


def experiment_id(server: "MlflowClient") -> str:
    """The id of the experiment that holds all runs; it is made when missing."""
    experiment = server.get_experiment_by_name(EXPERIMENT)
    return experiment.experiment_id if experiment else server.create_experiment(EXPERIMENT)


def find_run(server: "MlflowClient", tags: Mapping[str, str]) -> "Run | None":
    """The newest run that carries all ``tags``, or None."""
    wanted = " and ".join(f"tags.`{key}` = '{value}'" for key, value in tags.items())
    runs = server.search_runs([experiment_id(server)], wanted, max_results=1)
    return runs[0] if runs else None


def start_run(
    server: "MlflowClient", name: str, tags: Mapping[str, str], params: Mapping[str, Any]
) -> str:
    """Start a run with its tags and parameters; return its id."""
    run = server.create_run(experiment_id(server), tags=dict(tags), run_name=name)
    server.log_batch(run.info.run_id, params=_params(params))
    return run.info.run_id


def describe(
    server: "MlflowClient", run: "Run", params: Mapping[str, Any], profile: Mapping[str, Any]
) -> None:
    """Give a run its parameters and the prepared data as its input, where it lacks them."""
    if not run.data.params:
        server.log_batch(run.info.run_id, params=_params(params))
    if not (run.inputs and run.inputs.dataset_inputs):
        log_data(server, run.info.run_id, profile)


def log_data(server: "MlflowClient", run_id: str, profile: Mapping[str, Any]) -> None:
    """Name the prepared data set, by its content hash, as the input of a run."""
    from mlflow.entities import Dataset, DatasetInput

    digest = str(profile["sha256"]["index.parquet"])[:32]
    source = f'{{"tags": {{"data": "{digest}"}}}}'
    data = Dataset(name="prepared", digest=digest, source_type="code", source=source)
    server.log_inputs(run_id, [DatasetInput(data)])


def now_ms() -> int:
    """Milliseconds since 1970, as MLflow stamps."""
    return int(time.time() * 1000)


def metrics_of(step: int, values: Mapping[str, float]) -> "list[Metric]":
    """One MLflow metric per value, all stamped now."""
    from mlflow.entities import Metric

    now = now_ms()
    return [Metric(key, float(value), now, step) for key, value in values.items()]


def training_params(train: "TrainSettings", augment: "AugmentSettings") -> dict[str, Any]:
    """The settings of a training, as its run shows them."""
    return train.model_dump() | {f"augment_{k}": v for k, v in augment.model_dump().items()}


def training_tags(
    model: str, profile: Mapping[str, Any], params: Mapping[str, Any]
) -> dict[str, str]:
    """What the run of a training is found by: its network, and the sum of data and settings."""
    return {
        "pneumo.kind": "network",
        "pneumo.network": model,
        "pneumo.stage": sha256_of([model, profile["sha256"], dict(params)]),
    }


def take_up(server: "MlflowClient", run: "Run") -> set[int]:
    """Set a run to running again; return the epochs that it has."""
    server.update_run(run.info.run_id, status="RUNNING")
    return {figure.step for figure in server.get_metric_history(run.info.run_id, "loss")}


def _params(params: Mapping[str, Any]) -> "list[Param]":
    from mlflow.entities import Param

    return [Param(key, str(value)) for key, value in params.items()]
