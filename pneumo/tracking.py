"""MLflow runs: one per trained network, with live curves, and one per evaluated ensemble.

The server is named by ``MLFLOW_TRACKING_URI``. Training never waits long for it: what it does not
take is kept and sent with the next epoch, or by ``promote``, which completes runs from the files.
"""

import os
import sys
import time
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from typing import TYPE_CHECKING, Any

from pneumo.files import sha256_of

if TYPE_CHECKING:
    from mlflow.entities import Metric, Run
    from mlflow.tracking import MlflowClient

EXPERIMENT = "pneumonia"
RETRY_SECONDS = 30.0


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
    found = server.get_experiment_by_name(EXPERIMENT)
    return found.experiment_id if found else server.create_experiment(EXPERIMENT)


def find_run(server: "MlflowClient", tags: Mapping[str, str]) -> "Run | None":
    """The newest run that carries all ``tags``, or None."""
    wanted = " and ".join(f"tags.`{key}` = '{value}'" for key, value in tags.items())
    runs = server.search_runs([experiment_id(server)], wanted, max_results=1)
    return runs[0] if runs else None


def start_run(
    server: "MlflowClient", name: str, tags: Mapping[str, str], params: Mapping[str, Any]
) -> str:
    """Start a run with its tags and parameters; return its id."""
    from mlflow.entities import Param

    run = server.create_run(experiment_id(server), tags=dict(tags), run_name=name)
    server.log_batch(run.info.run_id, params=[Param(k, str(v)) for k, v in params.items()])
    return run.info.run_id


def log_data(server: "MlflowClient", run_id: str, profile: Mapping[str, Any]) -> None:
    """Name the prepared data set, by its content hash, as the input of a run."""
    from mlflow.entities import Dataset, DatasetInput

    digest = str(profile["sha256"]["index.parquet"])[:32]
    source = f'{{"tags": {{"data": "{digest}"}}}}'
    data = Dataset(name="prepared", digest=digest, source_type="code", source=source)
    server.log_inputs(run_id, [DatasetInput(data)])


def metrics_of(step: int, values: Mapping[str, float]) -> "list[Metric]":
    """One MLflow metric per value, all stamped now."""
    from mlflow.entities import Metric

    now = int(time.time() * 1000)
    return [Metric(key, float(value), now, step) for key, value in values.items()]


class NetworkRun:
    """The run of one training. No method raises when the server is away."""

    def __init__(self, model: str, profile: Mapping[str, Any], settings: Mapping[str, Any]) -> None:
        self.tags = {
            "pneumo.kind": "network",
            "pneumo.network": model,
            "pneumo.stage": sha256_of([model, profile["sha256"], dict(settings)]),
        }
        self._model, self._profile, self._settings = model, profile, settings
        self._run_id: str | None = None
        self._waiting: list[Metric] = []
        self._known: set[int] | None = None  # epochs that the server has had; None: to be asked
        self._retry_at = 0.0

    def epoch(self, number: int, metrics: Mapping[str, float]) -> None:
        """Send the figures of one epoch, with those that are still waiting."""
        if os.environ.get("MLFLOW_TRACKING_URI"):
            self._waiting += metrics_of(number, metrics)
            self._try(self._send)

    def finish(self, summary: Mapping[str, float], tags: Mapping[str, str] | None = None) -> None:
        """Send what is left and end the run as finished; ``tags`` name its files' hashes."""
        if os.environ.get("MLFLOW_TRACKING_URI"):
            self._retry_at = 0.0
            self._waiting += metrics_of(0, summary)
            self._try(lambda server: self._end(server, tags or {}))

    def fail(self) -> None:
        """End the run as failed, so that a retry can take it up again."""
        if self._run_id:
            run_id = self._run_id
            self._try(lambda server: server.set_terminated(run_id, "FAILED"))

    def _end(self, server: "MlflowClient", tags: Mapping[str, str]) -> None:
        self._send(server)
        assert self._run_id
        for key, value in tags.items():
            server.set_tag(self._run_id, key, value)
        server.set_terminated(self._run_id)

    def _send(self, server: "MlflowClient") -> None:
        if self._run_id is None or self._known is None:
            self._run_id, self._known = self._find_or_start(server)
        unknown = [figure for figure in self._waiting if figure.step not in self._known]
        server.log_batch(self._run_id, metrics=unknown)
        self._waiting = []

    def _find_or_start(self, server: "MlflowClient") -> tuple[str, set[int]]:
        """The unfinished run, or a new one, and the epochs that the server has of it."""
        run = find_run(server, self.tags)
        if run and run.info.status != "FINISHED":
            server.update_run(run.info.run_id, status="RUNNING")
            told = server.get_metric_history(run.info.run_id, "loss")
            return run.info.run_id, {figure.step for figure in told}
        run_id = start_run(server, self._model, self.tags, self._settings)
        log_data(server, run_id, self._profile)
        return run_id, set()

    def _try(self, act: "Callable[[MlflowClient], Any]") -> None:
        if time.monotonic() < self._retry_at:
            return
        try:
            if server := client():
                act(server)
        except Exception as error:  # MLflow raises many kinds; none may stop a training
            self._retry_at = time.monotonic() + RETRY_SECONDS
            self._known = None  # what was sent may have arrived
            reason = str(error).splitlines()[0][:200]
            print(f"MLflow is away, training goes on: {reason}", file=sys.stderr)


@contextmanager
def network_run(
    model: str, profile: Mapping[str, Any], settings: Mapping[str, Any]
) -> Iterator[NetworkRun]:
    """Track one training: send epochs while it runs, end the run as failed on an error.

    ``profile`` is the prepared data's ``profile.json``, ``settings`` the training's settings. A
    training that is tried again with the same data and settings takes up its unfinished run.
    """
    run = NetworkRun(model, profile, settings)
    try:
        yield run
    except BaseException:
        run.fail()
        raise
