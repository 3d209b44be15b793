import numpy as np
import pytest

from pneumo.detection.boxes import Box
from pneumo.evaluation._pixels import (
    constant_boxes,
    pixel_counts,
    pixel_measures,
    pixel_measures_of,
)

TRUTH = np.array([[[1, 1], [0, 0]]], np.uint8)


@pytest.mark.parametrize(
    ("found", "mean_iou", "accuracy", "f1"),
    [
        ([[1, 1], [0, 0]], 1.0, 1.0, 1.0),
        ([[0, 0], [0, 0]], (0 + 1 / 2) / 2, 0.5, 0.0),
        ([[1, 0], [0, 0]], (1 / 2 + 2 / 3) / 2, 0.75, 2 / 3),
        ([[0, 0], [1, 1]], 0.0, 0.0, 0.0),
    ],
)
def test_pixels_are_measured_over_both_classes(found, mean_iou, accuracy, f1):
    measured = pixel_measures(TRUTH, np.array([found], np.uint8))
    assert measured == pytest.approx({"mean_iou": mean_iou, "pixel_accuracy": accuracy, "f1": f1})


def test_a_resample_is_measured_like_the_images_it_holds():
    rng = np.random.default_rng(1)
    truth, found = rng.integers(0, 2, (2, 3, 4, 4), np.uint8)
    measured = pixel_measures_of(pixel_counts(truth, found), np.array([[2, 0, 1]]))
    drawn = [0, 0, 2]
    expected = pixel_measures(truth[drawn], found[drawn])
    assert {name: values[0] for name, values in measured.items()} == pytest.approx(expected)


def test_constant_boxes_are_the_median_of_each_half():
    left = [Box(100, 300, 200, 300), Box(120, 320, 220, 320), Box(140, 340, 240, 340)]
    right = [Box(600, 300, 200, 300)]
    assert constant_boxes({"a": left, "b": right}, 1024) == [left[1], right[0]]
