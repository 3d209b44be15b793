"""Trainings share the GPUs of a machine: one each, or they queue."""

import os
import subprocess
import sys

import pytest

from pneumo.devices import AS_NEEDED, VISIBLE, leased_gpu, list_gpus

HOLD = """
import os, sys, time
from pneumo.devices import leased_gpu
with leased_gpu(0.05) as gpu:
    print(gpu, os.environ["CUDA_VISIBLE_DEVICES"], flush=True)
    sys.stdin.readline()
"""


@pytest.fixture(autouse=True)
def _own_leases(tmp_path, monkeypatch):
    monkeypatch.setenv("TMPDIR", str(tmp_path))
    monkeypatch.setattr("tempfile.tempdir", None)


def _training(gpus):
    return subprocess.Popen(
        [sys.executable, "-c", HOLD],
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


def test_a_leased_gpu_gives_memory_as_it_is_needed_unless_told_otherwise(monkeypatch):
    monkeypatch.setenv(VISIBLE, "0")
    grow, preallocate = AS_NEEDED
    monkeypatch.delenv(grow, raising=False)
    monkeypatch.setenv(preallocate, "true")
    with leased_gpu():
        assert os.environ[grow] == "true"
        assert os.environ[preallocate] == "true"


def test_the_variable_is_as_before_when_the_lease_ends(monkeypatch):
    monkeypatch.setenv(VISIBLE, "GPU-5,GPU-7")
    with leased_gpu() as gpu:
        assert gpu == os.environ[VISIBLE] == "GPU-5"
    assert list_gpus() == ["GPU-5", "GPU-7"]


@pytest.mark.parametrize("nothing", ["", " , ", "-1"])
def test_without_a_gpu_nothing_is_leased(monkeypatch, nothing):
    monkeypatch.setenv(VISIBLE, nothing)
    with leased_gpu() as gpu:
        assert gpu is None
        assert os.environ[VISIBLE] == nothing
