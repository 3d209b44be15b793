"""The shortcut audit finds a shortcut where there is one."""

import numpy as np
import pandas as pd
import pytest

from pneumo.evaluation._shortcut import audit, guess
from pneumo.evaluation.bootstrap import draw_people, with_all


def images(count, seed, shortcut):
    """AP is positive four times as often as PA if ``shortcut``; sex and age tell nothing."""
    rng = np.random.default_rng(seed)
    ap = rng.random(count) < 0.5
    share = np.where(ap, 0.6, 0.15) if shortcut else 0.4
    return pd.DataFrame(
        {
            "view": np.where(ap, "AP", "PA"),
            "sex": rng.choice(["F", "M"], count),
            "age": rng.integers(20, 90, count).astype(float),
            "target": (rng.random(count) < share).astype(int),
        }
    )


def audited(test, score, train=None):
    draws = with_all(draw_people(np.arange(len(test)), 200, seed=1))
    return audit(images(800, 1, True) if train is None else train, test, score, draws)


def test_a_model_that_knows_only_the_view_has_no_advantage_and_fails_within_it():
    test = images(600, 2, True)
    found = audited(test, (test["view"] == "AP").to_numpy(float))
    assert found["metadata"]["view"]["low"] > 0.65
    assert found["model"] == found["metadata"]["view"]
    assert found["within"]["AP"]["value"] == 0.5
    assert found["advantage"]["low"] < 0.02


def test_a_model_that_sees_the_opacity_does_within_each_view():
    test = images(600, 2, True)
    noise = np.random.default_rng(3).normal(0, 0.3, 600)
    found = audited(test, test["target"].to_numpy() + noise)
    assert found["advantage"]["low"] > 0.1
    assert found["within"]["PA"]["low"] > 0.9


def test_metadata_that_tell_nothing_are_near_chance():
    found = audited(images(600, 2, False), np.zeros(600), images(800, 1, False))
    assert found["metadata"]["all"]["value"] == pytest.approx(0.5, abs=0.07)


def test_unknown_and_impossible_facts_are_no_error():
    train, test = images(100, 1, True), images(50, 2, True)
    test.loc[:9, "view"], test.loc[10:19, "sex"] = None, ""
    test.loc[:4, "age"], test.loc[5:9, "age"] = np.nan, 155.0
    assert np.isfinite(guess(train, test, ["view", "sex", "age"])).all()


@pytest.mark.parametrize("target", [0, 1])
def test_one_class_in_training_is_no_error(target):
    train = images(50, 1, True).assign(target=target)
    assert (guess(train, images(20, 2, True), ["view"]) == target).all()
