import numpy as np
import pytest

from pneumo.detection.boxes import Box, Frame
from pneumo.registry.agreement import compare, measure, same_boxes
from tests.packages import pictures

HERE, NEAR, FAR = Box(0, 0, 100, 100), Box(0, 0, 100, 95), Box(50, 0, 100, 100)


@pytest.mark.parametrize(
    ("reference", "found", "pairs"),
    [
        ([HERE], [NEAR], 1),
        ([HERE], [FAR], 0),
        ([HERE, HERE], [NEAR], 1),  # one box is no match for two
        ([FAR, HERE], [NEAR, FAR], 2),
        ([], [HERE], 0),
    ],
)
def test_boxes_are_paired_once_each(reference, found, pairs):
    assert same_boxes([reference, reference], [found, found]) == 2 * pairs


def test_a_box_too_many_counts_against_the_agreement():
    truth = {"a": [HERE], "b": []}
    same = compare(truth, {"a": [HERE], "b": []}, {"a": [NEAR], "b": []})
    more = compare(truth, {"a": [HERE], "b": []}, {"a": [NEAR], "b": [FAR]})
    assert (same["matched"], same["map_difference"], same["passed"]) == (1.0, 0.0, True)
    assert (more["matched"], more["passed"]) == (0.5, False)
    assert more["map_difference"] == 0.5


def test_an_ensemble_that_calls_nothing_proves_nothing():
    assert not compare({"a": [HERE]}, {"a": []}, {"a": []})["passed"]


@pytest.mark.usefixtures("cache")
@pytest.mark.slow
def test_float32_agrees_with_keras_on_an_ensemble(package_folder):
    some = pictures(24, seed=7)
    frames = [Frame(1024, 1024, 32)] * 24
    truth = {f"image{n}": [Box(128, 256, 384, 384)] if n % 2 == 0 else [] for n in range(24)}
    found = measure(package_folder, np.asarray(some), truth, frames)
    assert set(found) == {"float32", "bfloat16"}
    assert found["float32"]["passed"]
    assert found["float32"]["boxes"] > 20
    assert {"matched", "map", "map_difference", "passed"} <= set(found["bfloat16"])
