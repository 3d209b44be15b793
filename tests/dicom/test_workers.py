import os
import signal
import subprocess
import sys
import time

import psutil
import pytest

from pneumo.dataset.readable import check, lines
from pneumo.dicom import read_square, worker, workers
from pneumo.dicom.process import Worker
from pneumo.dicom.workers import Rejected, read_headers, read_squares
from tests.dicom.files import dataset, values, write


@pytest.fixture
def paths(tmp_path):
    found = [write(tmp_path / f"{n}.dcm", dataset(values(12, seed=n))) for n in range(12)]
    (tmp_path / "5.dcm").write_bytes(b"torn")
    return found


def children():
    return [
        child for child in psutil.Process().children() if "pneumo.dicom" in str(child.cmdline())
    ]


@pytest.mark.parametrize("count", [1, 2])
def test_answers_come_in_the_order_of_the_paths_whatever_the_workers(paths, count):
    answers = list(read_squares(paths, 64, workers=count))
    assert isinstance(answers[5], Rejected)
    assert answers[5].reason == "not_dicom"
    for path, answer in zip(paths, answers, strict=True):
        if path.stem != "5":
            assert (answer.pixels == read_square(path, 64).pixels).all()
            assert (answer.rows, answer.columns) == (97, 83)
    assert not children()


@pytest.mark.parametrize(("fatal", "reason"), [
    (signal.SIGALRM, "timeout"), (signal.SIGSEGV, "decoder_crashed"),
    (signal.SIGKILL, "out_of_memory"),
])  # fmt: skip
def test_a_worker_that_dies_costs_one_file_and_is_replaced(paths, monkeypatch, fatal, reason):
    code = (
        "import os; from pneumo.dicom import worker; read = worker._read\n"
        "def _read(p, s):\n"
        f"    if p.stem == '3': os.kill(os.getpid(), {int(fatal)})\n"
        "    return read(p, s)\n"
        "worker._read = _read; worker.main()"
    )
    popen = subprocess.Popen
    monkeypatch.setattr(subprocess, "Popen", lambda words, **kw: popen([*words[:-1], code], **kw))
    answers = list(read_squares(paths, 64, workers=2))
    found = [answer.reason if isinstance(answer, Rejected) else "" for answer in answers]
    assert found == ["", "", "", reason, "", "not_dicom", *[""] * 6]


BABBLE = [
    ("out.write(worker.ANSWER.pack(2**31, 2**31))", "a length that cannot be"),
    ("out.write(worker.ANSWER.pack(4, 0) + b'oops')", "no JSON"),
    ("out.write(worker.ANSWER.pack(2, 0) + b'[]')", "another kind of JSON"),
    ("worker.send(out, {'rows': 9}, b'')", "facts are missing"),
    ("worker.send(out, {'rows': 9, 'columns': 9, 'sex': '=1+1'}, bytes(64 * 64))", "no code"),
    ("worker.send(out, {'rows': 9, 'columns': 9, 'notes': ['a']}, bytes(64 * 64))", "no notes"),
    ("worker.send(out, {'rows': 9, 'columns': 9, 'notes': {'=1+1': ''}}, bytes(64 * 64))", "code"),
    ("worker.send(out, {'rows': 9, 'columns': 9, 'notes': {'a': 1}}, bytes(64 * 64))", "sentence"),
    ("worker.send(out, {'rows': 'a', 'columns': 9}, bytes(64 * 64))", "no number"),
    ("worker.send(out, {'rows': 9, 'columns': 9}, bytes(7))", "pixels are missing"),
]


@pytest.mark.parametrize("line", [line for line, _ in BABBLE], ids=[why for _, why in BABBLE])
def test_a_worker_that_babbles_costs_its_file_and_nothing_else(paths, monkeypatch, line):
    code = (
        "from pneumo.dicom import worker; send = worker.send\n"
        "def babble(out, facts, pixels):\n"
        f"    if facts.get('rows') == 70: worker.send = send; {line}\n"
        "    else: send(out, facts, pixels)\n"
        "worker.send = babble; worker.main()"
    )
    write(paths[3], dataset(values(12, shape=(70, 80))))
    popen = subprocess.Popen
    monkeypatch.setattr(subprocess, "Popen", lambda words, **kw: popen([*words[:-1], code], **kw))
    answers = list(read_squares(paths, 64, workers=2))
    found = [answer.reason if isinstance(answer, Rejected) else "" for answer in answers]
    assert found == ["", "", "", "decoder_crashed", "", "not_dicom", *[""] * 6]


def test_headers_are_read_in_workers_too(paths):
    found = list(read_headers(paths, workers=2))
    assert isinstance(found[5], Rejected)
    assert found[0]["Modality"] == "CR"
    assert (found[0]["Rows"], found[0]["Columns"], found[0]["PatientAge"]) == (97, 83, None)
    assert not children()


def test_a_worker_may_not_take_more_memory_than_its_limit():
    code = (
        "from pneumo.dicom import worker; import numpy as np; worker.limit_process()\n"
        "try: np.ones(worker.MEMORY_BYTES, np.uint8)\n"
        "except MemoryError: print('refused')"
    )
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, timeout=60)
    assert done.stdout == "refused\n"


def test_an_iterator_that_is_closed_ends_its_workers(paths):
    answers = read_squares(paths * 20, 64, workers=2)
    next(answers)
    assert children()
    answers.close()
    assert not children()


def test_workers_end_when_their_parent_is_killed(paths):
    code = (
        "import sys, time; from pathlib import Path\n"
        "from pneumo.dicom.workers import read_squares\n"
        "answers = read_squares([Path(p) for p in sys.argv[1:]] * 500, 64, workers=1)\n"
        "next(answers); print('on', flush=True); time.sleep(60)"
    )
    parent = subprocess.Popen(
        [sys.executable, "-c", code, *map(str, paths)], stdout=subprocess.PIPE, text=True
    )
    assert parent.stdout.readline() == "on\n"
    (child,) = psutil.Process(parent.pid).children()
    os.kill(parent.pid, signal.SIGKILL)
    parent.wait()
    psutil.wait_procs([child], timeout=15)
    assert not child.is_running() or child.status() == psutil.STATUS_ZOMBIE


def test_check_accounts_for_every_file_and_opens_nothing_outside(paths, tmp_path):
    outside = tmp_path.parent / f"{tmp_path.name}-outside.dcm"
    write(outside, dataset(values(12)))
    (tmp_path / "link.dcm").symlink_to(outside)
    (tmp_path / "within.dcm").symlink_to(tmp_path / "1.dcm")
    os.mkfifo(tmp_path / "fifo.dcm")
    (tmp_path / "=1+1\n.dcm").write_bytes(b"x")
    found = check(tmp_path)
    assert found["files"] == 16 == found["accepted"] + found["rejected"]
    assert found["reasons"] == {"not_dicom": 2, "not_a_file": 1, "link_outside": 1}
    told = lines(found)
    assert len(told) == 17
    assert told[-1].startswith("16 files = 12 accepted + 4 rejected (2 not_dicom, ")
    assert not any("\n" in line or "CANARY" in line for line in told)


def test_a_worker_stuck_beyond_its_own_alarm_is_late(monkeypatch):
    stuck = Worker()
    try:
        stuck.give(0, "[]")
        assert not stuck.is_late(time.monotonic())
        assert stuck.is_late(time.monotonic() + 1000)
    finally:
        stuck.end()
    assert worker.LONGEST_S + 2 <= 10
    assert workers.LOOK_AHEAD >= 32
