"""A site for a test: a repository with a tiny recipe, a scheduler's checkout and two workers'."""

import json
import os
import subprocess
import sys
import time
from datetime import datetime
from pathlib import Path
from shutil import copyfile
from typing import Any

import httpx
import yaml

from pneumo.servers.api import Airflow
from tests.cluster import Cluster

ROOT = Path(__file__).parents[2]
BIN = Path(sys.executable).parent
WHO = "git -c user.name=A -c user.email=a@b"
ENDED = ("success", "failed")
QUEUES = {"gpu": 1, "cpu": 2}
TINY = {
    "models": ["unet_densenet121", "unet_vgg19"],
    "data": {"size_px": 32, "validation_images": 10, "test_images": 10},
    "demo": {"images": 40},
    "train": {"epochs": 12, "patience": 12},
    "ensemble": {"candidates": 4},
    "promotion": {"minimum_map": 0.0, "minimum_sensitivity": 0.0},
    "score": {"task_images": 12},
}


def shell(folder: Path, line: str, **variables: str) -> str:
    """What a shell line in ``folder`` prints; it must succeed."""
    env = os.environ | {"PATH": f"{BIN}:{os.environ['PATH']}"} | variables
    done = subprocess.run(["bash", "-c", line], cwd=folder, env=env, capture_output=True, text=True)
    assert done.returncode == 0, done.stdout + done.stderr
    return done.stdout + done.stderr


class Site:
    """The repository, the shared folder, and the cluster that works for them."""

    def __init__(self, folder: Path) -> None:
        self.folder, self.shared = folder, folder / "shared"
        self.shared.mkdir()
        self._commit_all()
        checkouts = {name: self.clone(name) for name in ("scheduler", *QUEUES)}
        os.environ |= dict(
            zip(("PNEUMO_AIRFLOW_PORT", "PNEUMO_MLFLOW_PORT"), _ports(), strict=True)
        )
        self.cluster = Cluster(checkouts.pop("scheduler"), checkouts, QUEUES)

    def clone(self, name: str) -> Path:
        shell(self.folder, f"git clone -q site.git {name}")
        return self.folder / name

    def change(self, edit: dict) -> None:
        """Commit other settings, and bring every checkout there, as a deployment does."""
        _change(self.folder / "author", edit)
        shell(self.folder / "author", f"{WHO} commit -qam settings && git push -q")
        for name in ("scheduler", *QUEUES):
            shell(self.folder / name, "git pull -q")

    def user(self) -> dict[str, str]:
        """What somebody with a shell on one of the machines has in the environment."""
        layout = self.cluster.layout
        return {
            "AWS_SHARED_CREDENTIALS_FILE": str(layout.home / "aws"),
            "AWS_CONFIG_FILE": str(layout.home / "aws-config"),
            "DVC_SITE_CACHE_DIR": str(self.folder / "user-dvc"),
        }

    def trigger(self, dag_id: str, conf: dict | None = None) -> "Run":
        with self.cluster.airflow() as client:
            while not self._knows(client, dag_id):
                time.sleep(1)
            client.patch(f"/dags/{dag_id}", {"is_paused": False})
            body = {"logical_date": None, "conf": conf or {}}
            return Run(self, dag_id, client.post(f"/dags/{dag_id}/dagRuns", body)["dag_run_id"])

    def _knows(self, client: Airflow, dag_id: str) -> bool:
        """Whether Airflow has read a DAG as it is now, with the networks of the settings."""
        if client.find(f"/dags/{dag_id}") is None:
            return False
        tasks = {task["task_id"] for task in client.get(f"/dags/{dag_id}/tasks")["tasks"]}
        models = yaml.safe_load((self.folder / "scheduler/params.yaml").read_text())["models"]
        trainings = {name for name in tasks if name.startswith("train_")}
        return not trainings or trainings == {f"train_{model}" for model in models}

    def mlflow(self, path: str, **query: Any) -> dict:
        chosen = self.cluster.layout.config
        login = ("admin", chosen.secrets["password"])
        url = f"{chosen.mlflow_url}/api/2.0/mlflow/{path}"
        if path.endswith("search") and "model" not in path:
            return httpx.post(url, json=query, auth=login).raise_for_status().json()
        return httpx.get(url, params=query, auth=login).raise_for_status().json()

    def registered(self) -> dict[str, int]:
        """How many versions every registered model has."""
        found = self.mlflow("model-versions/search", max_results="100").get("model_versions", [])
        names = [version["name"] for version in found]
        return {name: names.count(name) for name in sorted(set(names))}

    def runs(self) -> list[dict]:
        """MLflow's runs."""
        experiment = self.mlflow("experiments/get-by-name", experiment_name="pneumonia")
        ids = [experiment["experiment"]["experiment_id"]]
        return self.mlflow("runs/search", experiment_ids=ids)["runs"]

    def _commit_all(self) -> None:
        """The working tree of these tests, with the tiny recipe, as the site's first commit."""
        author = self.folder / "author"
        names = shell(ROOT, "git ls-files -co --exclude-standard").splitlines()
        for name in filter(None, names):
            if (ROOT / name).is_file():
                (author / name).parent.mkdir(parents=True, exist_ok=True)
                copyfile(ROOT / name, author / name)
        _change(author, TINY)
        text = (author / "dvc.yaml").read_text()
        published = f"published: {self.shared}/published"
        (author / "dvc.yaml").write_text(text.replace("published: reports/published", published))
        with (author / ".dvc/config").open("a") as file:
            file.write("    remote = store\n['remote \"store\"']\n    url = s3://dvc\n")
        shell(author, f"git init -q -b main && git add -A && {WHO} commit -qm first")
        shell(self.folder, "git clone -q --bare author site.git")
        shell(author, f"git remote add origin {self.folder}/site.git && git fetch -q")
        shell(author, "git branch -q -u origin/main")


class Run:
    """One run of a DAG."""

    def __init__(self, site: Site, dag_id: str, run_id: str) -> None:
        self.site, self.dag_id, self.run_id = site, dag_id, run_id
        self.path = f"/dags/{dag_id}/dagRuns/{run_id}"

    def tasks(self) -> list[dict]:
        with self.site.cluster.airflow() as client:
            return client.get(f"{self.path}/taskInstances", limit=100)["task_instances"]

    def state(self) -> str:
        with self.site.cluster.airflow() as client:
            return client.get(self.path)["state"]

    def end(self, seconds: float = 1500) -> dict[str, str]:
        """Wait until the run has ended well; the state of each task."""
        deadline = time.monotonic() + seconds
        while (state := self.state()) not in ENDED and time.monotonic() < deadline:
            time.sleep(1)
        states = {task["task_id"]: task["state"] for task in self.tasks()}
        assert state == "success", f"{state}: {states}"
        return states

    def log(self, task_id: str) -> str:
        """What all tries of a task have printed, on whatever worker."""
        return "".join(path.read_text() for path in self._logs(task_id))

    def times(self, task_id: str, words: str) -> list[float]:
        """When a task has printed a line that begins with ``words``."""
        lines = [json.loads(line) for line in self.log(task_id).splitlines()]
        said = [line["timestamp"] for line in lines if line["event"].startswith(words)]
        return [datetime.fromisoformat(moment).timestamp() for moment in said]

    def tasks_on(self, worker: str) -> set[str]:
        """The tasks of which a worker has logs."""
        return {path.parts[-2].partition("=")[2] for path in self._logs("*", worker)}

    def _logs(self, task_id: str, worker: str = "worker-*") -> list[Path]:
        home = self.site.cluster.layout.home
        run = f"{worker}/airflow/logs/dag_id={self.dag_id}/run_id={self.run_id}"
        return sorted(home.glob(f"{run}/task_id={task_id}/*.log"))


def _change(checkout: Path, edit: dict) -> None:
    path = checkout / "params.yaml"
    params = yaml.safe_load(path.read_text())
    for name, section in edit.items():
        params[name] = {**params[name], **section} if isinstance(section, dict) else section
    path.write_text(yaml.safe_dump(params))


def _ports() -> list[str]:
    import socket

    trials = [socket.create_server(("127.0.0.1", 0)) for _ in range(2)]
    ports = [str(trial.getsockname()[1]) for trial in trials]
    for trial in trials:
        trial.close()
    return ports
