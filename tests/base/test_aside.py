"""Outputs are whole or not there, whoever dies or writes beside them."""

import errno
import os
import signal
import subprocess
import sys
import time
from itertools import count
from pathlib import Path

import pytest

from pneumo.base import aside
from pneumo.base.files import whole, write_text

REPLACE = """
import errno, os, signal, sys
from pathlib import Path
from pneumo.base import aside
from pneumo.base.files import whole

path, kind, exchanges, kill_at = Path(sys.argv[1]), *sys.argv[2:4], int(sys.argv[4])
if exchanges == "no":
    def refuse(*names):
        raise OSError(errno.EINVAL, "no exchange")
    aside._exchange = refuse
steps = 0
def step(event, words):
    global steps
    if event in ("os.rename", "os.remove", "os.rmdir", "os.mkdir", "open"):
        steps += 1
        if steps == kill_at:
            os.kill(os.getpid(), signal.SIGKILL)
sys.addaudithook(step)
with whole(path) as new:
    if kind == "folder":
        new.mkdir()
        for n in range(3):
            (new / str(n)).write_text("new")
    else:
        new.write_text("new")
"""

WRITE_OFTEN = """
import sys
from pathlib import Path
from pneumo.base.files import whole
for turn in range(60):
    with whole(Path(sys.argv[1])) as new:
        new.mkdir()
        for n in range(3):
            (new / str(n)).write_text(sys.argv[2])
"""

HOLD = """
import sys, time
from pathlib import Path
from pneumo.base.files import whole
with whole(Path(sys.argv[1])) as new:
    new.write_text("half")
    print(new.parent, flush=True)
    sys.stdin.read()
"""


def content(path: Path) -> set[str] | None:
    """What all files of an output say; None where there is none."""
    if not os.path.lexists(path):
        return None
    if path.is_file():
        return {path.read_text()}
    assert sorted(file.name for file in path.iterdir()) == ["0", "1", "2"]
    return {file.read_text() for file in path.iterdir()}


def write(path: Path, kind: str, text: str) -> None:
    if kind == "file":
        path.write_text(text)
    elif kind == "folder":
        path.mkdir()
        for n in range(3):
            (path / str(n)).write_text(text)
    elif kind == "link":
        write(path.with_name("elsewhere"), "folder", text)
        path.symlink_to("elsewhere")


@pytest.mark.parametrize("exchanges", ["yes", "no"])
@pytest.mark.parametrize(
    ("before", "kind"),
    [
        ("folder", "folder"),
        ("file", "file"),
        ("nothing", "folder"),
        ("link", "folder"),
        ("folder", "file"),
        ("file", "folder"),
    ],
)
def test_killed_at_any_step_the_old_or_the_new_one_is_there_as_a_whole(
    tmp_path, before, kind, exchanges
):
    for kill_at in count(1):
        path = tmp_path / str(kill_at) / "out"
        path.parent.mkdir()
        write(path, before, "old")
        words = [sys.executable, "-c", REPLACE, str(path), kind, exchanges, str(kill_at)]
        code = subprocess.run(words, timeout=60).returncode
        allowed = [{"old"}, {"new"}, *([None] if before == "nothing" or exchanges == "no" else [])]
        assert content(path) in allowed, kill_at
        with aside.aside(path):  # whoever comes next finds one of both, and nothing else
            assert content(path) in allowed[: 3 if before == "nothing" else 2], kill_at
        assert {one.name for one in path.parent.iterdir()} <= {"out", "elsewhere"}, kill_at
        if code == 0:
            break
        assert code == -signal.SIGKILL
    assert content(path) == {"new"}
    assert kill_at > 8


def test_two_processes_that_write_one_folder_leave_one_of_both_and_never_a_gap(tmp_path):
    path = tmp_path / "out"
    write(path, "folder", "old")
    words = [sys.executable, "-c", WRITE_OFTEN, str(path)]
    writers = [subprocess.Popen([*words, name]) for name in ("one", "two")]
    looks = 0
    while any(writer.poll() is None for writer in writers):
        assert path.is_dir()
        looks += 1
    assert [writer.returncode for writer in writers] == [0, 0]
    assert content(path) in ({"one"}, {"two"})
    assert [one.name for one in tmp_path.iterdir()] == ["out"]
    assert looks > 100


@pytest.fixture
def writer(tmp_path):
    """A process that is writing ``out``, and the hidden folder in which it does."""
    words = [sys.executable, "-c", HOLD, str(tmp_path / "out")]
    process = subprocess.Popen(words, stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True)
    yield process, Path(process.stdout.readline().strip())
    process.kill()
    process.communicate()


def test_what_a_living_process_writes_is_left_alone_and_what_it_left_dead_is_removed(
    tmp_path, writer
):
    process, hidden = writer
    write_text(tmp_path / "out", "mine")
    assert [file.name for file in hidden.iterdir() if file.name != "lock"] == ["new"]
    process.kill()
    process.wait()
    write_text(tmp_path / "another", "mine")
    assert hidden.is_dir()
    write_text(tmp_path / "out", "mine")
    assert not hidden.exists()
    assert (tmp_path / "out").read_text() == "mine"


def test_a_process_whose_output_was_replaced_meanwhile_still_ends_well(tmp_path, writer):
    process, _ = writer
    write_text(tmp_path / "out", "mine")
    process.communicate(timeout=30)
    assert process.returncode == 0
    assert (tmp_path / "out").read_text() == "half"


@pytest.mark.parametrize(("age_s", "stays"), [(0, True), (3600, True), (2 * 86_400, False)])
@pytest.mark.parametrize("name", [".out.0123abcd-89abcdef.part", ".out.4711.part"])
def test_what_another_machine_left_is_removed_when_nothing_has_changed_for_a_day(
    tmp_path, name, age_s, stays
):
    left = tmp_path / name
    left.mkdir()
    for one in (left / "lock", left / "new", left):
        if one != left:
            one.write_text("x")
        os.utime(one, times=(time.time() - age_s,) * 2)
    write_text(tmp_path / "out", "mine")
    assert left.exists() is stays


def test_names_that_begin_alike_are_not_each_others_leftovers(tmp_path):
    other = tmp_path / ".out.csv.0123abcd-89abcdef.part"
    other.mkdir()
    write_text(tmp_path / "out", "mine")
    assert other.exists()


def test_the_longest_names_can_be_written(tmp_path):
    for name in ("ü" * 127, "x" * 255):
        write_text(tmp_path / name, "mine")
        assert (tmp_path / name).read_text() == "mine"


def test_a_file_system_without_locks_still_gets_whole_outputs(tmp_path, monkeypatch):
    def refuse(*_):
        raise OSError(errno.ENOLCK, "No locks available")

    monkeypatch.setattr(aside.fcntl, "flock", refuse)
    with whole(tmp_path / "out") as one:
        one.write_text("outer")
        write_text(tmp_path / "out", "inner")
        assert one.read_text() == "outer"  # nobody can tell whether it lives: kept for a day
    assert (tmp_path / "out").read_text() == "outer"


def test_when_the_second_of_two_renames_fails_the_old_folder_is_back(tmp_path, monkeypatch):
    def refuse(*_):
        raise OSError(errno.EINVAL, "no exchange")

    path = tmp_path / "out"
    write(path, "folder", "old")
    rename = Path.rename

    def rename_but_not_new(self, target):
        if self.name == "new":
            raise OSError(errno.EIO, "Input/output error")
        return rename(self, target)

    monkeypatch.setattr(aside, "_exchange", refuse)
    monkeypatch.setattr(Path, "rename", rename_but_not_new)
    with pytest.raises(OSError, match="Input/output"), whole(path) as new:
        write(new, "folder", "new")
    assert content(path) == {"old"}
