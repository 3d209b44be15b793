"""Sensitivity over false calls, on cases that can be counted by hand."""

import numpy as np
import pytest

from pneumo.detection.boxes import Box
from pneumo.detection.matching import hits_of
from pneumo.evaluation.froc import HIT_IOU, RATES, froc_curve, pool_calls, sensitivity_at_rates

TRUE, OTHER = Box(0, 0, 100, 100), Box(500, 500, 100, 100)


def near(confidence, shift=0.0):
    return Box(shift, 0, 100, 100, confidence)


@pytest.mark.parametrize(
    ("truth", "found", "hits"),
    [
        ([TRUE], [near(0.9)], [True]),
        ([TRUE], [near(0.9), near(0.8)], [True, False]),  # the second on the same one is false
        ([TRUE], [near(0.9, 50), near(0.8)], [False, True]),  # IoU 1/3, then 1
        ([TRUE, OTHER], [near(0.9)], [True]),
        ([], [near(0.9)], [False]),
        ([TRUE], [], []),
    ],
)
def test_a_call_hits_a_free_true_box_that_it_overlaps_enough(truth, found, hits):
    (told,) = hits_of([truth], [found], HIT_IOU)
    assert told.tolist() == hits


def four_images():
    """Two opacities; calls in falling confidence: hit, false, hit, false, false."""
    truth = {"a": [TRUE], "b": [TRUE], "c": [], "d": []}
    found = {"a": [near(0.9), near(0.2)], "b": [near(0.7)], "c": [near(0.8)], "d": [near(0.1)]}
    return pool_calls(truth, found)


def test_the_curve_is_what_one_counts_by_hand():
    false, share = froc_curve(four_images())
    assert false.tolist() == [0, 0, 0.25, 0.25, 0.5, 0.75]
    assert share.tolist() == [0, 0.5, 0.5, 1, 1, 1]


def test_sensitivity_is_read_at_the_last_point_within_the_rate():
    found = sensitivity_at_rates(four_images(), np.ones((1, 4)))
    assert found.tolist() == [[0.5, 1, 1, 1, 1, 1, 1]]


def test_a_resample_counts_its_own_images():
    draws = np.array([[0, 2, 1, 1], [0, 0, 2, 2]])
    found = sensitivity_at_rates(four_images(), draws)
    assert found[0].tolist() == [0, 1, 1, 1, 1, 1, 1]  # one false call in four comes first
    assert np.isnan(found[1]).all()  # no opacity was drawn


def test_blocks_of_resamples_do_not_change_the_result():
    rng = np.random.default_rng(3)
    truth = {str(n): [TRUE] if n % 3 else [] for n in range(30)}
    found = {
        name: sorted((near(float(c), 80 * rng.random()) for c in rng.random(3)),
                     key=lambda box: -box.confidence)
        for name in truth
    }  # fmt: skip
    calls = pool_calls(truth, found)
    draws = rng.integers(0, 3, (150, 30))
    together = sensitivity_at_rates(calls, draws)
    single = np.vstack([sensitivity_at_rates(calls, row[None]) for row in draws])
    assert together.shape == (150, len(RATES))
    np.testing.assert_array_equal(together, single)
    assert (np.diff(together, axis=1) >= 0).all()


def test_calls_of_equal_confidence_are_one_point():
    truth = {"a": [TRUE], "b": []}
    calls = pool_calls(truth, {"a": [near(0.5)], "b": [near(0.5)]})
    false, share = froc_curve(calls)
    assert (false.tolist(), share.tolist()) == ([0, 0.5], [0, 1])


def test_nothing_called_finds_nothing():
    calls = pool_calls({"a": [TRUE], "b": []}, {"a": [], "b": []})
    assert sensitivity_at_rates(calls, np.ones((2, 2))).tolist() == [[0.0] * 7] * 2
