import numpy as np
import pytest

from pneumo.boxes import Box, Frame
from pneumo.ensemble import Ensemble, blend, image_level, search_weights, weightings
from pneumo.settings import BoxesSettings, EnsembleSettings

BOXES = BoxesSettings(thresholds=[0.3, 0.6], minimum_areas_px=[0.0, 5000.0], shrinks=[0.0, 0.1])
SEARCH = EnsembleSettings(candidates=8, seed=1)
FRAME = Frame(1024, 1024, 64)


def maps_where(box: Box, value: float) -> np.ndarray:
    map_ = np.zeros((1, 64, 64), np.float32)
    square = FRAME.to_square(box)
    x, y = int(square.x), int(square.y)
    map_[0, y : y + int(square.height), x : x + int(square.width)] = value
    return map_


def test_blending_is_the_weighted_mean():
    maps = {"a": np.full((1, 2, 2), 0.2), "b": np.full((1, 2, 2), 0.6)}
    assert blend(maps, {"a": 0.25, "b": 0.75}) == pytest.approx(np.full((1, 2, 2), 0.5))


def test_without_candidates_only_equal_weights_are_tried():
    rows = list(weightings(["a", "b"], EnsembleSettings(candidates=0, seed=1)))
    assert rows == [{"a": 0.5, "b": 0.5}]


def test_candidates_sum_to_one_and_follow_the_seed():
    rows = list(weightings(["a", "b", "c"], SEARCH))
    assert all(sum(row.values()) == pytest.approx(1) for row in rows)
    assert rows == list(weightings(["a", "b", "c"], SEARCH))
    assert rows != list(weightings(["a", "b", "c"], EnsembleSettings(candidates=8, seed=2)))


def test_the_search_trusts_the_network_that_is_right():
    truth = Box(256, 256, 256, 256)
    maps = {"right": maps_where(truth, 0.9), "wrong": maps_where(Box(640, 640, 256, 256), 0.9)}
    best, score = search_weights(maps, [FRAME], {"a": [truth]}, ensemble=SEARCH, boxes=BOXES)
    assert score == 1.0
    assert best.weights["right"] > best.weights["wrong"]
    assert best.boxes(blend(maps, best.weights)[0], FRAME)[0].x == pytest.approx(256)


def test_the_search_learns_to_shrink_boxes_that_are_too_large():
    truth, called = Box(272, 272, 224, 224), Box(256, 256, 256, 256)  # IoU 0.77, shrunk 0.95
    options = {"ensemble": SEARCH, "boxes": BOXES.model_copy(update={"shrinks": [0.3, 0.1]})}
    best, _ = search_weights({"a": maps_where(called, 0.9)}, [FRAME], {"a": [truth]}, **options)
    assert best.shrink_x == best.shrink_y == 0.1


def test_an_image_below_the_gate_is_not_called():
    probability = maps_where(Box(256, 256, 256, 256), 0.9)[0]
    assert image_level(probability) == pytest.approx(0.9)
    for gate, calls in [(0.89, 1), (0.91, 0)]:
        choice = Ensemble({"a": 1.0}, 0.5, gate, 0.0, 0.0, 0.0)
        assert len(choice.boxes(probability, FRAME)) == calls


def test_one_bright_pixel_is_no_finding():
    probability = np.zeros((2, 64, 64))
    probability[1, 3, 3] = 1.0
    assert image_level(probability) == pytest.approx([0, 1 / 16 / 5])


def test_an_ensemble_survives_json():
    ensemble = Ensemble({"a": 1.0}, 0.5, 0.2, 1000.0, 0.05, 0.1)
    assert Ensemble(**ensemble.to_json()) == ensemble
