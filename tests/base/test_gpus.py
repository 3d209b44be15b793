"""Trainings share the GPUs of a machine: as many each as it asks for, or they queue."""

import os
import select
import subprocess
import sys

import pytest

from pneumo.base.errors import PneumoError
from pneumo.base.gpus import AS_NEEDED, SHARES, VISIBLE, leased_gpus, list_gpus

HOLD = """
import os, sys, time
from pneumo.base.gpus import leased_gpus
with leased_gpus(int(sys.argv[1]), 0.05) as gpus:
    print(",".join(gpus), os.environ["CUDA_VISIBLE_DEVICES"], flush=True)
    sys.stdin.readline()
"""


@pytest.fixture(autouse=True)
def _own_leases(tmp_path, monkeypatch):
    monkeypatch.setenv("TMPDIR", str(tmp_path))
    monkeypatch.setattr("tempfile.tempdir", None)
    monkeypatch.delenv(SHARES, raising=False)


def _training(gpus, count=1):
    return subprocess.Popen(
        [sys.executable, "-c", HOLD, str(count)],
        env=os.environ | {VISIBLE: gpus},
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
    )


def test_four_trainings_share_four_gpus():
    trainings = [_training("0,1,2,3") for _ in range(4)]
    held = sorted(training.stdout.readline().split()[1] for training in trainings)
    for training in trainings:
        training.communicate("\n")
    assert held == ["0", "1", "2", "3"]


def test_on_one_gpu_they_queue_and_a_killed_one_leaves_it():
    first = _training("0")
    assert first.stdout.readline() == "0 0\n"
    second = _training("0")
    assert second.stderr.readline() == "waiting for a free GPU of 0\n"
    first.kill()
    assert second.stdout.readline() == "0 0\n"
    first.communicate()
    second.communicate("\n")


def test_two_that_need_two_of_three_take_turns_and_never_hold_what_the_other_needs():
    trainings = [_training("0,1,2", 2) for _ in range(4)]
    for _ in trainings:
        [ready], _, _ = select.select([t.stdout for t in trainings if t.poll() is None], [], [], 60)
        held, visible = ready.readline().split()
        assert held == visible == "0,1"
        [training] = [t for t in trainings if t.stdout is ready]
        training.communicate("\n")


def test_one_that_needs_all_is_not_passed_by_those_that_need_one():
    first = _training("0,1")
    assert first.stdout.readline() == "0 0\n"
    big = _training("0,1", 2)
    assert big.stderr.readline() == "waiting for 2 free GPUs of 0, 1\n"
    small = _training("0,1")
    assert small.stderr.readline() == "waiting for a free GPU of 0, 1\n"  # though 1 is free
    first.communicate("\n")
    assert big.stdout.readline() == "0,1 0,1\n"
    big.communicate("\n")
    assert small.stdout.readline() == "0 0\n"
    small.communicate("\n")


def test_where_a_gpu_has_two_shares_two_trainings_use_it_and_others_are_filled_first(monkeypatch):
    monkeypatch.setenv(SHARES, "2")
    trainings = [_training("0,1") for _ in range(4)]
    first = [training.stdout.readline() for training in trainings]
    assert sorted(first) == ["0 0\n", "0 0\n", "1 1\n", "1 1\n"]
    both = _training("0,1", 2)
    assert both.stderr.readline() == "waiting for 2 free GPUs of 0, 1\n"
    for training in trainings:
        training.communicate("\n")
    assert both.stdout.readline() == "0,1 0,1\n"
    both.communicate("\n")


@pytest.mark.parametrize("said", ["0", "two", "-1", ""])
def test_a_number_of_shares_that_is_none_is_refused(monkeypatch, said):
    monkeypatch.setenv(VISIBLE, "0")
    monkeypatch.setenv(SHARES, said)
    with pytest.raises(PneumoError, match=r"PNEUMO_GPU_SHARES is .*; set how many trainings share"):
        leased_gpus(1).__enter__()


def test_more_than_there_are_is_refused(monkeypatch):
    monkeypatch.setenv(VISIBLE, "4,7")
    with pytest.raises(PneumoError, match=r"train.devices is 3, but there are 2 GPUs \(4, 7\)"):
        leased_gpus(3).__enter__()


def test_a_leased_gpu_gives_memory_as_it_is_needed_unless_told_otherwise(monkeypatch):
    monkeypatch.setenv(VISIBLE, "0")
    grow, preallocate = AS_NEEDED
    monkeypatch.delenv(grow, raising=False)
    monkeypatch.setenv(preallocate, "true")
    with leased_gpus(1):
        assert os.environ[grow] == "true"
        assert os.environ[preallocate] == "true"


def test_the_variable_is_as_before_when_the_lease_ends(monkeypatch):
    monkeypatch.setenv(VISIBLE, "GPU-5,GPU-7")
    with leased_gpus(1) as gpus:
        assert gpus == [os.environ[VISIBLE]] == ["GPU-5"]
    assert list_gpus() == ["GPU-5", "GPU-7"]


def test_gpus_after_a_name_that_is_none_are_not_seen_as_cuda_has_it(monkeypatch):
    monkeypatch.setenv(VISIBLE, "1, GPU-5,-1,0")
    assert list_gpus() == ["1", "GPU-5"]


@pytest.mark.parametrize("nothing", ["", " , ", "-1", "NoDevFiles", "-1,0", "none"])
def test_without_a_gpu_nothing_is_leased(monkeypatch, nothing):
    monkeypatch.setenv(VISIBLE, nothing)
    with leased_gpus(1) as gpus:
        assert gpus == []
        assert os.environ[VISIBLE] == nothing
