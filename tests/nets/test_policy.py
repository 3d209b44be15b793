"""The precision of a training follows the device that computes it."""

import os
import subprocess
import sys

import pytest

pytestmark = pytest.mark.slow

PROGRAM = "from pneumo.training.fitting import policy; print(policy('auto'), policy('bfloat16'))"


@pytest.mark.parametrize(
    ("backend", "named"),
    [
        ("tensorflow", "-1"),
        ("tensorflow", "NoDevFiles"),
        ("jax", "-1"),
        pytest.param("tensorflow", "", marks=pytest.mark.slow),
        pytest.param("jax", "", marks=pytest.mark.slow),
    ],
)
def test_on_a_processor_auto_is_float32_however_no_gpu_is_named(backend, named):
    pytest.importorskip(backend)
    done = subprocess.run(
        [sys.executable, "-c", PROGRAM],
        env=os.environ | {"KERAS_BACKEND": backend, "CUDA_VISIBLE_DEVICES": named},
        capture_output=True,
        text=True,
    )
    assert done.stdout == "float32 mixed_bfloat16\n", done.stderr


def test_on_a_gpu_auto_is_bfloat16(monkeypatch):
    import tensorflow as tf

    from pneumo.training.fitting import policy

    seen = {"GPU": ["/physical_device:GPU:0"]}
    monkeypatch.setattr(tf.config, "get_visible_devices", lambda kind: seen.get(kind, []))
    monkeypatch.delenv("CUDA_VISIBLE_DEVICES", raising=False)
    assert policy("auto") == "mixed_bfloat16"
