"""The profile of a version: from training people and test people, and no row of anybody."""

import json
from pathlib import Path

import numpy as np
import pandas as pd
import pytest

from pneumo.detection.ensemble import Ensemble
from pneumo.evaluation.judge import judge
from pneumo.intake.features import NAMES
from pneumo.intake.profile import read_profile
from pneumo.prepared.format import Prepared, load_prepared
from pneumo.registry._profile import write_profile
from tests.ensembles import PEOPLE, write_prepared


@pytest.fixture(scope="module")
def prepared(tmp_path_factory) -> Prepared:
    return load_prepared(write_prepared(tmp_path_factory.mktemp("profile") / "prepared", seed=4))


@pytest.fixture(scope="module")
def cases(prepared) -> pd.DataFrame:
    test = prepared.rows("test")
    maps = np.asarray(prepared.images[test], np.float32) / 255
    return judge(prepared, "test", maps, Ensemble({"a": 1.0}, 0.5, 0.0, 0.0, 0.0, 0.0))[1]


@pytest.fixture(scope="module")
def written(tmp_path_factory, prepared, cases) -> Path:
    return write_profile(tmp_path_factory.mktemp("profile"), prepared, cases)


def test_what_is_usual_is_that_of_the_test_people(prepared, cases, written):
    usual = read_profile(written).usual
    assert (usual.people, usual.images) == (PEOPLE, 2 * PEOPLE)
    images = np.asarray(prepared.images[prepared.rows("test")])
    means = images.reshape(len(images), -1).mean(axis=1) / 255
    place = NAMES.index("mean")
    np.testing.assert_allclose(
        usual.quantiles[:, place], np.quantile(means, [0.05, 0.5, 0.95]), rtol=1e-4
    )
    assert usual.called == pytest.approx((cases["found_boxes"] > 0).mean(), abs=1e-5)
    np.testing.assert_allclose(
        usual.grid, np.quantile(cases["probability"], (np.arange(48) + 0.5) / 48), rtol=1e-4
    )


def test_the_registered_counts_are_those_of_the_cases(cases, written):
    counts = read_profile(written).counts
    ill, called = cases["truth_boxes"] > 0, cases["found_boxes"] > 0
    assert counts["positive"] == counts["negative"] == PEOPLE
    assert counts["positive_called"] == (ill & called).sum()
    assert counts["negative_called"] == (~ill & called).sum()


def test_one_test_radiograph_in_twenty_is_above_the_limit_of_disagreement(
    prepared, cases, tmp_path
):
    apart = np.random.default_rng(2).random(2 * PEOPLE)
    limit = read_profile(write_profile(tmp_path, prepared, cases, apart)).disagreement
    assert limit == pytest.approx(np.quantile(apart, 0.95), rel=1e-5)


def test_it_names_nobody_and_is_small(prepared, written):
    text = written.read_text()
    assert len(text) < 400_000
    for column in ("patientId", "person"):
        assert not any(f'"{name}"' in text for name in prepared.index[column])
    assert set(json.loads(text)["usual"]) == {
        "people", "images", "means", "grid", "flagged", "quantiles", "called", "chances",
    }  # fmt: skip


def test_the_same_data_give_the_same_bytes(tmp_path, prepared, cases, written):
    assert write_profile(tmp_path, prepared, cases).read_bytes() == written.read_bytes()
