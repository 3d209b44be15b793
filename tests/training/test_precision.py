"""The precision of a training follows the device that computes it."""

import os
import subprocess
import sys

import pytest

pytestmark = pytest.mark.slow

PROGRAM = """
import sys
from pathlib import Path
from pneumo.training import precision
precision.CPU_FACTS = Path(sys.argv[1])
print(precision.policy('auto'), precision.policy('float32'), precision.policy('bfloat16'))
"""
FACTS = "processor\t: {}\nmodel name\t: of a test, avx512_bf16\nflags\t\t: {}\nbogomips\t: 4000.00\n\n"


def facts(flags: str) -> str:
    """Linux's list of two processors that can do the same."""
    return "".join(FACTS.format(number, flags) for number in range(2))


@pytest.mark.parametrize(
    ("backend", "named", "flags", "auto"),
    [
        ("tensorflow", "-1", "fpu sse2 avx512f avx512_vnni", "float32"),
        ("tensorflow", "NoDevFiles", "fpu sse2 avx512f avx512_vnni", "float32"),
        ("tensorflow", "", "fpu sse2 avx512f avx512_vnni", "float32"),
        ("tensorflow", "-1", "fpu avx512f avx512_bf16 avx512_vnni", "mixed_bfloat16"),
        ("tensorflow", "-1", "fpu avx512f amx_bf16 amx_tile", "mixed_bfloat16"),
        ("tensorflow", "-1", None, "float32"),
        ("jax", "-1", "fpu avx512_bf16 amx_bf16", "float32"),
        ("jax", "", "fpu avx512_bf16 amx_bf16", "float32"),
    ],
)
def test_on_a_processor_auto_follows_what_it_multiplies_in(tmp_path, backend, named, flags, auto):
    pytest.importorskip(backend)
    if flags is not None:
        (tmp_path / "cpuinfo").write_text(facts(flags))
    done = subprocess.run(
        [sys.executable, "-c", PROGRAM, str(tmp_path / "cpuinfo")],
        env=os.environ | {"KERAS_BACKEND": backend, "CUDA_VISIBLE_DEVICES": named},
        capture_output=True,
        text=True,
    )
    assert done.stdout == f"{auto} float32 mixed_bfloat16\n", done.stderr


def test_on_a_gpu_auto_is_bfloat16(monkeypatch, tmp_path):
    import tensorflow as tf

    from pneumo.training import precision

    seen = {"GPU": ["/physical_device:GPU:0"]}
    monkeypatch.setattr(precision, "CPU_FACTS", tmp_path / "none")
    monkeypatch.setattr(tf.config, "get_visible_devices", lambda kind: seen.get(kind, []))
    monkeypatch.delenv("CUDA_VISIBLE_DEVICES", raising=False)
    assert precision.policy("auto") == "mixed_bfloat16"
    seen.clear()
    assert precision.policy("auto") == "float32"
