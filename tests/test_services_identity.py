"""A copied checkout is another checkout, a moved one is the same; looking makes nothing."""

import json
import os
import shutil
import stat
import subprocess
import sys
import time
from pathlib import Path

import psutil
import pytest

from pneumo import servers
from pneumo.base.errors import PneumoError
from pneumo.servers import _identity, config, environment, processes, programs

pytestmark = pytest.mark.slow

PNEUMO = Path(sys.executable).with_name("pneumo")


@pytest.fixture(autouse=True)
def _default_ports(monkeypatch):
    for name in config.DEFAULT_PORTS:
        monkeypatch.delenv(name, raising=False)


@pytest.fixture
def original(tmp_path):
    """A checkout with a stand-in for each of its servers, started and noted as servers are."""
    here = tmp_path / "original"
    here.mkdir()
    chosen = config.load(here)
    config.write(chosen)
    environment.write(chosen)
    (here / ".pneumo/lock").write_text("")
    for name in programs.SERVERS:
        processes.start(
            ["sh", "-c", "sleep 987 & sleep 987"],
            environment.of_servers(chosen, name),
            here / ".pneumo/logs" / f"{name}.log",
            here / ".pneumo/run" / f"{name}.json",
        )
    mark = config.instance(here)
    deadline = time.monotonic() + 30
    while len(processes.marked(mark)) < 12 and time.monotonic() < deadline:
        time.sleep(0.05)
    yield here
    processes.end(mark)


def copy(source: Path, target: Path, how: str) -> Path:
    if how == "copytree":
        shutil.copytree(source, target, symlinks=True)
    else:
        subprocess.run([*how.split(), str(source), str(target)], check=True)
    return target


def tree(folder: Path) -> dict[str, tuple]:
    """Everything below a folder: kind, content, time of change."""
    return {
        str(path.relative_to(folder)): (
            stat.S_IFMT(path.lstat().st_mode),
            path.lstat().st_mtime_ns,
            path.read_bytes() if path.is_file() else b"",
        )
        for path in [folder, *folder.rglob("*")]
    }


def pids(workspace: Path) -> set[int]:
    return {process.pid for process in processes.marked(config.instance(workspace))}


@pytest.mark.parametrize("how", ["cp -a", "cp -al", "cp -r", "copytree"])
def test_a_copy_neither_sees_nor_ends_nor_inherits_its_originals_servers(original, tmp_path, how):
    there = copy(original, tmp_path / "copy", how)
    before, living = tree(there), pids(original)
    assert len(living) == 12
    assert {row.state for row in servers.status(there)} == {"stopped"}
    assert {row.pid for row in servers.status(there)} == {None}
    assert servers.down(there) == 0
    assert pids(original) == living
    assert tree(there) == before

    chosen, first = config.load(there), config.load(original)
    assert config.instance(there) not in ("", config.instance(original))
    assert {chosen.airflow_port, chosen.mlflow_port}.isdisjoint({8080, 5000})
    for name, secret in chosen.secrets.items():
        assert (secret == first.secrets[name]) is (name == "fernet_key"), name
    assert all(programs.process(there, name) is None for name in programs.SERVERS)
    assert servers.down(there) == 0
    assert pids(original) == living
    assert config.load(there) == chosen  # and stays so
    assert config.load(original) == first
    assert servers.down(original) == 12


def test_a_copy_of_a_copy_and_of_one_in_another_place_are_others_too(original, tmp_path):
    one = copy(original, tmp_path / "one", "cp -a")
    config.load(one)
    two = copy(one, tmp_path / "two", "cp -a")
    config.load(two)
    again = copy(original, tmp_path / "moved", "cp -a")
    shutil.rmtree(one)
    again.rename(tmp_path / "one")  # to where another one was noted
    config.load(tmp_path / "one")
    marks = {config.instance(place) for place in (original, two, tmp_path / "one")}
    assert len(marks) == 3
    assert "" not in marks


@pytest.mark.parametrize("kill_at", ["ports.json", "secrets.json", "instance"])
def test_a_copy_that_was_killed_while_it_became_its_own_becomes_it_later(
    original, tmp_path, monkeypatch, kill_at
):
    there = copy(original, tmp_path / "copy", "cp -a")
    secrets = json.loads((original / ".pneumo/secrets.json").read_text())

    def stop(path, *words, **named):
        if path.name == kill_at:
            raise KeyboardInterrupt
        written(path, *words, **named)

    written = config.write_text
    with monkeypatch.context() as killed:
        for module, name in ((config, "write_text"), (_identity, "write_text")):
            killed.setattr(module, name, stop)
        killed.setattr(config, "write_json", lambda path, value: stop(path, json.dumps(value)))
        with pytest.raises(KeyboardInterrupt):
            config.load(there)
    assert config.instance(there) == ""
    chosen = config.load(there)
    assert chosen.secrets["password"] != secrets["password"]
    assert chosen.secrets["fernet_key"] == secrets["fernet_key"]
    assert servers.down(there) == 0


def test_a_moved_checkout_keeps_its_identity_and_ends_its_servers(original, tmp_path):
    mark, chosen, living = config.instance(original), config.load(original), pids(original)
    there = original.rename(tmp_path / "moved")
    assert _identity.has_moved(there)
    assert config.instance(there) == mark
    assert {row.pid for row in servers.status(there)} < living
    moved = config.load(there)
    assert not _identity.has_moved(there)
    assert (moved.secrets, moved.airflow_port) == (chosen.secrets, chosen.airflow_port)
    assert servers.down(there) == 12


def test_another_device_number_after_a_restart_of_the_machine_is_no_copy(original):
    file = original / ".pneumo/instance"
    noted = json.loads(file.read_text())
    file.write_text(json.dumps(noted | {"device": noted["device"] + 1}))
    assert config.instance(original) == noted["mark"]
    file.write_text(json.dumps(noted | {"device": noted["device"] + 1, "path": "/elsewhere"}))
    assert config.instance(original) == ""


def test_a_mark_that_an_older_version_wrote_stays_and_gets_its_place(original, tmp_path):
    mark = config.instance(original)
    (original / ".pneumo/instance").write_text(mark)
    assert config.instance(original) == mark
    config.load(original)
    there = copy(original, tmp_path / "copy", "cp -a")
    assert (config.instance(original), config.instance(there)) == (mark, "")


def test_a_copy_whose_state_is_a_link_to_the_originals_is_refused(original, tmp_path):
    there = tmp_path / "copy"
    there.mkdir()
    (there / ".pneumo").symlink_to(original / ".pneumo")
    assert {row.pid for row in servers.status(there)} == {None}
    assert servers.down(there) == 0
    with pytest.raises(PneumoError, match="is a link to that of another checkout"):
        config.load(there)
    assert servers.down(original) == 12


@pytest.mark.parametrize("command", ["status", "down"])
def test_looking_makes_nothing_in_a_fresh_checkout(tmp_path, command):
    (tmp_path / "dvc.yaml").write_text("")
    before = tree(tmp_path)
    done = subprocess.run([PNEUMO, command], cwd=tmp_path, capture_output=True, text=True)
    assert done.returncode == 0, done.stderr
    assert "stopped" in done.stdout or "0 processes ended" in done.stdout
    assert tree(tmp_path) == before


@pytest.mark.parametrize(
    ("command", "inside"),
    [("status", False), ("down", True), ("up", False), ("launch", False)],
)
def test_where_no_checkout_is_it_says_so_and_makes_nothing(tmp_path, command, inside):
    here = tmp_path / "folder"
    here.mkdir()
    if inside:
        (tmp_path / "dvc.yaml").write_text("")
    before = tree(tmp_path)
    done = subprocess.run([PNEUMO, command], cwd=here, capture_output=True, text=True)
    assert done.returncode == 2
    assert "is no checkout of pneumo" in done.stderr
    assert len(done.stderr.strip().splitlines()) == 1
    assert (f"go to {tmp_path}" in done.stderr) is inside
    assert tree(tmp_path) == before


def test_original_and_copy_run_side_by_side_and_a_moved_one_starts_anew(tmp_path):
    here = tmp_path / "original"
    (here / "dags").mkdir(parents=True)
    (here / "dags/none.py").write_text("")
    environ = {k: v for k, v in os.environ.items() if k not in config.DEFAULT_PORTS}
    for name in config.DEFAULT_PORTS:
        environ[name] = str(config.free_port())
    ports = {name: environ.pop(name) for name in config.DEFAULT_PORTS}
    there, place = tmp_path / "copy", tmp_path / "moved"
    try:
        with pytest.MonkeyPatch.context() as patch:
            for name, port in ports.items():
                patch.setenv(name, port)
            servers.up(here)
        first = {row.name: row.pid for row in servers.status(here)}
        copy(here, there, "cp -a")
        second = servers.up(there)
        assert second.mlflow_url != f"http://127.0.0.1:{ports['PNEUMO_MLFLOW_PORT']}"
        assert {row.state for row in servers.status(there)} == {"ready"}
        assert {row.name: row.pid for row in servers.status(here)} == first
        assert servers.down(there) >= 4
        assert {row.state for row in servers.status(here)} == {"ready"}

        here.rename(place)
        servers.up(place)
        rows = servers.status(place)
        assert {row.state for row in rows} == {"ready"}
        assert not {row.pid for row in rows} & set(first.values())
        assert not any(psutil.pid_exists(pid) for pid in first.values() if pid)
    finally:
        for workspace in (here, there, place):
            if workspace.exists():
                servers.down(workspace)
