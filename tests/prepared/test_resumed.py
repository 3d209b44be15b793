"""A long reading may be killed: what was read stays, what is stale never counts."""

import fcntl
import subprocess
import sys
from pathlib import Path

import psutil
import pytest

from pneumo.base.errors import TransientError
from pneumo.base.files import sha256
from pneumo.dataset.dataset import IMAGES
from pneumo.prepared import resumed
from pneumo.prepared.resumed import Shards
from pneumo.prepared.squares import read_squares
from pneumo.stages.prepare import prepare

KILLED_AFTER_3_SHARDS = """
import os, signal, sys
from pathlib import Path
import psutil
from pneumo.prepared import resumed
from pneumo.base.settings import DataSettings
from pneumo.stages.prepare import prepare

def save_then_die(path, squares, keep=resumed._save):
    keep(path, squares)
    if len(list(path.parent.glob("*.npz"))) == 3:
        print(*[child.pid for child in psutil.Process().children()], flush=True)
        os.kill(os.getpid(), signal.SIGKILL)

resumed.SHARD_FILES, resumed._save = 4, save_then_die
if __name__ == "__main__":
    prepare(Path(sys.argv[1]), data=DataSettings.model_validate_json(sys.argv[2]))
"""


@pytest.fixture
def few(monkeypatch):
    """Shards of four files, and the paths that are read."""
    read: list[Path] = []

    def read_here(paths, size_px, workers=None, **how):
        for path, square in zip(paths, read_squares(paths, size_px, 1, **how), strict=True):
            read.append(path)
            yield square

    monkeypatch.setattr(resumed, "SHARD_FILES", 4)
    monkeypatch.setattr(resumed, "read_squares", read_here)
    return read


@pytest.fixture
def paths(broken_root) -> list[Path]:
    return sorted((broken_root / IMAGES).iterdir())[:12]


def sums(folder: Path) -> dict[str, str]:
    return {path.name: sha256(path) for path in sorted(folder.iterdir())}


def test_a_killed_run_continues_and_gives_the_same_bytes(
    few, prepared_folder, data_settings, tmp_path
):
    script, out = tmp_path / "killed.py", tmp_path / "out"
    script.write_text(KILLED_AFTER_3_SHARDS)
    words = [sys.executable, str(script), str(out), data_settings.model_dump_json()]
    killed = subprocess.run(words, capture_output=True, text=True, timeout=120)
    assert killed.returncode == -9, killed.stderr
    assert not out.exists()
    _, alive = psutil.wait_procs(processes(killed.stdout), timeout=20)
    assert not alive

    prepare(out, data=data_settings)
    assert len(few) == 36 - 3 * 4
    assert sums(out) == sums(prepared_folder)
    assert [path.name for path in tmp_path.iterdir() if path.name.endswith("resume")] == []


def processes(pids: str) -> list[psutil.Process]:
    return [psutil.Process(int(pid)) for pid in pids.split() if psutil.pid_exists(int(pid))]


def test_the_number_of_workers_changes_no_byte(prepared_folder, data_settings, tmp_path):
    prepare(tmp_path / "one", data=data_settings, workers=1)
    prepare(tmp_path / "three", data=data_settings, workers=3)
    assert sums(tmp_path / "one") == sums(tmp_path / "three") == sums(prepared_folder)


def test_only_the_shard_of_a_changed_file_is_read_again(few, paths, tmp_path):
    Shards(tmp_path, paths, 32).read()
    few.clear()
    size = paths[5].stat().st_size
    paths[5].unlink()
    paths[5].write_bytes(b"x" * size)  # another file of the same name and size
    again = Shards(tmp_path, paths, 32)
    again.read()
    assert few == paths[4:8]
    assert [fact["reason"] for fact in again.facts()].count("") == 11
    assert sorted(tmp_path.glob("*.npz")) == sorted(again.files)


def test_shards_of_another_size_or_of_other_code_are_removed(few, paths, tmp_path, monkeypatch):
    Shards(tmp_path, paths, 32).read()
    Shards(tmp_path, paths, 64).read()
    assert len(few) == 24
    monkeypatch.setattr(resumed, "code_sum", lambda module: "another")
    Shards(tmp_path, paths, 64).read()
    assert len(few) == 36
    assert len(list(tmp_path.glob("*.npz"))) == 3


def test_a_torn_shard_is_read_again(few, paths, tmp_path):
    first = Shards(tmp_path, paths, 32)
    first.read()
    torn = first.files[1]
    torn.write_bytes(torn.read_bytes()[:-400])
    few.clear()
    Shards(tmp_path, paths, 32).read()
    assert few == paths[4:8]


def test_two_runs_do_not_write_the_same_output(data_settings, tmp_path):
    (tmp_path / ".out.resume").mkdir()
    with (tmp_path / ".out.resume/lock").open("w") as lock:
        fcntl.flock(lock, fcntl.LOCK_EX)
        with pytest.raises(TransientError, match="another process is writing it"):
            prepare(tmp_path / "out", data=data_settings)


@pytest.mark.parametrize("error", [5, 24, 116], ids=["EIO", "EMFILE", "ESTALE"])
def test_a_shard_that_cannot_be_read_now_is_kept(few, paths, tmp_path, monkeypatch, error):
    first = Shards(tmp_path, paths, 32)
    first.read()

    def refuse(*_):
        raise OSError(error, "the disk said no")

    with monkeypatch.context() as broken:
        broken.setattr(resumed.zipfile, "ZipFile", refuse)
        with pytest.raises(TransientError, match="the disk said no"):
            Shards(tmp_path, paths, 32).read()
    few.clear()
    Shards(tmp_path, paths, 32).read()
    assert few == []
