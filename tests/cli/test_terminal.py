"""What a terminal shows when a disk, a stream or a path does not do: one line, and a code."""

import contextlib
import errno
import os
import subprocess
import sys
from pathlib import Path

import numpy as np
import pytest

from pneumo.base import files
from pneumo.base.errors import PneumoError, TransientError
from pneumo.cli import terminal
from pneumo.cli.app import main
from pneumo.engines import cache as kept_things

pytestmark = pytest.mark.slow

ROOT = Path(__file__).parents[2]
PROGRAM = Path(sys.executable).with_name("pneumo")


@contextlib.contextmanager
def mounted(folder: Path, options: str):
    folder.mkdir()
    mount = ["mount", "-t", "tmpfs", "-o", options, "none", str(folder)]
    if os.getuid() or subprocess.run(mount, capture_output=True).returncode:
        pytest.skip("only root mounts file systems")
    try:
        yield folder
    finally:
        subprocess.run(["umount", "-l", str(folder)], check=True)


@pytest.fixture
def full(tmp_path):
    """A disk of 16 KiB without a free byte; folders and names still fit."""
    with mounted(tmp_path / "full", "size=16k") as folder:
        (folder / "fill").write_bytes(bytes(16384))
        yield folder


@pytest.fixture
def read_only(tmp_path):
    with mounted(tmp_path / "ro", "ro") as folder:
        yield folder


def run(monkeypatch, capsys, *words) -> tuple[int, str]:
    """Exit code and stderr of a command, run in this process."""
    monkeypatch.setattr(sys, "argv", ["pneumo", *map(str, words)])
    with pytest.raises(SystemExit) as end:
        main()
    return end.value.code, capsys.readouterr().err


def errors(said: str) -> list[str]:
    """The lines of a command on stderr, but for those of its way."""
    ways = ("converting for", ": scoring in ")
    return [row for row in said.splitlines() if not any(way in row for way in ways)]


@pytest.fixture
def checkout(tmp_path, demo_root, monkeypatch):
    """A folder with small settings, whose data are the demo's."""
    text = (ROOT / "recipes/demo.yaml").read_text().replace("data/demo", str(demo_root))
    text = text.replace("images: 400", "images: 30").replace("_images: 80", "_images: 8")
    place = tmp_path / "checkout"
    place.mkdir()
    (place / "params.yaml").write_text(text)
    (place / "dvc.yaml").write_text((ROOT / "dvc.yaml").read_text())
    monkeypatch.chdir(place)
    return place


WRITERS = {
    "explore": ["explore", "DATA", "--out", "DISK/e.html"],
    "demo": ["demo", "DISK/demo"],
    "validate": ["validate", "DISK/v.json", "DISK/docs"],
    "prepare": ["prepare", "DISK/prepared"],
    "score": ["score", "DATA", "DISK/out", "--model", "PACKAGE", "--engine", "openvino"],
}


def words_of(name, data, disk, package):
    known = {"DATA": data, "DISK": disk, "PACKAGE": package}
    return [
        str(known[head]) + slash + tail if head in known else word
        for word in WRITERS[name]
        for head, slash, tail in [word.partition("/")]
    ]


@pytest.mark.usefixtures("checkout")
@pytest.mark.parametrize("name", WRITERS)
def test_a_full_disk_is_one_line_and_leaves_no_half_output(
    name, full, demo_root, package_folder, monkeypatch, capsys, cache
):
    before = {path for path in full.rglob("*") if path.is_file()}
    words = words_of(name, demo_root, full, package_folder)
    code, line = run(monkeypatch, capsys, *words)
    told = errors(line)
    assert code == 2
    assert len(told) == 1, line
    assert str(full) in told[0]
    assert "no room left" in told[0] or "No space left" in told[0]
    left = [path for path in full.rglob("*") if path.is_file() and path.stat().st_size]
    assert set(left) == before


@pytest.mark.usefixtures("checkout")
@pytest.mark.parametrize("name", WRITERS)
def test_a_disk_that_is_read_only_is_one_line(
    name, read_only, demo_root, package_folder, monkeypatch, capsys, cache
):
    words = words_of(name, demo_root, read_only, package_folder)
    code, line = run(monkeypatch, capsys, *words)
    assert code == 2
    assert line.count("\n") == 1, line
    assert str(read_only) in line
    assert "Read-only file system" in line
    assert ".part" not in line


@pytest.mark.usefixtures("checkout")
def test_a_cache_that_cannot_be_written_names_the_setting(
    read_only, demo_root, package_folder, tmp_path, monkeypatch, capsys
):
    monkeypatch.setenv("HOME", str(read_only))
    monkeypatch.delenv("XDG_CACHE_HOME", raising=False)
    out = tmp_path / "out"
    words = ["score", demo_root, out, "--model", package_folder, "--engine", "openvino"]
    code, line = run(monkeypatch, capsys, *words)
    assert code == 2
    assert len(errors(line)) == 1
    assert f"{read_only}/.cache/pneumo" in line
    assert "the cache cannot be written (Read-only file system); set XDG_CACHE_HOME" in line


def test_a_full_cache_names_the_setting_and_keeps_nothing_half(full, monkeypatch):
    monkeypatch.setenv("XDG_CACHE_HOME", str(full))
    with pytest.raises(PneumoError, match=r"left on device\); set XDG_CACHE_HOME"):
        kept_things.kept("things", "one", lambda aside: (aside / "big").write_bytes(bytes(65536)))
    assert not list(full.rglob("big"))


def test_what_a_cache_holds_is_used_where_nothing_can_be_written(tmp_path, monkeypatch):
    """As in a container whose cache was filled when its image was made."""
    disk = tmp_path / "disk"
    with mounted(disk, "size=64k"):
        monkeypatch.setenv("XDG_CACHE_HOME", str(disk))
        kept_things.kept("things", "one", lambda aside: (aside / "file").write_text("kept"))
        subprocess.run(["mount", "-o", "remount,ro", str(disk)], check=True)
        path = kept_things.kept("things", "one", lambda _: pytest.fail("made again"))
        assert (path / "file").read_text() == "kept"


@pytest.mark.parametrize("kind", ["full", "read_only"])
def test_a_temporary_folder_that_takes_nothing_is_done_without(
    kind, request, checkout, demo_root, monkeypatch, capsys
):
    monkeypatch.setenv("TMPDIR", str(request.getfixturevalue(kind)))
    code, line = run(monkeypatch, capsys, "explore", demo_root, "--out", "e.html")
    assert (code, line) == (0, "")
    assert (checkout / "e.html").stat().st_size > 10_000


def test_numpys_error_of_a_full_disk_names_the_output(full):
    """``ndarray.tofile`` raises without a number."""
    with (
        pytest.raises(OSError, match="No space left") as caught,
        files.whole(full / "a.npy") as aside,
    ):
        np.save(aside.open("wb"), np.zeros(10_000))
    assert caught.value.errno == errno.ENOSPC
    line = terminal.line_of(caught.value)
    assert str(line) == f"{full}/a.npy: No space left on device; make room, or choose another place"


@pytest.mark.parametrize(
    ("number", "code", "words"),
    [
        (errno.ENOSPC, 2, "No space left on device; make room"),
        (errno.EDQUOT, 2, "Disk quota exceeded; make room"),
        (errno.EROFS, 2, "Read-only file system; choose another place"),
        (errno.EACCES, 2, "Permission denied; choose another place"),
        (errno.ENAMETOOLONG, 2, "File name too long; choose a shorter name"),
        (errno.ENOTDIR, 2, "Not a directory; a part of this path is a file"),
        (errno.EIO, 1, "Input/output error"),
        (errno.ESTALE, 1, "Stale file handle"),
        (errno.EMFILE, 1, "Too many open files"),
    ],
)
def test_an_error_of_the_system_is_a_line_with_its_path(number, code, words):
    line = terminal.line_of(OSError(number, os.strerror(number), "/data/x\ny"))
    assert str(line).startswith(f"/data/x?y: {words}")
    assert line.exit_code == code
    assert isinstance(line, TransientError) == (code == 1)


def test_a_fault_of_the_program_keeps_its_traceback():
    assert terminal.line_of(KeyError("x")) is None
    assert terminal.line_of(ZeroDivisionError()) is None


@pytest.mark.usefixtures("checkout")
def test_a_path_through_a_file_and_a_name_that_is_too_long_are_lines(
    demo_root, tmp_path, monkeypatch, capsys
):
    (tmp_path / "file").write_text("")
    for place, words in (
        (tmp_path / "file" / "e.html", "file"),
        (tmp_path / ("n" * 300), "File name too long"),
    ):
        code, line = run(monkeypatch, capsys, "explore", demo_root, "--out", place)
        assert code == 2
        assert line.count("\n") == 1
        assert words in line


@pytest.fixture
def foreign_names(tmp_path):
    """Files, none a radiograph, with names that Latin-1 and ASCII have no letters for."""
    folder = tmp_path / "患者"
    folder.mkdir()
    for name in ("müller.dcm", "患者一.dcm", "plain.dcm"):
        (folder / name).write_bytes(b"none")
    return folder


@pytest.mark.parametrize(
    "environment",
    [
        {"PYTHONIOENCODING": "latin-1"},
        {"PYTHONIOENCODING": "ascii"},
        {"LC_ALL": "C", "PYTHONCOERCECLOCALE": "0", "PYTHONUTF8": "0"},
    ],
    ids=str,
)
def test_what_an_output_cannot_show_is_an_escape(environment, foreign_names):
    everything = {k: v for k, v in os.environ.items() if k not in ("LC_ALL", "LANG")}
    done = subprocess.run(
        [PROGRAM, "check", foreign_names], env=everything | environment, capture_output=True
    )
    assert done.returncode == 3, done.stderr
    assert done.stderr == b""
    assert done.stdout.count(b"\n") == 4
    assert b"plain.dcm" in done.stdout


def test_a_reader_that_has_enough_ends_the_command_quietly(foreign_names):
    for number in range(3000):  # more lines than a pipe holds
        (foreign_names / f"{'long name ' * 8}{number}.txt").write_bytes(b"")
    piped = f'"{PROGRAM}" check "{foreign_names}" | head -1; echo "${{PIPESTATUS[0]}}"'
    done = subprocess.run(["bash", "-c", piped], capture_output=True, text=True)
    assert done.stderr == ""
    first, code = done.stdout.splitlines()
    assert first.startswith("rejected  ")
    assert code == "141"


def test_a_full_disk_below_the_output_is_a_line(full, foreign_names):
    with (full / "fill").open("ab") as out:
        done = subprocess.run(
            [PROGRAM, "check", foreign_names], stdout=out, stderr=subprocess.PIPE, text=True
        )
    assert done.returncode == 2
    assert done.stderr.endswith("No space left on device; make room, or choose another place\n")
    assert done.stderr.count("\n") == 1
