"""How an ensemble answers to changes that mean nothing."""

from shutil import copytree

import numpy as np
import pytest

from pneumo.base.errors import DataError
from pneumo.detection.ensemble import Ensemble
from pneumo.evaluation.bootstrap import draw_people, with_all
from pneumo.evaluation.perturbations import PERTURBATIONS, sample
from pneumo.evaluation.stability import load_perturbed, stability

CHOICE = Ensemble({"one": 1.0}, 0.5, 0.0, 0.0, 0.0, 0.0)


@pytest.fixture(scope="module")
def maps(data):
    return np.asarray(data.masks[data.rows("test")], np.float32) * 0.9


def measured(data, maps, answers):
    draws = with_all(draw_people(np.arange(len(maps)), 100, seed=1))
    perturbed = {name: {"one": answer} for name, answer in answers.items()}
    return {row["name"]: row for row in stability(data, maps, perturbed, CHOICE, draws)}


def test_an_answer_that_moves_with_the_radiograph_is_stable(data, maps):
    chosen = maps[sample(len(maps))]
    moved = {name: how.change(chosen) for name, how in PERTURBATIONS.items() if name == "flip"}
    row = measured(data, maps, moved)["flip"]
    assert (row["probability"]["value"], row["flipped"]["value"]) == (0, 0)
    assert row["box_iou"]["value"] == 1


def test_an_answer_that_ignores_the_flip_is_not(data, maps):
    row = measured(data, maps, {"flip": maps[sample(len(maps))]})["flip"]
    assert row["box_iou"]["value"] < 0.9


def test_calls_that_vanish_are_counted(data, maps):
    chosen = maps[sample(len(maps))]
    row = measured(data, maps, {"jpeg": chosen * 0.1})["jpeg"]
    positive = (chosen.max(axis=(1, 2)) > 0.5).mean()
    assert row["flipped"]["value"] == pytest.approx(positive)
    assert row["box_iou"]["value"] == 0
    assert row["probability"]["value"] > 0.1


def test_a_missing_torn_or_foreign_file_is_named(networks_folder, settings, tmp_path):
    shape = (10, 32, 32)
    assert set(load_perturbed(networks_folder, settings.models, shape)) == set(PERTURBATIONS)
    networks = copytree(networks_folder, tmp_path / "models")
    path = networks / settings.models[0] / "perturbations.npz"
    with pytest.raises(DataError, match=r"flip has shape \(10, 32, 32\), but \(9, 32, 32\) is"):
        load_perturbed(networks, settings.models, (9, 32, 32))
    path.write_bytes(path.read_bytes()[:-200])
    with pytest.raises(DataError, match=f"run `pneumo train {settings.models[0]}`"):
        load_perturbed(networks, settings.models, shape)
    np.savez(path, flip=np.array([{}], object))
    with pytest.raises(DataError, match="pneumo train"):
        load_perturbed(networks, settings.models, shape)
