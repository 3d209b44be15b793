"""Image-level measures against scikit-learn, which resamples by sample weights."""

import numpy as np
import pytest
from sklearn.metrics import (
    average_precision_score,
    brier_score_loss,
    roc_auc_score,
    roc_curve,
)

from pneumo.evaluation.roc import auroc, calibration, curve_points, image_measures


@pytest.fixture(scope="module")
def cases():
    rng = np.random.default_rng(2)
    target = rng.random(200) < 0.3
    score = np.clip(rng.normal(0.4 + 0.2 * target, 0.15), 0, 1).round(2)  # with many ties
    return score, target, rng.integers(0, 4, (70, 200))


def test_every_resample_is_what_scikit_learn_finds_with_weights(cases):
    score, target, draws = cases
    found = image_measures(score, target, draws)
    for row in (0, 69):  # of two blocks
        weights = draws[row]
        expected = {
            "auroc": roc_auc_score(target, score, sample_weight=weights),
            "auprc": average_precision_score(target, score, sample_weight=weights),
            "brier": brier_score_loss(target, score, sample_weight=weights),
        }
        false, hit, _ = roc_curve(target, score, sample_weight=weights, drop_intermediate=False)
        for percent in (90, 95):
            allowed = false <= 1 - percent / 100 + 1e-12
            expected[f"sensitivity_at_{percent}"] = hit[allowed].max()
        assert {name: values[row] for name, values in found.items()} == pytest.approx(expected)


def test_one_class_alone_has_no_curve_but_a_brier_score():
    score, target = np.array([0.2, 0.4]), np.array([False, False])
    found = image_measures(score, target, np.ones((1, 2)))
    assert found.pop("brier") == pytest.approx([0.1])
    assert all(np.isnan(value) for value in found.values())


def test_no_radiograph_at_all_has_no_curve():
    found = auroc(np.zeros(0), np.zeros(0, bool), np.ones((3, 0)))
    assert np.isnan(found).tolist() == [True] * 3


def test_equal_scores_tell_nothing():
    assert auroc(np.full(4, 0.5), np.array([1, 0, 1, 0]) > 0, np.ones((1, 4))) == [0.5]


def test_the_curve_runs_from_nothing_called_to_everything_called(cases):
    score, target, _ = cases
    hit, false = curve_points(score, target)
    assert (hit[0], false[0], hit[-1], false[-1]) == (0, 0, target.sum(), (~target).sum())


def test_bins_hold_every_image_once_and_show_what_was_observed(cases):
    score, target, draws = cases
    bins = calibration(score, target, np.vstack([np.ones(200), draws]))
    assert sum(part["images"] for part in bins) == 200
    assert [part["predicted"] for part in bins] == sorted(part["predicted"] for part in bins)
    total = sum(part["observed"][0] * part["images"] for part in bins)
    assert total == pytest.approx(target.sum())


def test_one_probability_for_all_is_one_bin():
    bins = calibration(np.full(9, 0.3), np.arange(9) < 3, np.ones((1, 9)))
    assert [(part["images"], part["observed"][0]) for part in bins] == [(9, pytest.approx(1 / 3))]
