"""Keras's own settings file, in the home of who runs the product, changes nothing."""

import json
import os
import subprocess
import sys

import pytest

from tests.stages.test_train import FILES, SETTINGS, sections

PROGRAM = """
import hashlib, json, sys
from pathlib import Path
import numpy as np
from pneumo.engines.choose import open_engine
from pneumo.engines.package import Package
from pneumo.base.settings import AugmentSettings, TrainSettings
prepared, out, package, *both = sys.argv[1:]
train, augment = both
from pneumo.stages.train import train as stage
stage("unet_vgg19", Path(prepared), Path(out) / "net",
      train=TrainSettings.model_validate_json(train),
      augment=AugmentSettings.model_validate_json(augment))
pictures = np.random.default_rng(0).integers(0, 256, (5, 32, 32)).astype(np.uint8)
sums = {p.name: hashlib.sha256(p.read_bytes()).hexdigest() for p in (Path(out) / "net").iterdir()}
for name in ("tensorflow", "openvino"):
    found = open_engine(Package(Path(package)), name).probabilities(pictures)
    sums[name] = hashlib.sha256(found.tobytes()).hexdigest()
print(json.dumps(sums))
"""
OTHER = {
    "floatx": "float16",
    "epsilon": 0.01,
    "image_data_format": "channels_first",
    "backend": "jax",
    "nnx_enabled": True,
}


def sums(home, place, prepared, package_folder):
    """Sums of a training's files and of what both engines give, in a process of its own."""
    settings = SETTINGS.model_copy(update={"epochs": 1, "patience": 1})
    arguments = [prepared, place, package_folder, *sections(settings).split("|")]
    environment = {k: v for k, v in os.environ.items() if not k.startswith("KERAS_")}
    environment |= {"KERAS_HOME": str(home), "XDG_CACHE_HOME": str(place / "cache")}
    done = subprocess.run(
        [sys.executable, "-c", PROGRAM, *map(str, arguments)],
        env=environment,
        capture_output=True,
        text=True,
    )
    assert done.returncode == 0, done.stderr[-2000:]
    assert "WARNING" not in done.stderr, done.stderr
    assert "I0000" not in done.stderr, done.stderr
    return json.loads(done.stdout.splitlines()[-1])


@pytest.mark.slow
def test_trainings_and_scores_have_the_same_bytes_whatever_kerass_own_file_says(
    tmp_path, prepared, package_folder
):
    found = []
    for name, said in (("plain", {}), ("other", OTHER)):
        home = tmp_path / name
        home.mkdir()
        (home / "keras.json").write_text(json.dumps(said))
        found.append(sums(home, home, prepared, package_folder))
    assert found[0] == found[1]
    assert set(found[0]) == {*FILES, "tensorflow", "openvino"}


@pytest.mark.parametrize("said", ['{"floatx": "float8"}', '{"epsilon": 1}', "[]"])
def test_a_file_that_keras_refuses_is_named_in_one_line(tmp_path, said):
    (tmp_path / "keras.json").write_text(said)
    program = (
        "from pneumo.base.errors import PneumoError\n"
        "try:\n    import pneumo.nets\nexcept PneumoError as error:\n    print(error)"
    )
    done = subprocess.run(
        [sys.executable, "-c", program],
        env=os.environ | {"KERAS_HOME": str(tmp_path), "KERAS_BACKEND": "numpy"},
        capture_output=True,
        text=True,
    )
    assert done.stdout.startswith(f"{tmp_path}/keras.json: Keras cannot read it (")
    assert done.stdout.endswith("; delete it\n")
    assert done.stdout.count("\n") == 1
