"""The servers of one workspace: who may use them, what they leave behind, and what a run shows."""

import configparser
import os
import re
import secrets
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

from pneumo import services
from pneumo.errors import PneumoError
from pneumo.services import config, environment, processes
from pneumo.services.api import UNFINISHED

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
from pneumo import follow, services
from pneumo.errors import PneumoError

here = Path(sys.argv[1])
try:
    with services.down_on_interrupt(here):
        follow.run_dag(services.up(here), sys.argv[2], {}, console=Console(width=200))
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
        services.down(here)


@pytest.fixture
def running(workspace: Path) -> services.Services:
    return services.up(workspace)


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


# Without servers


def test_a_taken_port_is_named_with_its_setting_before_anything_starts(tmp_path, monkeypatch):
    with socket.create_server(("127.0.0.1", 0)) as foreign:
        port = foreign.getsockname()[1]
        monkeypatch.setenv("PNEUMO_MLFLOW_PORT", str(port))
        monkeypatch.setenv("PNEUMO_AIRFLOW_PORT", str(free_ports(1)[0]))
        with pytest.raises(
            PneumoError, match=rf"port {port} of MLflow.*PNEUMO_MLFLOW_PORT=\d+"
        ) as e:
            services.up(tmp_path)
    assert e.value.exit_code == 2
    assert marked(tmp_path) == []


@pytest.mark.parametrize("port", ["http", "0", "80", "70000", "-1"])
def test_a_port_that_is_none_is_refused(tmp_path, monkeypatch, port):
    monkeypatch.setenv("PNEUMO_AIRFLOW_PORT", port)
    with pytest.raises(PneumoError, match="PNEUMO_AIRFLOW_PORT: must be a port"):
        services.up(tmp_path)


def test_one_port_for_both_pages_is_refused(tmp_path, monkeypatch):
    for name in config.DEFAULT_PORTS:
        monkeypatch.setenv(name, "12345")
    with pytest.raises(PneumoError, match="both 12345"):
        services.up(tmp_path)


def test_ports_are_remembered_and_the_environment_overrules_them(tmp_path, monkeypatch):
    monkeypatch.setenv("PNEUMO_AIRFLOW_PORT", "12345")
    config.write(config.load(tmp_path))
    monkeypatch.delenv("PNEUMO_AIRFLOW_PORT")
    assert config.load(tmp_path).airflow_port == 12345
    monkeypatch.setenv("PNEUMO_AIRFLOW_PORT", "12346")
    assert config.moved(config.load(tmp_path))


def test_secrets_are_long_private_and_kept(tmp_path):
    first = config.load(tmp_path)
    config.write(first)
    environment.write(first)
    assert config.load(tmp_path).secrets == first.secrets
    assert len(first.secrets["jwt_secret"]) >= 64
    assert config.load(tmp_path / "..").secrets != first.secrets


def test_a_percent_sign_in_the_path_survives_airflows_interpolation(tmp_path):
    here = tmp_path / "100%s"
    here.mkdir()
    config.write(config.load(here))
    parsed = configparser.ConfigParser()
    parsed.read(here / ".pneumo" / "airflow" / "airflow.cfg")
    assert parsed["core"]["dags_folder"] == f"{here}/dags"


def test_the_shell_file_does_not_mark_what_the_user_starts(tmp_path):
    environment.write(config.load(tmp_path))
    text = (tmp_path / ".pneumo" / "env").read_text()
    assert "PNEUMO_INSTANCE" not in text
    printed = subprocess.check_output(["sh", "-c", ". .pneumo/env; env"], cwd=tmp_path, text=True)
    assert f"AIRFLOW_HOME={tmp_path}/.pneumo/airflow" in printed


def test_variables_of_the_caller_do_not_overrule_the_servers_files(tmp_path, monkeypatch):
    monkeypatch.setenv("AIRFLOW__CORE__LOAD_EXAMPLES", "True")
    monkeypatch.setenv("MLFLOW_BACKEND_STORE_URI", "postgresql://elsewhere")
    variables = environment.of_servers(config.load(tmp_path), "mlflow")
    assert not {"AIRFLOW__CORE__LOAD_EXAMPLES", "MLFLOW_BACKEND_STORE_URI"} & variables.keys()


def test_a_stale_record_never_names_a_foreign_process(tmp_path):
    record = tmp_path / "scheduler.json"
    record.write_text(f'{{"pid": {os.getpid()}, "created": 1.0}}')
    assert processes.recorded(record) is None


def test_processes_are_found_and_ended_by_their_mark_alone():
    mark = secrets.token_hex(8)
    ours = nap(PNEUMO_INSTANCE=mark)
    others = nap(PNEUMO_INSTANCE="other")
    wait_for(lambda: len(processes.marked(mark)) == 3)  # a shell, its child, a child's own session
    assert processes.end(mark) == 3
    assert ours.poll() is not None
    assert others.poll() is None
    processes.end("other")


def nap(**variables: str) -> subprocess.Popen[bytes]:
    line = "setsid sleep 987 & sleep 987; true"
    return subprocess.Popen(["sh", "-c", line], env=os.environ | variables)


def test_down_in_a_fresh_workspace_ends_nothing(tmp_path):
    assert services.down(tmp_path) == 0


# With servers


@pytest.mark.slow
def test_servers_listen_on_this_machine_only(running):
    every = [c for p in marked(running.workspace) for c in p.net_connections(kind="inet")]
    listening = {c.laddr for c in every if c.status == psutil.CONN_LISTEN}
    urls = {httpx.URL(running.airflow_url).port, httpx.URL(running.mlflow_url).port}
    assert {address.ip for address in listening} == {"127.0.0.1"}
    assert {address.port for address in listening} == urls


@pytest.mark.slow
def test_a_second_up_starts_nothing(running):
    before = {row.name: row.pid for row in services.status(running.workspace)}
    assert services.up(running.workspace) == running
    rows = services.status(running.workspace)
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
    assert {row.state for row in services.status(running.workspace)} == {"ready"}


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
    with services.up(workspace).airflow() as airflow:
        assert airflow.get("/dags/~/dagRuns", **UNFINISHED)["dag_runs"] == []
        states = [run["state"] for run in airflow.get("/dags/long/dagRuns")["dag_runs"]]
    assert states == ["failed"]
    assert naps(workspace) == 0


@pytest.mark.slow
def test_stop_ends_a_launch_that_is_under_way(running):
    followed = launch(running.workspace, "long")
    wait_for(lambda: naps(running.workspace) == 2)
    assert services.down(running.workspace) > 0
    assert followed.poll() is not None
    assert marked(running.workspace) == []
