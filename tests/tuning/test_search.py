"""The search of ``tune``, its choice, and what it says about itself."""

import numpy as np
import pytest
from scipy.ndimage import gaussian_filter

from pneumo.base.settings import BoxesSettings
from pneumo.detection.boxes import Box, Frame
from pneumo.detection.ensemble import Ensemble, blend
from pneumo.tuning.choice import choose, halves
from pneumo.tuning.ledger import score
from pneumo.tuning.search import Cases, score_all

BOXES = BoxesSettings(
    thresholds=[0.3, 0.6], gates=[0.0, 0.3], minimum_areas_px=[0.0, 5000.0], shrinks=[0.0, 0.1]
)
FRAME = Frame(1024, 1024, 64)
ONE = np.ones((1, 1), bool)
EQUAL = {"a": 1.0}


def one(truth: Box, **maps: Box) -> Cases:
    found = {name: drawn(box)[None] for name, box in maps.items()}
    return Cases(found, [FRAME], [[truth]])


def drawn(box: Box, value: float = 0.9) -> np.ndarray:
    map_ = np.zeros((64, 64), np.float32)
    square = FRAME.to_square(box)
    x, y = int(square.x), int(square.y)
    map_[y : y + int(square.height), x : x + int(square.width)] = value
    return map_


def noisy(images: int = 24) -> Cases:
    """Half of the images with one or two opacities, seen by two networks with errors."""
    rng = np.random.default_rng(3)
    truth, maps = [], {"a": [], "b": []}
    for number in range(images):
        boxes = [Box(*rng.integers(64, 600, 2), *rng.integers(160, 360, 2)) for _ in range(2)]
        truth.append(boxes[: number % 3])
        clean = sum((drawn(box, 0.5) for box in truth[-1]), np.zeros((64, 64), np.float32))
        for found in maps.values():
            noise = gaussian_filter(rng.standard_normal((64, 64)), 3) * 2
            found.append(np.clip(gaussian_filter(clean, 1) + noise, 0, 1).astype("f4"))
    frames = [FRAME if number % 2 else Frame(1500, 1100, 64) for number in range(images)]
    return Cases({name: np.array(found) for name, found in maps.items()}, frames, truth)


def test_every_score_of_the_search_is_that_of_the_boxes_that_are_submitted():
    cases = noisy()
    weightings = [{"a": 0.5, "b": 0.5}, {"a": 0.9, "b": 0.1}]
    subsets = np.ones((1, len(cases.frames)), bool)
    scores = score_all(cases, weightings, BOXES, subsets)
    assert len(np.unique(scores.values)) > 20
    for place in np.ndindex(scores.values.shape[:-1]):
        way = scores.way(place)
        maps = blend(cases.probabilities, way.weights)
        assert scores.values[place][0] == pytest.approx(score(cases, maps, way), abs=1e-12)


def test_a_subset_is_scored_as_if_the_other_images_were_not_there():
    cases = noisy()
    chosen = np.arange(24) % 5 < 2
    scores = score_all(cases, [{"a": 0.5, "b": 0.5}], BOXES, chosen[None])
    part = Cases(
        {name: maps[chosen] for name, maps in cases.probabilities.items()},
        [frame for frame, kept in zip(cases.frames, chosen, strict=True) if kept],
        [boxes for boxes, kept in zip(cases.truth, chosen, strict=True) if kept],
    )
    alone = score_all(part, [{"a": 0.5, "b": 0.5}], BOXES, np.ones((1, chosen.sum()), bool))
    assert scores.values == pytest.approx(alone.values)


def test_the_search_trusts_the_network_that_is_right():
    truth = Box(256, 256, 256, 256)
    cases = one(truth, right=truth, wrong=Box(640, 640, 256, 256))
    tried = [{"right": 0.5, "wrong": 0.5}, {"right": 0.9, "wrong": 0.1}]
    scores = score_all(cases, tried, BOXES, ONE)
    best = scores.way(scores.best(0))
    assert scores.values.max() == 1.0
    assert best.weights["right"] == 0.9
    assert best.boxes(blend(cases.probabilities, best.weights)[0], FRAME)[0].x == 256


def test_each_axis_is_shrunk_as_much_as_it_needs():
    truth, called = Box(288, 256, 192, 256), Box(256, 256, 256, 256)
    boxes = BOXES.model_copy(update={"shrinks": [0.5, 0.0, 0.1]})
    scores = score_all(one(truth, a=called), [EQUAL], boxes, ONE)
    best = scores.way(scores.best(0))
    assert (best.shrink_x, best.shrink_y) == (0.1, 0.0)


def test_the_image_threshold_silences_healthy_images_that_are_less_bright():
    truth, faint = Box(256, 256, 256, 256), drawn(Box(256, 256, 64, 64), 0.9)
    maps = np.stack([drawn(truth), faint])
    cases = Cases({"a": maps}, [FRAME, FRAME], [[truth], []])
    boxes = BOXES.model_copy(update={"minimum_areas_px": [0.0], "gates": [0.0, 0.5]})
    scores = score_all(cases, [EQUAL], boxes, np.ones((1, 2), bool))
    assert scores.way(scores.best(0)).image_threshold == 0.5
    assert scores.values[0, 0, 0, 0, 0, :, 0].tolist() == [0.5, 1.0]


def test_among_equals_the_plainest_way_wins():
    truth = Box(256, 256, 256, 256)
    scores = score_all(one(truth, a=truth), [EQUAL], BOXES, ONE)
    assert scores.way(scores.best(0)) == Ensemble(EQUAL, 0.3, 0.0, 0.0, 0.0, 0.0)


def test_the_halves_keep_a_person_together_and_follow_the_seed():
    people = ["a", "b", "a", "c", "d", "b"]
    rows = halves(people, 4, seed=1)
    assert rows.shape == (8, 6)
    assert (rows[0::2] ^ rows[1::2]).all()
    assert (rows[:, 0] == rows[:, 2]).all()
    assert (rows[:, 1] == rows[:, 5]).all()
    assert np.array_equal(rows, halves(people, 4, seed=1))


def test_a_search_among_noise_is_found_to_overfit():
    rng = np.random.default_rng(0)
    maps = gaussian_filter(rng.random((40, 64, 64)), (0, 3, 3)).astype("f4")
    maps = (maps - maps.min()) / (maps.max() - maps.min())
    truth = [[Box(*rng.integers(0, 700, 2), 300, 300)] for _ in range(40)]
    cases = Cases({"a": maps}, [FRAME] * 40, truth)
    boxes = BOXES.model_copy(
        update={"thresholds": [0.45, 0.5, 0.55, 0.6], "shrinks": [0, 0.1, 0.3]}
    )
    _, nested = choose(cases, range(40), [EQUAL], boxes, resamples=10, seed=1)
    assert nested["overfit"] > 0
    assert nested["ways"] == 4 * 2 * 3 * 3 * 2
