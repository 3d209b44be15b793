"""A checkout of its own with servers of its own, in which shell lines run as a user would."""

import os
import shutil
import socket
import subprocess
import sys
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import httpx
import psutil
import yaml

from pneumo.servers.api import Airflow

ROOT = Path(__file__).parents[2]
BIN = Path(sys.executable).parent
TINY = {
    "models": ["unet_densenet121", "unet_vgg19"],
    "data": {"size_px": 32, "validation_images": 10, "test_images": 10},
    "demo": {"images": 40},
    "train": {"epochs": 2},
    "ensemble": {"candidates": 0},
    # So small a training says 0.7 to 0.9 to everything; its few opacities are just above this gate.
    "boxes": {"thresholds": [0.5], "gates": [0.711], "minimum_areas_px": [0], "shrinks": [0.0]},
    "promotion": {"minimum_map": 0.0, "minimum_sensitivity": 0.0},
}


class Checkout:
    """A copy of this checkout with a tiny recipe, and shell lines run in it as a user would."""

    def __init__(self, folder: Path) -> None:
        self.folder = folder
        names = self._git("ls-files", "-co", "--exclude-standard", cwd=ROOT).split("\n")
        for name in filter(None, names):
            if (ROOT / name).is_file():
                (folder / name).parent.mkdir(parents=True, exist_ok=True)
                shutil.copyfile(ROOT / name, folder / name)
        self.change(TINY)
        self._git("init", "-q", cwd=folder)

    def change(self, edit: dict) -> None:
        path = self.folder / "params.yaml"
        params = yaml.safe_load(path.read_text())
        for name, section in edit.items():
            params[name] = {**params[name], **section} if isinstance(section, dict) else section
        self.set_params(yaml.safe_dump(params))

    def set_params(self, text: str) -> None:
        """Put ``text`` in params.yaml's place at once: Airflow may be reading it."""
        written = self.folder / "params.yaml.new"
        written.write_text(text)
        written.replace(self.folder / "params.yaml")

    def run(self, line: str, code: int = 0) -> str:
        cache = {"XDG_CACHE_HOME": str(self.folder / ".pneumo/cache")}
        env = {**os.environ, "PATH": f"{BIN}:{os.environ['PATH']}", **cache, **self.ports}
        command = f"[ ! -e .pneumo/env ] || . .pneumo/env; {line}"
        done = subprocess.run(
            ["bash", "-c", command], cwd=self.folder, env=env, capture_output=True, text=True
        )
        assert done.returncode == code, done.stdout + done.stderr
        return done.stdout + done.stderr

    def mlflow(self, path: str, **query: str) -> dict:
        """What the MLflow server answers to a GET."""
        login = ("admin", (self.folder / ".pneumo/password").read_text().strip())
        url = f"http://127.0.0.1:{self.ports['PNEUMO_MLFLOW_PORT']}/api/2.0/mlflow/{path}"
        return httpx.get(url, params=query, auth=login).raise_for_status().json()

    @contextmanager
    def airflow(self) -> Iterator[Airflow]:
        """Airflow's REST API, logged in."""
        password = (self.folder / ".pneumo/password").read_text().strip()
        url = f"http://127.0.0.1:{self.ports['PNEUMO_AIRFLOW_PORT']}"
        with Airflow(url, "admin", password) as client:
            yield client

    def run_dag(self, dag_id: str) -> tuple[str, dict[str, str], Path]:
        """Trigger a DAG; how the run and its tasks ended, and the folder of its logs."""
        with self.airflow() as client:
            client.patch(f"/dags/{dag_id}", {"is_paused": False})
            body = {"logical_date": None, "conf": {}}
            run = client.post(f"/dags/{dag_id}/dagRuns", body)["dag_run_id"]
            return self._followed(client, dag_id, run)

    def begun(self, dag_id: str) -> set[str]:
        """The runs of a DAG that Assets have begun; from now on they may: it is not paused.

        Airflow drops what Assets tell a DAG that is paused.
        """
        with self.airflow() as client:
            client.patch(f"/dags/{dag_id}", {"is_paused": False})
            return _begun(client, dag_id)

    def begun_dag(self, dag_id: str, before: set[str]) -> tuple[str, dict[str, str], Path]:
        """As ``run_dag``, of the run that an Asset begins or has begun since those ``before``."""
        with self.airflow() as client:
            end = time.monotonic() + 120
            while not (since := _begun(client, dag_id) - before):
                assert time.monotonic() < end, f"no Asset began {dag_id}"
                time.sleep(0.5)
            return self._followed(client, dag_id, max(since))

    def _followed(self, client: Airflow, dag_id: str, run: str) -> tuple[str, dict[str, str], Path]:
        path = f"/dags/{dag_id}/dagRuns/{run}"
        while (state := client.get(path)["state"]) not in ("success", "failed"):
            time.sleep(0.5)
        found = client.get(f"{path}/taskInstances", limit=100)["task_instances"]
        client.patch(f"/dags/{dag_id}", {"is_paused": True})
        logs = self.folder / f".pneumo/airflow/logs/dag_id={dag_id}/run_id={run}"
        return state, {task["task_id"]: task["state"] for task in found}, logs

    def versions(self) -> list[dict]:
        found = self.mlflow("model-versions/search", max_results="100")
        return found.get("model_versions", [])

    ports: dict[str, str]

    def _git(self, *words: str, cwd: Path) -> str:
        return subprocess.run(
            ["git", *words], cwd=cwd, check=True, capture_output=True, text=True
        ).stdout


def _begun(client: Airflow, dag_id: str) -> set[str]:
    runs = client.get(f"/dags/{dag_id}/dagRuns", limit=100)["dag_runs"]
    return {run["dag_run_id"] for run in runs if run["run_type"] == "asset_triggered"}


def free_port() -> str:
    with socket.socket() as listener:
        listener.bind(("127.0.0.1", 0))
        return str(listener.getsockname()[1])


def marked(folder: Path) -> list[psutil.Process]:
    instance = (folder / ".pneumo/instance").read_text().strip()
    found = []
    for process in psutil.process_iter():
        try:
            if process.environ().get("PNEUMO_INSTANCE") == instance:
                found.append(process)
        except psutil.Error:
            continue
    return found
