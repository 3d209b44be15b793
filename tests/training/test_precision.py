"""The precision of a training follows the device that computes it."""

import json
import os
import subprocess
import sys
from types import SimpleNamespace

import pytest

pytestmark = pytest.mark.slow

PROGRAM = """
import json, sys
from pathlib import Path
from types import SimpleNamespace
from pneumo.base import cpu
from pneumo.training import precision
for facts, wanted, compiled in json.loads(sys.argv[1]):
    cpu.FACTS = Path(facts)
    print(precision.policy(SimpleNamespace(precision=wanted, jit_compile=compiled)))
"""
GPUS, ONEDNN = "CUDA_VISIBLE_DEVICES", "TF_ENABLE_ONEDNN_OPTS"
FACTS = "processor\t: {}\nmodel name\t: avx512_bf16\nflags\t\t: {}\nbogomips\t: 4000.00\n\n"
OLDER = "fpu sse2 avx512f avx512_vnni"
NEWER = "fpu avx512f avx512_bf16 avx512_vnni"
TILES = "fpu avx512f amx_bf16 amx_tile"


@pytest.fixture(scope="module")
def listed(tmp_path_factory):
    """Flags -> Linux's list of two processors that have them; one of flags None is not there."""
    folder = tmp_path_factory.mktemp("facts")
    files = {None: folder / "none"}
    for number, flags in enumerate((OLDER, NEWER, TILES)):
        files[flags] = folder / str(number)
        files[flags].write_text("".join(FACTS.format(one, flags) for one in range(2)))
    return files


@pytest.mark.parametrize(
    ("backend", "environment", "auto"),
    [
        ("tensorflow", {}, {OLDER: "float32", NEWER: "mixed_bfloat16", TILES: "mixed_bfloat16"}),
        ("tensorflow", {GPUS: "NoDevFiles"}, {OLDER: "float32", TILES: "mixed_bfloat16"}),
        ("tensorflow", {GPUS: ""}, {OLDER: "float32", None: "float32"}),
        ("tensorflow", {ONEDNN: "0"}, {NEWER: "float32", TILES: "float32"}),
        ("jax", {}, {OLDER: "float32", NEWER: "float32", TILES: "float32"}),
        ("jax", {GPUS: ""}, {TILES: "float32", None: "float32"}),
    ],
)
def test_on_a_processor_auto_follows_what_it_multiplies_in(listed, backend, environment, auto):
    pytest.importorskip(backend)
    asked = [(flags, "auto", compiled) for flags in auto for compiled in ("auto", "off", "on")]
    asked += [(TILES, named, "auto") for named in ("float32", "bfloat16", "float16")]
    done = subprocess.run(
        [
            sys.executable,
            "-c",
            PROGRAM,
            json.dumps([(str(listed[f]), *rest) for f, *rest in asked]),
        ],
        env=os.environ | {"KERAS_BACKEND": backend, GPUS: "-1", **environment},
        capture_output=True,
        text=True,
    )
    compiled_by_xla = "float32"
    expected = [one for found in auto.values() for one in (found, found, compiled_by_xla)]
    expected += ["float32", "mixed_bfloat16", "mixed_float16"]
    assert done.stdout.split() == expected, done.stderr


@pytest.mark.parametrize("compiled", ["auto", "on"])
def test_on_a_gpu_auto_is_bfloat16(monkeypatch, listed, compiled):
    import tensorflow as tf

    from pneumo.base import cpu
    from pneumo.training import precision

    seen = {"GPU": ["/physical_device:GPU:0"]}
    monkeypatch.setattr(cpu, "FACTS", listed[None])
    monkeypatch.setattr(tf.config, "get_visible_devices", lambda kind: seen.get(kind, []))
    monkeypatch.delenv(GPUS, raising=False)
    train = SimpleNamespace(precision="auto", jit_compile=compiled)
    assert precision.policy(train) == "mixed_bfloat16"
    seen.clear()
    assert precision.policy(train) == "float32"
