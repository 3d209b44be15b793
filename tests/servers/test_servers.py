"""The servers of one workspace: who may use them, what they leave behind, and what a run shows."""

import json
import re
import signal
import socket
import subprocess
import sys
import time
from collections.abc import Iterator
from pathlib import Path

import httpx
import psutil
import pytest

from pneumo import servers
from pneumo.servers import config, processes
from pneumo.servers.api import UNFINISHED

DAGS = """
from airflow.sdk import chain, dag, task

def shell(name, line, **more):
    @task.bash(task_id=name, **more)
    def run():
        return line
    return run()

@dag(schedule=None, max_active_runs=1, default_args={"retries": 0})
def good():
    chain(shell("first", "echo $AIRFLOW_HOME"), shell("second", "exit 99"))

@dag(schedule=None, max_active_runs=1, default_args={"retries": 0})
def bad():
    chain(shell("fine", "true"), shell("broken", "echo the lungs are missing; exit 3"))

@dag(schedule=None, max_active_runs=1, default_args={"retries": 0})
def long():
    shell("nap", "setsid sleep 987 & sleep 987")

good(), bad(), long()
"""

LAUNCH = """
import sys
from pathlib import Path
from rich.console import Console
from pneumo.servers import follow
from pneumo import servers
from pneumo.base.errors import PneumoError

here = Path(sys.argv[1])
try:
    with servers.down_on_interrupt(here):
        follow.run_dag(servers.up(here), sys.argv[2], {}, console=Console(width=200))
except PneumoError as error:
    print(error)
    sys.exit(error.exit_code)
"""


@pytest.fixture(scope="session")
def workspace(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Path]:
    """A workspace with three small DAGs and ports of its own; its servers end with the tests."""
    here = tmp_path_factory.mktemp("work space")
    (here / "dags").mkdir()
    (here / "dags" / "small.py").write_text(DAGS)
    with pytest.MonkeyPatch.context() as patch:
        for name, port in zip(config.DEFAULT_PORTS, free_ports(2), strict=True):
            patch.setenv(name, str(port))
        yield here
        servers.down(here)


@pytest.fixture
def running(workspace: Path) -> servers.Services:
    return servers.up(workspace)


def free_ports(count: int) -> list[int]:
    sockets = [socket.create_server(("127.0.0.1", 0)) for _ in range(count)]
    ports = [s.getsockname()[1] for s in sockets]
    for s in sockets:
        s.close()
    return ports


def launch(workspace: Path, dag_id: str) -> subprocess.Popen[str]:
    command = [sys.executable, "-c", LAUNCH, str(workspace), dag_id]
    return subprocess.Popen(command, stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True)


def marked(workspace: Path) -> list[psutil.Process]:
    return processes.marked(config.instance(workspace))


def wait_for(what, seconds: float = 60) -> None:
    deadline = time.monotonic() + seconds
    while not what():
        assert time.monotonic() < deadline, "waited too long"
        time.sleep(0.2)


def naps(workspace: Path) -> int:
    return sum("987" in p.cmdline() for p in marked(workspace) if p.is_running())


@pytest.mark.slow
def test_servers_listen_on_this_machine_only(running):
    every = [c for p in marked(running.workspace) for c in p.net_connections(kind="inet")]
    listening = {c.laddr for c in every if c.status == psutil.CONN_LISTEN}
    urls = {httpx.URL(running.airflow_url).port, httpx.URL(running.mlflow_url).port}
    assert {address.ip for address in listening} == {"127.0.0.1"}
    assert {address.port for address in listening} == urls


@pytest.mark.slow
def test_a_second_up_starts_nothing(running):
    before = {row.name: row.pid for row in servers.status(running.workspace)}
    assert servers.up(running.workspace) == running
    rows = servers.status(running.workspace)
    assert {row.name: row.pid for row in rows} == before
    assert {row.state for row in rows} == {"ready"}


@pytest.mark.slow
def test_only_the_owner_can_read_what_the_servers_keep(running):
    home = running.workspace / ".pneumo"
    assert home.stat().st_mode & 0o777 == 0o700
    named = ("instance", "secrets.json", "password", "env", "airflow/airflow.cfg")
    named += ("airflow/passwords.json", "airflow/airflow.db", "mlflow/auth.ini", "mlflow/mlflow.db")
    assert {name: (home / name).stat().st_mode & 0o777 for name in named} == dict.fromkeys(
        named, 0o600
    )


@pytest.mark.slow
def test_no_secret_is_on_a_command_line_or_in_a_log(running):
    home = running.workspace / ".pneumo"
    made = list(json.loads((home / "secrets.json").read_text()).values())
    lines = [" ".join(process.cmdline()) for process in marked(running.workspace)]
    logs = [path.read_text(errors="replace") for path in (home / "logs").glob("*.log")]
    assert len(lines) >= 4
    assert len(logs) >= 4
    assert not [text for text in lines + logs if any(secret in text for secret in made)]


@pytest.mark.slow
def test_a_wrong_password_is_refused_by_both_pages(running):
    login = {"username": "admin", "password": "admin"}
    assert httpx.post(f"{running.airflow_url}/auth/token", json=login).status_code == 401
    assert httpx.get(f"{running.airflow_url}/api/v2/pools").status_code == 401
    experiment = f"{running.mlflow_url}/api/2.0/mlflow/experiments/get?experiment_id=0"
    assert httpx.get(experiment).status_code == 401
    assert httpx.get(experiment, auth=("admin", "password1234")).status_code == 401
    assert httpx.get(experiment, auth=(running.user, running.password)).status_code == 200
    foreign = {"Host": "elsewhere.example"}
    assert httpx.get(running.mlflow_url, headers=foreign).status_code == 403


@pytest.mark.slow
def test_there_are_no_examples_and_a_pool_keeps_the_users_slots(running):
    with running.airflow() as airflow:
        assert {d["dag_id"] for d in airflow.get("/dags")["dags"]} <= {"good", "bad", "long"}
        assert airflow.get("/pools/gpu")["slots"] >= 1


@pytest.mark.slow
def test_a_run_is_followed_to_its_end_line_by_line(running):
    followed = launch(running.workspace, "good")
    shown = followed.communicate(timeout=120)[0]
    assert followed.returncode == 0, shown
    for words in ("first +success", "second +skipped", "run +success"):
        assert re.search(words, shown), shown


@pytest.mark.slow
def test_a_failed_run_names_the_task_its_last_lines_and_its_log(running):
    followed = launch(running.workspace, "bad")
    shown = followed.communicate(timeout=120)[0]
    assert followed.returncode == 1, shown
    assert "task broken failed" in shown
    assert "  the lungs are missing" in shown
    log = Path(shown.rpartition("the whole log: ")[2].strip())
    assert "the lungs are missing" in log.read_text()
    assert {row.state for row in servers.status(running.workspace)} == {"ready"}


@pytest.mark.slow
def test_ctrl_c_leaves_no_process_and_the_next_up_fails_the_old_run(running):
    workspace = running.workspace
    followed = launch(workspace, "long")
    wait_for(lambda: naps(workspace) == 2)
    second = launch(workspace, "good")
    assert "another launch is under way" in second.communicate(timeout=60)[0]
    assert second.returncode == 2
    followed.send_signal(signal.SIGINT)
    assert followed.wait(30) == 128 + signal.SIGINT
    assert marked(workspace) == []
    with servers.up(workspace).airflow() as airflow:
        assert airflow.get("/dags/~/dagRuns", **UNFINISHED)["dag_runs"] == []
        states = [run["state"] for run in airflow.get("/dags/long/dagRuns")["dag_runs"]]
    assert states == ["failed"]
    assert naps(workspace) == 0


@pytest.mark.slow
def test_stop_ends_a_launch_that_is_under_way(running):
    followed = launch(running.workspace, "long")
    wait_for(lambda: naps(running.workspace) == 2)
    assert servers.down(running.workspace) > 0
    assert followed.poll() is not None
    assert marked(running.workspace) == []
