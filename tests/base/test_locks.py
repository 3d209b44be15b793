"""One process does the work: the newest, or the first."""

import os
import socket
import subprocess
import sys
import threading
from contextlib import contextmanager

import pytest

from pneumo.base import locks
from pneumo.base.errors import PneumoError
from pneumo.base.locks import alone, newest_holds

ME = f"{os.getpid()} {socket.gethostname()}"

HOLD = """
import sys, time
from pathlib import Path
from pneumo.base.locks import newest_holds
with newest_holds(Path(sys.argv[1])):
    print("held", flush=True)
    time.sleep(60)
"""


@contextmanager
def _holder(path):
    with subprocess.Popen(
        [sys.executable, "-c", HOLD, str(path)], stdout=subprocess.PIPE, text=True
    ) as process:
        assert process.stdout is not None
        assert process.stdout.readline() == "held\n"
        yield process
        process.kill()


def test_the_one_before_is_ended_and_told(tmp_path, capsys):
    path = tmp_path / "resume" / "lock"
    with _holder(path) as before, newest_holds(path):
        assert before.wait(5) != 0
        assert path.read_text() == ME
    assert f"taking over from process {before.pid}" in capsys.readouterr().err


def test_a_number_left_by_a_dead_process_ends_nobody(tmp_path):
    path = tmp_path / "lock"
    with subprocess.Popen([sys.executable, "-c", "input()"], stdin=subprocess.PIPE) as innocent:
        path.write_text(
            f"{innocent.pid} {socket.gethostname()}"
        )  # the number was given to another process since
        with newest_holds(path):
            assert innocent.poll() is None
        innocent.kill()


def test_the_number_of_a_process_elsewhere_ends_nobody_here(tmp_path, monkeypatch):
    path = tmp_path / "lock"
    monkeypatch.setattr(locks, "PATIENCE_SECONDS", 0.2)
    with _holder(path) as holder:
        path.write_text(f"{holder.pid} another-container")
        with pytest.raises(PneumoError, match="another process holds it"), newest_holds(path):
            pass
        assert holder.poll() is None


def test_the_folder_may_go_while_it_is_held(tmp_path):
    path = tmp_path / "resume" / "lock"
    with newest_holds(path):
        path.unlink()
        path.parent.rmdir()
    with newest_holds(path):
        assert path.exists()


@pytest.mark.parametrize("text", ["", "no number", "-1"])
def test_a_torn_lock_file_is_no_obstacle(tmp_path, text):
    (tmp_path / "lock").write_text(text)
    with newest_holds(tmp_path / "lock"):
        assert (tmp_path / "lock").read_text() == ME


def test_who_does_not_wait_gets_nothing_while_another_process_holds_it(tmp_path):
    path = tmp_path / "lock"
    with _holder(path), alone(path, wait=False) as file:
        assert file is None
    with alone(path, wait=False) as file:
        assert file is not None


def test_who_waits_goes_on_when_the_other_process_has_ended(tmp_path):
    path, ended = tmp_path / "lock", []
    with _holder(path) as before:

        def end():
            ended.append(before.pid)
            before.kill()

        threading.Timer(0.5, end).start()
        with alone(path):
            assert ended == [before.pid]


def test_inside_a_block_of_this_process_the_same_lock_is_held_already(tmp_path):
    path = tmp_path / "lock"
    with newest_holds(path):
        with newest_holds(path):
            assert path.read_text() == ME
        with alone(path, wait=False) as file:
            assert file is None
    with alone(path, wait=False) as file:
        assert file is not None
