"""The table of the networks holds what is built."""

import subprocess
import sys

import pytest

from pneumo.base.catalogue import facts_of
from pneumo.nets import facts
from pneumo.nets.build import MODELS


@pytest.mark.parametrize("model", MODELS)
@pytest.mark.parametrize(("size_px", "image_head"), [(32, False), (64, True), (160, False)])
def test_the_small_networks_are_as_the_table_says(model, size_px, image_head):
    found = facts.facts_of(model, size_px, "small", image_head=image_head)
    assert facts_of(model, size_px, "small", image_head=image_head) == found


@pytest.mark.slow
@pytest.mark.parametrize("model", MODELS)
@pytest.mark.parametrize(("size_px", "image_head"), [(128, False), (256, True)])
def test_the_full_networks_are_as_the_table_says(model, size_px, image_head):
    found = facts.facts_of(model, size_px, "full", image_head=image_head)
    assert facts_of(model, size_px, "full", image_head=image_head) == found


@pytest.mark.parametrize("words", [["models"], ["--help"], ["settings", "data.root"]])
def test_commands_that_only_show_something_load_no_heavy_library_and_say_nothing_else(words):
    program = (
        f"import sys; sys.argv = ['pneumo', *{words!r}]\n"
        "from pneumo.cli.app import app\n"
        "try:\n    app()\nfinally:\n    print(*sys.modules)"
    )
    done = subprocess.run([sys.executable, "-c", program], capture_output=True, text=True)
    loaded = {name.partition(".")[0] for name in done.stdout.splitlines()[-1].split()}
    assert not loaded & {"keras", "tensorflow", "jax", "mlflow", "pandas", "scipy", "numpy"}
    assert done.stderr == ""
