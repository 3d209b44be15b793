import stat
import sys

import pytest

from pneumo.base.errors import PneumoError, RegistryError
from pneumo.engines import cache as kept_things
from pneumo.engines import graphs
from pneumo.engines.graphs import graph
from pneumo.engines.package import Package


@pytest.fixture
def made(cache):
    """How often each folder was made."""
    calls = []

    def make(folder):
        calls.append(folder)
        (folder / "sub").mkdir()
        (folder / "sub" / "file").write_text("content")

    return calls, make


def test_what_is_kept_is_made_once_in_a_folder_for_its_owner_alone(made, cache):
    calls, make = made
    first = kept_things.kept("things", "once", make)
    assert kept_things.kept("things", "once", make) == first
    assert len(calls) == 1
    assert stat.S_IMODE((cache / "pneumo").stat().st_mode) == 0o700


@pytest.mark.parametrize("damage", ["change", "remove", "sums"])
def test_what_was_damaged_is_made_anew(made, damage):
    calls, make = made
    path = kept_things.kept("things", damage, make)
    if damage == "sums":
        (path / "sums.json").write_text("{}")
    elif damage == "change":
        (path / "sub" / "file").write_text("another")
    else:
        (path / "sub" / "file").unlink()
    kept_things.kept("things", damage, make)
    assert len(calls) == 2
    assert (path / "sub" / "file").read_text() == "content"


def test_a_making_that_fails_leaves_nothing(cache):
    def fail(folder):
        (folder / "half").write_text("h")
        raise OSError("disk full")

    with pytest.raises(OSError, match="disk full"):
        kept_things.kept("things", "failed", fail)
    assert not [p for p in (cache / "pneumo/things").iterdir() if "failed" in p.name and p.is_dir()]


@pytest.mark.usefixtures("cache")
def test_a_graph_whose_weights_were_changed_in_the_cache_is_converted_again(package_folder):
    path = graph(Package(package_folder))
    weights = path.with_suffix(".bin")
    before = weights.read_bytes()
    weights.write_bytes(before[:-4] + b"\0\0\0\0")
    assert graph(Package(package_folder)) == path
    assert weights.read_bytes() == before


@pytest.mark.usefixtures("cache")
def test_a_graph_that_other_code_made_is_not_taken_up(package_folder, monkeypatch):
    ours = graph(Package(package_folder))
    asked = []
    monkeypatch.setattr(graphs, "code_sum", lambda module: asked.append(module) or "another")
    theirs = graph(Package(package_folder))
    assert asked == ["pneumo.engines.convert"]
    assert theirs != ours
    assert theirs.is_file()


@pytest.mark.usefixtures("cache")
def test_a_conversion_that_was_killed_says_so_and_nothing_of_the_ensemble(
    package_folder, monkeypatch, tmp_path
):
    killed = tmp_path / "python"
    killed.write_text("#!/bin/sh\nkill -9 $$\n")
    killed.chmod(0o755)
    monkeypatch.setattr(sys, "executable", str(killed))
    monkeypatch.setattr(graphs, "code_sum", lambda module: "not in the cache")
    with pytest.raises(PneumoError, match="signal 9 ended the conversion") as said:
        graph(Package(package_folder))
    assert not isinstance(said.value, RegistryError)
