"""A network on two devices learns what it learns on one; the devices are parts of the processor."""

import os
import subprocess
import sys

import keras
import numpy as np
import pytest

from pneumo.base.errors import PneumoError
from pneumo.training.fitting import make_trainer
from pneumo.training.spread import even_rows, even_size, handed_over, scope_over
from tests.stages.conftest import prepared  # noqa: F401
from tests.stages.test_train import AUGMENT, SETTINGS, assert_same_maps

SPREAD = """
import sys
from pathlib import Path
import keras
from pneumo.base.settings import AugmentSettings, TrainSettings
from pneumo.stages.train import train
if keras.backend.backend() == "tensorflow":
    import tensorflow as tf
    [cpu] = tf.config.list_physical_devices("CPU")
    halves = [tf.config.LogicalDeviceConfiguration()] * 2
    tf.config.set_logical_device_configuration(cpu, halves)
prepared, out, settings, augment = sys.argv[1:]
settings = TrainSettings.model_validate_json(settings)
augment = AugmentSettings.model_validate_json(augment)
for devices in (1, 2):
    folder = Path(out) / str(devices)
    wanted = settings.model_copy(update={"devices": devices})
    train("unet_vgg19", Path(prepared), folder, train=wanted, augment=augment)
"""
WANTED = SETTINGS.model_copy(
    update={
        "epochs": 2,
        "learning_rate": 0.001,
        "overlap_channels": "both",
        "image_head": True,
        "image_head_weight": 0.2,
        "average": 0.5,
    }
)


@pytest.mark.slow
@pytest.mark.parametrize("backend", ["tensorflow", "jax"])
def test_two_devices_learn_what_one_learns(backend, prepared, tmp_path):  # noqa: F811
    pytest.importorskip(backend)
    words = [prepared, tmp_path, WANTED.model_dump_json(), AUGMENT.model_dump_json()]
    flags = f"{os.environ['XLA_FLAGS']} --xla_force_host_platform_device_count=2"
    two = {"XLA_FLAGS": flags, "JAX_PLATFORMS": "cpu"}
    done = subprocess.run(
        [sys.executable, "-c", SPREAD, *map(str, words)],
        env=os.environ | two | {"KERAS_BACKEND": backend, "MLFLOW_TRACKING_URI": ""},
        capture_output=True,
        text=True,
        check=False,
    )
    assert done.returncode == 0, done.stderr[-3000:]
    one, other = (
        np.genfromtxt(tmp_path / devices / "history.csv", delimiter=",", names=True)
        for devices in "12"
    )
    for name in ("loss", "val_loss"):
        assert np.allclose(one[name], other[name], rtol=2e-3, atol=2e-3), name
    for name in ("iou", "val_iou"):  # rounding turns single pixels
        assert np.allclose(one[name], other[name], rtol=1e-2, atol=2e-3), name
    first, second = (np.load(tmp_path / devices / "probabilities.npy") for devices in "12")
    assert np.abs(first.astype(float) - second).max() < 0.02
    assert_same_maps(tmp_path / "2", prepared)


def test_more_devices_than_there_are_is_refused():
    with pytest.raises(PneumoError, match=r"train.devices is 65, but tensorflow finds \d+ \("):
        scope_over(65)


@pytest.mark.parametrize(
    ("settings", "said"),
    [
        ({"batch_size": 9}, "train.batch_size 9 cannot be shared evenly by train.devices 2"),
        ({"jit_compile": "on"}, "train.jit_compile on: TensorFlow's XLA does not span"),
    ],
)
def test_work_that_cannot_be_shared_is_refused(settings, said):
    wanted = SETTINGS.model_copy(update={"devices": 2, **settings})
    with pytest.raises(PneumoError, match=said):
        make_trainer("unet_vgg19", 32, wanted, steps=1, augmented=False)


@pytest.mark.parametrize(
    ("size", "count", "devices", "shared"),
    [(5, 3, 1, 5), (8, 100, 2, 8), (7, 100, 2, 6), (8, 5, 2, 4), (8, 8, 3, 6)],
)
def test_batches_can_be_shared_evenly(size, count, devices, shared):
    assert even_size(size, count, devices) == shared


def test_validation_images_that_cannot_be_shared_are_left_out():
    rows = np.arange(9)
    assert list(even_rows(rows, 1)) == list(range(9))
    assert list(even_rows(rows, 4)) == list(range(8))


def test_a_trial_batch_gives_each_device_its_share():
    assert handed_over(8, 1) == 8
    assert handed_over(8, 2) == (4 if keras.backend.backend() == "tensorflow" else 8)


def test_fewer_images_than_devices_are_refused():
    with pytest.raises(PneumoError, match=r"1 images cannot be shared by train\.devices 2"):
        even_size(4, 1, 2)
