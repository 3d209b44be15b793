"""Where the score goes, on two radiographs whose every step is plain to see."""

from itertools import pairwise

import numpy as np
import pytest

from pneumo.detection.boxes import Box, Frame
from pneumo.detection.ensemble import Ensemble
from pneumo.tuning.ledger import gains, losses
from pneumo.tuning.search import Cases

HERE = Box(256, 256, 256, 256)
FRAME = Frame(1024, 1024, 64)


def drawn(box: Box, value: float) -> np.ndarray:
    map_ = np.zeros((64, 64), np.float32)
    x, y, width, height = (int(side) // 16 for side in (box.x, box.y, box.width, box.height))
    map_[y : y + height, x : x + width] = value
    return map_


def cases(level: float) -> Cases:
    """An opacity that is seen where it is, at ``level``, and a healthy radiograph with a spot."""
    maps = np.stack([drawn(HERE, level), drawn(Box(640, 640, 128, 128), 0.9)])
    return Cases({"a": maps}, [FRAME, FRAME], [[HERE], []])


def way(**changes: float) -> Ensemble:
    fields = {"threshold": 0.5, "image_threshold": 0.0, "minimum_area_px": 0.0} | changes
    return Ensemble({"a": 1.0}, **fields, shrink_x=0.0, shrink_y=0.0)


@pytest.mark.parametrize(
    ("level", "chosen", "scores"),
    [
        # The spot is called: one hit among one opacity and one false call's radiograph.
        (0.9, way(), [1, 1, 1, 1, 1, 1, 1, 0.5]),
        (0.9, way(minimum_area_px=70_000.0), [1, 1, 0, 0, 0, 0, 0, 0]),  # of 65,536 pixels
        (0.9, way(image_threshold=0.95), [1, 1, 1, 1, 1, 1, 0, 0]),
        (0.4, way(), [1, 1, 1, 1, 1, 0, 0, 0]),  # a lower threshold would have found it
    ],
)
def test_each_step_from_the_truth_to_the_calls_costs_what_it_takes_away(level, chosen, scores):
    given = cases(level)
    masks = np.stack([drawn(HERE, 1.0), np.zeros((64, 64))])
    rows = losses(given, masks, chosen, [0.3, 0.5])
    assert [row["score"] for row in rows] == scores
    assert [row["cost"] for row in rows][1:] == [
        before - after for before, after in pairwise(scores)
    ]


def test_each_choice_of_tuning_wins_what_it_adds():
    rows = gains(cases(0.4), way(), way(threshold=0.3, minimum_area_px=20_000.0))
    # plain, weights, threshold (the spot is called too), image threshold, area (it is too small)
    assert [row["score"] for row in rows] == [0, 0, 0.5, 0.5, 1, 1]
