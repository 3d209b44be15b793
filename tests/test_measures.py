import numpy as np
import pytest

from pneumo.boxes import Box
from pneumo.measures import constant_boxes, pixel_measures

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


def test_constant_boxes_are_the_median_of_each_half():
    left = [Box(100, 300, 200, 300), Box(120, 320, 220, 320), Box(140, 340, 240, 340)]
    right = [Box(600, 300, 200, 300)]
    assert constant_boxes({"a": left, "b": right}, 1024) == [left[1], right[0]]
