"""The audit trail: links that hold, and each way of tampering with them found."""

import hashlib
import json
import multiprocessing
import os
import signal
import subprocess
import sys
import time
from pathlib import Path

import pytest

from pneumo.base.errors import DataError
from pneumo.site.trail import Head, look, record, trail_path


@pytest.fixture
def trail(tmp_path) -> Path:
    path = tmp_path / "monitor" / "trail.jsonl"
    for number in range(1, 6):
        assert record("promotion", "Ada", f"reason {number}", {"version": str(number)}, path=path)
    return path


def sums(path: Path) -> list[str]:
    """Of each line, computed here."""
    return [hashlib.sha256(line).hexdigest() for line in path.read_bytes().splitlines()]


def test_each_line_holds_the_sum_of_the_line_before(trail):
    lines = [json.loads(line) for line in trail.read_text().splitlines()]
    assert [line["before"] for line in lines] == ["0" * 64, *sums(trail)[:-1]]
    assert [line["n"] for line in lines] == [1, 2, 3, 4, 5]
    found = look(trail)
    assert not found.faults
    assert found.head == Head(5, sums(trail)[-1], sums(trail)[0])
    assert found.acts == {"promotion": 5}


@pytest.mark.parametrize("line", [1, 3, 5])
def test_one_changed_byte_anywhere_in_a_line_is_found_in_that_line(trail, line):
    content = trail.read_bytes()
    start = sum(len(text) + 1 for text in content.splitlines()[: line - 1])
    length = len(content.splitlines()[line - 1])
    for place in range(start, start + length):
        changed = bytearray(content)
        changed[place] ^= 1
        trail.write_bytes(changed)
        faults = look(trail).faults
        assert faults, place
        assert faults[0].line == line, (place, faults)
    trail.write_bytes(content)
    assert not look(trail).faults


@pytest.mark.parametrize("line", [1, 2, 4])
def test_a_removed_line_is_found_where_it_was(trail, line):
    lines = trail.read_bytes().splitlines(keepends=True)
    del lines[line - 1]
    trail.write_bytes(b"".join(lines))
    first = look(trail).faults[0]
    assert first.line == line
    assert "1 line before it removed" in first.reason


def test_lines_that_changed_places_are_found(trail):
    lines = trail.read_bytes().splitlines(keepends=True)
    lines[1], lines[2] = lines[2], lines[1]
    trail.write_bytes(b"".join(lines))
    assert look(trail).faults[0].line == 2


@pytest.mark.parametrize("left", [4, 2, 0])
def test_a_cut_tail_is_found_against_the_head_that_was_kept(trail, left):
    kept = look(trail).head
    trail.write_bytes(b"".join(trail.read_bytes().splitlines(keepends=True)[:left]))
    assert not look(trail).faults  # a chain alone does not show it
    (fault,) = look(trail, kept).faults
    assert fault.line == left + 1
    assert f"had 5: {5 - left} were cut off" in fault.reason


def test_a_trail_written_anew_is_found_against_the_head_that_was_kept(trail):
    kept = look(trail).head
    trail.unlink()
    for number in range(7):
        record("promotion", "Eve", "anew", {"version": str(number)}, path=trail)
    assert [fault.line for fault in look(trail, kept).faults] == [5]


def test_a_trail_that_went_on_holds_the_head_that_was_kept(trail):
    kept = look(trail).head
    record("rollback", "Ada", "worse", {}, path=trail)
    assert not look(trail, kept).faults


def test_what_was_done_once_has_one_line(trail):
    told = [record("rollback", "Ada", "w", {}, once='rollback of 3 "x"', path=trail) for _ in "123"]
    assert told == [True, False, False]
    assert look(trail).acts == {"promotion": 5, "rollback": 1}


@pytest.mark.parametrize("kept_bytes", [1, 20, -1])
def test_a_line_whose_writing_was_killed_is_completed_or_taken_away(trail, kept_bytes):
    whole = trail.read_bytes()
    record("rollback", "Ada", "w", {}, once="o", path=trail)
    torn = trail.read_bytes()[len(whole) :]
    trail.write_bytes(whole + torn[: kept_bytes if kept_bytes > 0 else len(torn) - 1])
    assert "has no line end" in look(trail).faults[0].reason
    record("rollback", "Ada", "w", {}, once="o", path=trail)
    found = look(trail)
    assert not found.faults
    assert found.acts == {"promotion": 5, "rollback": 1}
    assert trail.read_bytes().startswith(whole)


def _write(path: Path, name: str) -> None:
    for number in range(20):
        record("labels", name, "", {"number": number}, once=f"shared {number}", path=path)
        record("labels", name, "", {"number": number}, path=path)


def test_many_processes_write_whole_lines_and_one_of_each_shared_act(tmp_path):
    path = tmp_path / "trail.jsonl"
    many = multiprocessing.get_context("fork")
    writers = [many.Process(target=_write, args=(path, f"w{n}")) for n in range(4)]
    for writer in writers:
        writer.start()
    for writer in writers:
        writer.join()
    found = look(path)
    assert not found.faults
    assert found.head.lines == 20 + 4 * 20
    shared = [json.loads(line)["once"] for line in path.read_text().splitlines()]
    assert sorted(filter(None, shared)) == sorted(f"shared {n}" for n in range(20))


def test_killed_at_any_moment_a_trail_holds_and_goes_on(tmp_path):
    path = tmp_path / "trail.jsonl"
    endless = (
        "import sys; from pathlib import Path; from pneumo.site.trail import record\n"
        "while True: record('labels', 'Ada', 'x' * 1000, {}, path=Path(sys.argv[1]))"
    )
    before = 0
    for _ in range(4):
        child = subprocess.Popen([sys.executable, "-c", endless, str(path)])
        while look(path).head.lines <= before:
            time.sleep(0.02)
        os.kill(child.pid, signal.SIGKILL)
        child.wait()
        record("rollback", "Ada", "after the kill", {}, path=path)
        found = look(path)
        assert not found.faults
        before = found.head.lines


@pytest.mark.parametrize("content", [b"some notes", b"some notes\n", b'{"a": 1}\n'])
def test_nothing_is_added_to_a_file_that_is_no_trail(tmp_path, content):
    path = tmp_path / "notes"
    path.write_bytes(content)
    with pytest.raises(DataError, match=r"no trail|no line of a trail"):
        record("labels", "Ada", "", {}, path=path)
    assert path.read_bytes() == content


def test_the_trail_lies_beside_the_monitors_files_unless_the_environment_says_otherwise(
    monkeypatch, tmp_path
):
    monkeypatch.delenv("PNEUMO_TRAIL", raising=False)
    assert trail_path() == Path("data/monitor/trail.jsonl")
    monkeypatch.setenv("PNEUMO_TRAIL", str(tmp_path / "shared.jsonl"))
    assert trail_path() == tmp_path / "shared.jsonl"


def test_a_write_that_takes_a_part_only_is_gone_on_with(trail, monkeypatch):
    write = os.write
    monkeypatch.setattr(os, "write", lambda to, content: write(to, content[:7]))
    assert record("labels", "Ada", "read", {"verdicts": 3}, path=trail)
    monkeypatch.undo()
    assert trail.read_bytes().endswith(b"\n")
    assert (look(trail).faults, look(trail).head.lines) == ((), 6)
