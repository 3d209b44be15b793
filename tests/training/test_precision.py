"""The precision of a training follows the device that computes it."""

import json
import os
import subprocess
import sys
from types import SimpleNamespace

import pytest

pytestmark = pytest.mark.slow

PROGRAM = """
import json, os, sys
from pathlib import Path
from types import SimpleNamespace
from pneumo.base import cpu
from pneumo.training import precision
for variables, facts, wanted, compiled in json.loads(sys.argv[1]):
    os.environ.update(variables)
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
    ("backend", "cases"),
    [
        (
            "tensorflow",
            [
                ({}, {OLDER: "float32", NEWER: "mixed_bfloat16", TILES: "mixed_bfloat16"}),
                ({GPUS: "NoDevFiles"}, {OLDER: "float32", TILES: "mixed_bfloat16"}),
                ({GPUS: ""}, {OLDER: "float32", None: "float32"}),
                ({ONEDNN: "0"}, {NEWER: "float32", TILES: "float32"}),
            ],
        ),
        (
            "jax",
            [
                ({}, {OLDER: "float32", NEWER: "float32", TILES: "float32"}),
                ({GPUS: ""}, {TILES: "float32", None: "float32"}),
            ],
        ),
    ],
)
def test_on_a_processor_auto_follows_what_it_multiplies_in(listed, backend, cases):
    """A backend finds its devices once; what the environment names later must not count."""
    pytest.importorskip(backend)
    asked, expected = [], []
    for environment, auto in cases:
        variables = {GPUS: "-1", ONEDNN: "1", **environment}
        for flags, found in auto.items():
            for compiled, policy in (("auto", found), ("off", found), ("on", "float32")):
                asked.append((variables, str(listed[flags]), "auto", compiled))
                expected.append(policy)
        for named in ("float32", "bfloat16", "float16"):
            asked.append((variables, str(listed[TILES]), named, "auto"))
            expected.append(named if named == "float32" else f"mixed_{named}")
    done = subprocess.run(
        [sys.executable, "-c", PROGRAM, json.dumps(asked)],
        env=os.environ | {"KERAS_BACKEND": backend, GPUS: "-1"},
        capture_output=True,
        text=True,
    )
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
