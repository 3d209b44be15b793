"""A tiny recipe is rehearsed once, end to end, and what it says is held together."""

import json
import os
from pathlib import Path
from shutil import copytree
from types import SimpleNamespace

import numpy as np
import pytest

from pneumo.dataset.dataset import open_dataset
from pneumo.experiments.crossval import write_settings
from pneumo.prepared.format import load_maps, load_prepared
from pneumo.rehearsal import _processes
from pneumo.rehearsal._forecast import makespan
from pneumo.rehearsal._sample import choose, repeat, write_sample
from pneumo.rehearsal._told import show
from pneumo.rehearsal.rehearse import ONCE, rehearse
from pneumo.training.precision import policy
from tests.conftest import ROOT

pytestmark = pytest.mark.timeout(1800)

MODEL = "unet_vgg19"
STAGES = ["validate", "prepare", f"train {MODEL}", "tune", "evaluate", "promote", "score"]
CHANGES = {
    "models": [MODEL],
    "data.size_px": 32,
    "data.validation_images": 10,
    "data.test_images": 10,
    "train.batch_size": 4,
    "train.epochs": 5,
    "train.precision": "auto",
    "ensemble.candidates": 0,
}


@pytest.fixture(scope="module")
def rehearsal(demo_root, tmp_path_factory):
    """What a rehearsal says and leaves, in a workplace that had files of its own."""
    place = tmp_path_factory.mktemp("workplace")
    copytree(demo_root, place / "data/demo")
    for name in ("models", "reports", "data"):
        (place / name / "mine").mkdir(parents=True)
    (place / "dvc.lock").write_text("mine")
    changes = {**CHANGES, "data.root": "data/demo"}
    before, here = _contents(place), Path.cwd()
    os.chdir(place)
    try:
        settings = write_settings(ROOT / "recipes/demo.yaml", changes, place / "params.yaml")
        out = place / "rehearsal.json"
        told = rehearse("demo", place / "params.yaml", settings, out, steps=2, images=20, jobs=2)
    finally:
        os.chdir(here)
    return SimpleNamespace(place=place, told=told, before=before, settings=settings)


def _contents(place: Path) -> dict[str, bytes]:
    return {str(p): p.read_bytes() for p in sorted(place.rglob("*")) if p.is_file()}


@pytest.mark.slow
def test_every_stage_is_rehearsed_and_forecast(rehearsal):
    told = rehearsal.told
    assert list(told["stages"]) == STAGES
    for row in told["stages"].values():
        assert not row["fault"]
        assert row["rehearsed_seconds"] > 0
        assert row["seconds"] > 0
        assert row["rehearsed_memory_bytes"] > 2**20
    assert told["images"] == {"train": 16, "validation": 10, "test": 10}
    assert told["faults"] == []
    assert json.loads((rehearsal.place / "rehearsal.json").read_text()) == told


@pytest.mark.slow
def test_it_says_which_precision_auto_is_here(rehearsal, capsys):
    here = policy(rehearsal.settings.train)
    assert rehearsal.told["computed_in"] == here
    show(rehearsal.told)
    assert f"auto, which is {here.removeprefix('mixed_')} here" in capsys.readouterr().out


@pytest.mark.slow
def test_the_totals_are_those_of_their_parts(rehearsal):
    told = rehearsal.told
    once = sum(told["stages"][name]["seconds"] for name in ONCE)
    training = told["networks"][MODEL]["seconds"]
    assert told["stages"][f"train {MODEL}"]["seconds"] == training
    for jobs, seconds in told["totals"].items():
        assert seconds == pytest.approx(once + makespan([training], int(jobs)))
    pace = told["networks"][MODEL]
    assert pace["epoch_seconds"] == pytest.approx(
        4 * pace["step"] + pace["validation_batch"] + pace["checkpoint"]
    )


@pytest.mark.slow
def test_nothing_of_the_workplace_is_touched_and_nothing_is_left(rehearsal):
    after = _contents(rehearsal.place)
    mine = {"params.yaml", "rehearsal.json"}
    assert {name: b for name, b in after.items() if Path(name).name not in mine} == rehearsal.before
    assert not [path for path in rehearsal.place.iterdir() if path.name.startswith(".")]


def test_a_sample_has_one_image_of_a_person_and_enough_positive_ones(demo_root, tmp_path):
    dataset = open_dataset(demo_root)
    chosen = choose(dataset.images(), 20)
    assert len(chosen) <= 20
    assert chosen["person"].is_unique
    assert (chosen["target"] == 1).sum() >= 6
    write_sample(dataset, chosen, tmp_path / "some")
    again = open_dataset(tmp_path / "some")
    names = set(chosen["patientId"])
    assert {path.stem for path in again.files} == names
    ours, theirs = again.boxes(), dataset.boxes()
    theirs = theirs[theirs["patientId"].isin(names)]
    assert ours.reset_index(drop=True).equals(theirs.reset_index(drop=True))


def test_repeated_images_keep_their_maps(prepared_folder, networks_folder, tmp_path):
    repeat(prepared_folder, networks_folder, tmp_path, 3)
    few, many = load_prepared(prepared_folder), load_prepared(tmp_path / "prepared")
    assert len(many.rows("train")) == len(few.rows("train"))
    for split in ("validation", "test"):
        assert many.index["patientId"].is_unique
        assert np.array_equal(
            many.masks[many.rows(split)], np.tile(few.masks[few.rows(split)], (3, 1, 1))
        )
        maps, once = (
            load_maps(data, folder, [MODEL], split)[MODEL]
            for data, folder in ((many, tmp_path / "models"), (few, networks_folder))
        )
        assert np.array_equal(maps, np.tile(once, (3, 1, 1)))
        assert [*many.truth(many.rows(split)).values()] == 3 * [
            *few.truth(few.rows(split)).values()
        ]


def test_a_stage_that_the_system_ends_is_a_line(tmp_path):
    log = tmp_path / "log"
    log.write_text("one\ntwo\n")
    assert "memory is short" in _processes._why(-9, log)
    assert _processes._why(1, log) == "ended with exit code 1: two"


@pytest.mark.parametrize(
    ("stage", "settings", "fault"),
    [
        ("tune", "recipe.yaml", "no prepared data"),
        ("tune", "bad.yaml", "10 settings cannot be used"),
        ("nothing", "recipe.yaml", "AttributeError: 'Stage' object has no attribute 'nothing'"),
    ],
)
def test_what_a_stage_stumbles_on_is_told_as_a_line(tmp_path, stage, settings, fault):
    (tmp_path / "recipe.yaml").write_text((ROOT / "recipes/demo.yaml").read_text())
    (tmp_path / "bad.yaml").write_text("models: []\n")
    paths = {name: tmp_path / name for name in ("prepared", "models", "reports")}
    took = _processes.run(tmp_path, stage, tmp_path / settings, paths)
    assert fault in took.fault
    assert "Traceback" not in took.fault
