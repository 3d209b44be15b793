"""What servers are told before they start, and how their processes are found again."""

import configparser
import os
import secrets
import socket
import subprocess
import time

import pytest
from sqlalchemy import create_engine, text

from pneumo import servers
from pneumo.base.errors import PneumoError
from pneumo.servers import config, environment, processes


def test_a_taken_port_is_named_with_its_setting_before_anything_starts(tmp_path, monkeypatch):
    with socket.create_server(("127.0.0.1", 0)) as foreign:
        port = foreign.getsockname()[1]
        monkeypatch.setenv("PNEUMO_MLFLOW_PORT", str(port))
        monkeypatch.setenv("PNEUMO_AIRFLOW_PORT", str(port - 1))
        with pytest.raises(
            PneumoError, match=rf"port {port} of MLflow.*PNEUMO_MLFLOW_PORT=\d+"
        ) as e:
            servers.up(tmp_path)
    assert e.value.exit_code == 2
    assert processes.marked(config.instance(tmp_path)) == []


@pytest.mark.parametrize("port", ["http", "0", "80", "70000", "-1"])
def test_a_port_that_is_none_is_refused(tmp_path, monkeypatch, port):
    monkeypatch.setenv("PNEUMO_AIRFLOW_PORT", port)
    with pytest.raises(PneumoError, match="PNEUMO_AIRFLOW_PORT: must be a port"):
        servers.up(tmp_path)


def test_one_port_for_both_pages_is_refused(tmp_path, monkeypatch):
    for name in config.DEFAULT_PORTS:
        monkeypatch.setenv(name, "12345")
    with pytest.raises(PneumoError, match="both 12345"):
        servers.up(tmp_path)


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


def airflow_cfg(here):
    """What Airflow reads of the workspace ``here``, which is made."""
    here.mkdir()
    config.write(config.load(here))
    parsed = configparser.ConfigParser()
    parsed.read(here / ".pneumo" / "airflow" / "airflow.cfg")
    return parsed


def test_a_percent_sign_in_the_path_survives_airflows_interpolation(tmp_path):
    here = tmp_path / "100%s"
    parsed = airflow_cfg(here)
    assert parsed["core"]["dags_folder"] == f"{here}/dags"


def test_airflow_waits_a_minute_for_a_database_that_another_of_its_processes_holds(tmp_path):
    here = tmp_path / "100%s?"
    engine = create_engine(airflow_cfg(here)["database"]["sql_alchemy_conn"])
    with engine.connect() as connection:
        assert connection.execute(text("PRAGMA busy_timeout")).scalar() == 60_000
    engine.dispose()
    assert (here / ".pneumo" / "airflow" / "airflow.db").exists()


def test_the_shell_file_does_not_mark_what_the_user_starts(tmp_path):
    environment.write(config.load(tmp_path))
    told = (tmp_path / ".pneumo" / "env").read_text()
    assert "PNEUMO_INSTANCE" not in told
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
    deadline = time.monotonic() + 20
    while len(processes.marked(mark)) < 3 and time.monotonic() < deadline:
        time.sleep(0.05)  # a shell, its child, and one in a session of its own
    assert processes.end(mark) == 3
    assert ours.poll() is not None
    assert others.poll() is None
    processes.end("other")


def nap(**variables: str) -> subprocess.Popen[bytes]:
    line = "setsid sleep 987 & sleep 987; true"
    return subprocess.Popen(["sh", "-c", line], env=os.environ | variables)


def test_down_in_a_fresh_workspace_ends_nothing(tmp_path):
    assert servers.down(tmp_path) == 0
