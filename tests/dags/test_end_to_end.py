"""The whole chain in a checkout of its own: real scheduler, real server, real networks."""

import json
import os
import shutil
import socket
import stat
import subprocess
import sys
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import httpx
import pandas as pd
import psutil
import pytest
import yaml

from pneumo import workflow
from pneumo.servers.api import Airflow

ROOT = Path(__file__).parents[2]
BIN = Path(sys.executable).parent
TINY = {
    "models": ["unet_densenet121", "unet_vgg19"],
    "data": {"size_px": 32, "validation_images": 10, "test_images": 10},
    "demo": {"images": 40},
    "train": {"epochs": 2},
    "ensemble": {"candidates": 4},
    "promotion": {"minimum_map": 0.0, "minimum_sensitivity": 0.0},
}

pytestmark = [pytest.mark.slow, pytest.mark.timeout(900)]


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

    def run_dag(self, dag_id: str, conf: dict | None = None) -> tuple[str, dict[str, str], Path]:
        """Trigger a DAG; how the run and its tasks ended, and the folder of its logs."""
        with self.airflow() as client:
            client.patch(f"/dags/{dag_id}", {"is_paused": False})
            body = {"logical_date": None, "conf": conf or {}}
            run = client.post(f"/dags/{dag_id}/dagRuns", body)["dag_run_id"]
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


@pytest.fixture(scope="module")
def checkout(tmp_path_factory) -> Iterator[Checkout]:
    """A checkout in which ``pneumo launch`` has run once; its servers are up."""
    Checkout.ports = {"PNEUMO_AIRFLOW_PORT": free_port(), "PNEUMO_MLFLOW_PORT": free_port()}
    here = Checkout(tmp_path_factory.mktemp("checkout"))
    try:
        here.said = here.run("pneumo launch")
        yield here
    finally:
        here.run("pneumo down")
        assert not marked(here.folder)


def test_a_launch_ends_with_the_figures_and_a_champion(checkout):
    for name in ["unet_densenet121", "unet_vgg19", "ensemble", "two constant boxes"]:
        assert name in checkout.said
    assert "promoted: pneumonia-ensemble version 1, alias champion" in checkout.said
    assert "train_unet_vgg19" in checkout.said


def test_every_network_and_the_ensemble_are_registered_once(checkout):
    names = sorted(version["name"] for version in checkout.versions())
    assert names == ["pneumonia-ensemble", "unet_densenet121", "unet_vgg19"]
    champion = checkout.mlflow(
        "registered-models/alias", name="pneumonia-ensemble", alias="champion"
    )["model_version"]
    tags = {tag["key"]: tag["value"] for tag in champion["tags"]}
    assert {"pneumo.git_commit", "pneumo.dvc_lock", "pneumo.data", "pneumo.map"} < set(tags)
    assert tags["pneumo.verdict"] == "promoted"


def test_every_training_has_one_run_with_its_curve(checkout):
    experiment = checkout.mlflow("experiments/get-by-name", experiment_name="pneumonia")
    found = httpx.post(
        f"http://127.0.0.1:{checkout.ports['PNEUMO_MLFLOW_PORT']}/api/2.0/mlflow/runs/search",
        json={"experiment_ids": [experiment["experiment"]["experiment_id"]]},
        auth=("admin", (checkout.folder / ".pneumo/password").read_text().strip()),
    ).json()["runs"]
    assert sorted(run["info"]["run_name"] for run in found) == [
        "ensemble",
        "unet_densenet121",
        "unet_vgg19",
    ]
    assert {run["info"]["status"] for run in found} == {"FINISHED"}
    (run,) = [run for run in found if run["info"]["run_name"] == "unet_vgg19"]
    curve = checkout.mlflow("metrics/get-history", run_id=run["info"]["run_id"], metric_key="loss")
    assert len(curve["metrics"]) == 2


def test_valid_data_are_announced_with_their_hash_and_counts(checkout):
    state, tasks, _ = checkout.run_dag("pneumonia_validate")
    assert (state, set(tasks.values())) == ("success", {"success"})
    with checkout.airflow() as client:
        events = client.get("/assets/events", order_by="-timestamp")["asset_events"]
    facts = next(e["extra"] for e in events if e["name"] == workflow.VALID_DATA)
    assert facts["images"] == 40
    assert facts["md5"].endswith(".dir")
    assert (checkout.folder / facts["docs"]).is_file()


def test_data_that_are_not_valid_fail_the_task_and_nothing_runs_after_it(checkout):
    broken = checkout.folder / "data/broken"
    shutil.copytree(checkout.folder / "data/demo", broken, copy_function=os.link)
    labels = broken / "stage_2_train_labels.csv"
    text = labels.read_text().replace(",,,,0\n", ",,,,7\n", 1)
    labels.unlink()
    labels.write_text(text)
    before = (checkout.folder / "params.yaml").read_text()
    checkout.change({"data": {"root": "data/broken"}})
    state, tasks, logs = checkout.run_dag("pneumonia_validate")
    checkout.set_params(before)
    assert state == "failed"
    assert tasks == {
        "demo": "skipped",
        "validate": "failed",
        "publish": "upstream_failed",
        "valid_data": "upstream_failed",
    }
    (log,) = (logs / "task_id=validate").rglob("*.log")
    assert "critical: labels.Target" in log.read_text()
    checkout.run("dvc repro validate")  # the workspace is again as it was


def test_what_tasks_tell_each_other_is_short_and_names_nobody(checkout):
    patients = pd.read_csv(checkout.folder / "data/demo/patients.csv", dtype=str)
    everyone = {*patients["patientId"], *(f"{person!r}" for person in patients["person"])}
    with checkout.airflow() as client:
        path = "/dags/~/dagRuns/~/taskInstances/~/xcomEntries"
        entries = client.get(path, limit=100)["xcom_entries"]
        assert len(entries) > 8
        for entry in entries:
            place = f"/dags/{entry['dag_id']}/dagRuns/{entry['run_id']}"
            place += f"/taskInstances/{entry['task_id']}/xcomEntries/{entry['key']}"
            value = str(client.get(place, map_index=entry["map_index"])["value"])
            assert len(value) < 2_000
            assert not [name for name in everyone if name in value], entry["task_id"]


def test_no_patient_is_named_in_logs_databases_artifacts_or_data_docs(checkout):
    labels = pd.read_csv(checkout.folder / "data/demo/stage_2_train_labels.csv")
    names = [name.encode() for name in labels["patientId"].unique()]
    places = [".pneumo/logs", ".pneumo/airflow", ".pneumo/mlflow", "reports"]
    files = [p for place in places for p in (checkout.folder / place).rglob("*") if p.is_file()]
    assert len(files) > 50
    for path in files:
        content = path.read_bytes()
        assert not any(name in content for name in names), path


def test_dvc_has_nothing_to_do_after_airflow(checkout):
    assert "up to date" in checkout.run("dvc repro")


def test_an_edited_parameter_makes_only_what_depends_on_it_stale(checkout):
    before = (checkout.folder / "params.yaml").read_text()
    checkout.change({"boxes": {"shrinks": [0.0, 0.2]}})
    status = json.loads(checkout.run("dvc status --json"))
    checkout.set_params(before)
    assert sorted(status) == ["tune"]


def test_another_launch_finds_everything_cached_and_registers_nothing(checkout):
    before = checkout.versions()
    said = checkout.run("pneumo launch")
    assert "kept: pneumonia-ensemble version 1, alias champion" in said
    assert checkout.versions() == before


def test_the_champion_scores_radiographs_and_rejects_what_is_none(checkout):
    inbox = checkout.folder / "inbox"
    inbox.mkdir()
    for path in sorted((checkout.folder / "data/demo/stage_2_train_images").iterdir())[:5]:
        shutil.copyfile(path, inbox / path.name)
    (inbox / "torn.dcm").write_bytes(b"torn")
    said = json.loads(checkout.run("pneumo score inbox results --json 2>/dev/null", code=3))
    assert (said["files"], said["scored"], said["rejected"]) == (6, 5, 1)
    status = pd.read_csv(checkout.folder / "results/predictions.csv")["status"]
    assert status.tolist() == ["scored"] * 5 + ["rejected"]
    assert pd.read_csv(checkout.folder / "results/rejected.csv")["reason"].tolist() == ["not_dicom"]
    labels = "data/demo/stage_2_train_labels.csv"
    assert float(checkout.run(f"pneumo metric {labels} results/submission.csv 2>/dev/null")) >= 0


def test_an_inbox_is_scored_in_mapped_tasks_and_never_twice(checkout):
    inbox, out = checkout.folder / "data/inbox", checkout.folder / "data/scored"
    shutil.copytree(checkout.folder / "data/demo/stage_2_train_images", inbox)
    (inbox / "torn.dcm").write_bytes(b"torn")
    before = (checkout.folder / "params.yaml").read_text()
    checkout.change({"score": {"task_images": 10}})
    state, tasks, logs = checkout.run_dag("pneumonia_score")
    assert (state, set(tasks.values())) == ("success", {"success"}), tasks
    assert len(list((logs / "task_id=score").glob("map_index=*"))) == 5
    summary = json.loads((out / "summary.json").read_text())
    assert (summary["files"], summary["scored"], summary["rejected"]) == (41, 40, 1)
    with checkout.airflow() as client:
        events = client.get("/assets/events", order_by="-timestamp")["asset_events"]
    facts = next(event["extra"] for event in events if event["name"] == workflow.SCORED)
    assert (facts["out"], facts["scored"]) == ("data/scored", 40)
    parts = {path: path.stat().st_mtime_ns for path in out.glob("shards/*/*/rows.parquet")}
    state, tasks, _ = checkout.run_dag("pneumonia_score")
    checkout.set_params(before)
    assert state == "success"
    assert tasks["score"] == "skipped"
    assert {path: path.stat().st_mtime_ns for path in out.glob("shards/*/*/rows.parquet")} == parts
    assert json.loads((out / "summary.json").read_text()) == summary


def test_a_pacs_on_this_machine_gets_a_report_and_an_overlay_of_ten_radiographs(checkout):
    said = checkout.run("pneumo pacs demo")
    found = json.loads(checkout.run("pneumo pacs status --json 2>/dev/null"))
    states = {name: number for name, number in found["states"].items() if number}
    assert (states, found["decide"]) == ({"confirmed": 10}, [])
    assert found["objects"] == {"confirmed": 20}
    home = checkout.folder / ".pneumo/pacs"
    for name in ("credentials", "orthanc.json"):
        assert stat.S_IMODE((home / name).stat().st_mode) == 0o600
    port = json.loads((home / "orthanc.json").read_text())["HttpPort"]
    page = next(word for word in said.split() if "/app/explorer.html#study?uuid=" in word)
    login = tuple((home / "credentials").read_text().strip().split(":"))
    url = page.replace("/app/explorer.html#study?uuid=", "/studies/") + "/series?expand"
    assert httpx.get(url).status_code == 401
    series = httpx.get(url, auth=login).raise_for_status().json()
    assert sorted(one["MainDicomTags"]["Modality"] for one in series) == ["CR", "PR", "SR"]
    listens = [c.laddr for c in psutil.net_connections() if c.status == psutil.CONN_LISTEN]
    assert {place.ip for place in listens if place.port == port} == {"127.0.0.1"}
    assert login[1] not in said
    again = checkout.run("pneumo pacs demo")
    assert "radiographs: 10 confirmed; objects of findings in the PACS: 20" in again
    checkout.run("airflow dags pause pneumonia_pacs")


def test_a_champion_whose_file_was_changed_is_refused(checkout):
    (network,) = checkout.folder.glob(".pneumo/mlflow/artifacts/**/ensemble/unet_vgg19.keras")
    content = network.read_bytes()
    network.write_bytes(content[:-1] + bytes([content[-1] ^ 1]))
    said = checkout.run("XDG_CACHE_HOME=$PWD/empty pneumo score inbox refused", code=2)
    network.write_bytes(content)
    assert "unet_vgg19.keras is missing or its sha256 differs" in said
    assert not (checkout.folder / "refused").exists()


def test_a_failed_task_is_named_with_the_end_of_its_log(checkout):
    before = (checkout.folder / "params.yaml").read_text()
    checkout.change({"data": {"test_images": 5000}})
    said = checkout.run("pneumo launch", code=1)
    checkout.set_params(before)
    assert "prepare" in said
    assert "lower data.train_images, data.validation_images or data.test_images" in said
