"""The search of ``tune``, its choice, and what it says about itself."""

import numpy as np
import pytest
from scipy.ndimage import gaussian_filter

from pneumo.base.settings import BoxesSettings
from pneumo.detection.boxes import Box, Frame
from pneumo.detection.ensemble import Ensemble, blend
from pneumo.tuning.choice import SHARES, choose, drawn, halves, overfitting, plain_way
from pneumo.tuning.ledger import score
from pneumo.tuning.search import Cases, Judge, Scores

BOXES = BoxesSettings(
    thresholds=[0.3, 0.6], gates=[0.0, 0.3], minimum_areas_px=[0.0, 5000.0], shrinks=[0.0, 0.1]
)
FRAME = Frame(1024, 1024, 64)
ONE = np.ones((1, 1), bool)
EQUAL = {"a": 1.0}


PLAIN = Ensemble({"a": 0.5, "b": 0.5}, 0.3, 0.0, 0.0, 0.0, 0.0)
BEST = Ensemble({"a": 0.9, "b": 0.1}, 0.6, 0.2, 5000.0, 0.1, 0.0)


def one(truth: Box, **maps: Box) -> Cases:
    found = {name: map_of(box)[None] for name, box in maps.items()}
    return Cases(found, [FRAME], [[truth]])


def map_of(box: Box, value: float = 0.9) -> np.ndarray:
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
        clean = sum((map_of(box, 0.5) for box in truth[-1]), np.zeros((64, 64), np.float32))
        for found in maps.values():
            noise = gaussian_filter(rng.standard_normal((64, 64)), 3) * 2
            found.append(np.clip(gaussian_filter(clean, 1) + noise, 0, 1).astype("f4"))
    frames = [FRAME if number % 2 else Frame(1500, 1100, 64) for number in range(images)]
    return Cases({name: np.array(found) for name, found in maps.items()}, frames, truth)


def test_every_score_of_the_search_is_that_of_the_boxes_that_are_submitted():
    cases = noisy()
    weightings = [{"a": 0.5, "b": 0.5}, {"a": 0.9, "b": 0.1}]
    subsets = np.ones((1, len(cases.frames)), bool)
    scores = Judge(cases, BOXES, subsets).every(weightings)
    assert len(np.unique(scores.values)) > 20
    for place in np.ndindex(scores.values.shape[:-1]):
        way = scores.way(place)
        maps = blend(cases.probabilities, way.weights)
        assert scores.values[place][0] == pytest.approx(score(cases, maps, way), abs=1e-12)


def test_what_is_exactly_at_a_limit_is_called_by_the_search_as_by_the_ensemble():
    truth = Box(256, 256, 320, 256)  # five by four cells at 0.5, all but one of which count
    cases = Cases({"a": map_of(truth, 0.5)[None]}, [FRAME], [[truth]])
    limits = {"thresholds": [0.3], "gates": [0.5, 0.51], "minimum_areas_px": [81920.0, 81921.0]}
    judge = Judge(cases, BOXES.model_copy(update={**limits, "shrinks": [0.0]}), ONE)
    scores = judge.every([EQUAL])
    assert scores.values.ravel().tolist() == [1.0, 0.0, 0.0, 0.0]
    for place in np.ndindex(scores.values.shape[:-1]):
        way = scores.way(place)
        assert judge.one(way)[0] == scores.values[place][0]
        assert bool(way.boxes(cases.probabilities["a"][0], FRAME)) == bool(scores.values[place])


def test_a_search_says_how_far_it_is():
    told = []
    truth = Box(256, 256, 256, 256)
    Judge(one(truth, a=truth), BOXES, ONE).every([EQUAL] * 3, lambda *at: told.append(at))
    assert told == [(done, 6) for done in range(6)]


def test_without_tuning_the_first_of_each_list_holds():
    boxes = BoxesSettings(
        thresholds=[0.45, 0.1, 0.9], gates=[0.3, 0.0], minimum_areas_px=[8.0, 9.0, 7.0],
        shrinks=[0.2, 0.1],
    )  # fmt: skip
    assert plain_way(EQUAL, boxes) == Ensemble(EQUAL, 0.45, 0.3, 8.0, 0.2, 0.2)


def test_a_subset_is_scored_as_if_the_other_images_were_not_there():
    cases = noisy()
    chosen = np.arange(24) % 5 < 2
    scores = Judge(cases, BOXES, chosen[None]).every([{"a": 0.5, "b": 0.5}])
    part = Cases(
        {name: maps[chosen] for name, maps in cases.probabilities.items()},
        [frame for frame, kept in zip(cases.frames, chosen, strict=True) if kept],
        [boxes for boxes, kept in zip(cases.truth, chosen, strict=True) if kept],
    )
    alone = Judge(part, BOXES, np.ones((1, chosen.sum()), bool)).every([{"a": 0.5, "b": 0.5}])
    assert scores.values == pytest.approx(alone.values)


def test_the_search_trusts_the_network_that_is_right():
    truth = Box(256, 256, 256, 256)
    cases = one(truth, right=truth, wrong=Box(640, 640, 256, 256))
    tried = [{"right": 0.5, "wrong": 0.5}, {"right": 0.9, "wrong": 0.1}]
    scores = Judge(cases, BOXES, ONE).every(tried)
    best = scores.way(scores.best(0))
    assert scores.values.max() == 1.0
    assert best.weights["right"] == 0.9
    assert best.boxes(blend(cases.probabilities, best.weights)[0], FRAME)[0].x == 256


def test_each_axis_is_shrunk_as_much_as_it_needs():
    truth, called = Box(288, 256, 192, 256), Box(256, 256, 256, 256)
    boxes = BOXES.model_copy(update={"shrinks": [0.5, 0.0, 0.1]})
    scores = Judge(one(truth, a=called), boxes, ONE).every([EQUAL])
    best = scores.way(scores.best(0))
    assert (best.shrink_x, best.shrink_y) == (0.1, 0.0)


def test_the_image_threshold_silences_healthy_images_that_are_less_bright():
    truth, faint = Box(256, 256, 256, 256), map_of(Box(256, 256, 64, 64), 0.9)
    maps = np.stack([map_of(truth), faint])
    cases = Cases({"a": maps}, [FRAME, FRAME], [[truth], []])
    boxes = BOXES.model_copy(update={"minimum_areas_px": [0.0], "gates": [0.0, 0.5]})
    scores = Judge(cases, boxes, np.ones((1, 2), bool)).every([EQUAL])
    assert scores.way(scores.best(0)).image_threshold == 0.5
    assert scores.values[0, 0, 0, 0, 0, :, 0].tolist() == [0.5, 1.0]


def test_among_equals_the_plainest_way_wins():
    truth = Box(256, 256, 256, 256)
    scores = Judge(one(truth, a=truth), BOXES, ONE).every([EQUAL])
    assert scores.way(scores.best(0)) == Ensemble(EQUAL, 0.3, 0.0, 0.0, 0.0, 0.0)


def test_the_halves_keep_a_person_together_and_follow_the_seed():
    people = ["a", "b", "a", "c", "d", "b"]
    rows = halves(people, 4, seed=1)
    assert rows.shape == (8, 6)
    assert (rows[0::2] ^ rows[1::2]).all()
    assert (rows[:, 0] == rows[:, 2]).all()
    assert (rows[:, 1] == rows[:, 5]).all()
    assert np.array_equal(rows, halves(people, 4, seed=1))


def test_each_half_is_judged_by_what_its_other_half_finds_best():
    boxes = BoxesSettings(thresholds=[0.3, 0.6], gates=[0.0], minimum_areas_px=[0.0], shrinks=[0.0])
    values = np.array([[0.5, 0.9, 0.1], [0.5, 0.2, 0.4]])  # threshold x (all, a half, its other)
    told = overfitting(Scores(values.reshape(1, 2, 1, 1, 1, 1, 3), [EQUAL], boxes))
    assert told == pytest.approx(
        {"ways": 2, "tuned": 0.65, "held_out": 0.15, "plain_held_out": 0.5, "overfit": 0.5,
         "gain": -0.35, "gain_above_0": 0.0}
    )  # fmt: skip


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


def part_of(cases: Cases, chosen: np.ndarray) -> Cases:
    rows = np.flatnonzero(chosen)
    return Cases(
        {name: maps[rows] for name, maps in cases.probabilities.items()},
        [cases.frames[row] for row in rows],
        [cases.truth[row] for row in rows],
    )


def test_a_way_between_two_has_every_number_between_theirs():
    assert drawn(PLAIN, BEST, 0) == PLAIN
    assert drawn(PLAIN, BEST, 1) == BEST
    half = drawn(PLAIN, BEST, 0.5)
    assert half == Ensemble({"a": 0.7, "b": 0.3}, 0.45, 0.1, 2500.0, 0.05, 0.0)
    thirds = dict.fromkeys("abc", 1 / 3)
    way = drawn(Ensemble(thirds, 0.5, 0, 0, 0, 0), Ensemble({**thirds}, 0.5, 0, 0, 0, 0), 0.25)
    assert sum(way.weights.values()) == pytest.approx(1, abs=1e-12)


def test_a_way_that_is_none_of_those_searched_is_scored_as_its_boxes_are():
    cases, way = noisy(), drawn(PLAIN, BEST, 0.25)
    chosen = np.arange(24) % 3 < 2
    judge = Judge(cases, BOXES, np.stack([np.ones(24, bool), chosen]))
    part = part_of(cases, chosen)
    wanted = [score(of, blend(of.probabilities, way.weights), way) for of in (cases, part)]
    assert wanted[0] != wanted[1]
    assert judge.one(way) == pytest.approx(wanted, abs=1e-12)


def test_the_share_that_is_taken_is_the_least_that_held_out_people_do_not_tell_from_the_best():
    cases, people = noisy(48), np.arange(48) // 2
    tried = [{"a": 0.5, "b": 0.5}, {"a": 1.0, "b": 0.0}, {"a": 0.2, "b": 0.8}]
    way, told = choose(cases, people, tried, BOXES, resamples=3, seed=4)
    plain, means = plain_way(tried[0], BOXES), []
    for share in SHARES:
        found = []
        for chosen in halves(people, 3, 4):
            scores = Judge(part_of(cases, chosen), BOXES, np.ones((1, 24), bool)).every(tried)
            other = part_of(cases, ~chosen)
            between = drawn(plain, scores.way(scores.best(0)), share)
            found.append(score(other, blend(other.probabilities, between.weights), between))
        means.append(found)
    lost = np.array(means)[np.mean(means, axis=1).argmax()] - np.array(means)
    least = int(np.argmax(lost.mean(axis=1) <= lost.std(axis=1)))
    assert 0 < least < np.mean(means, axis=1).argmax()
    assert told["drawn_held_out"] == pytest.approx(np.mean(means[least]))
    assert told["share"] == SHARES[least]
    scores = Judge(cases, BOXES, np.ones((1, 48), bool)).every(tried)
    assert way == drawn(plain, scores.way(scores.best(0)), told["share"])


def test_tuning_that_pays_is_kept_whole_and_tuning_that_does_not_is_left():
    rng = np.random.default_rng(5)
    truth = [[Box(*rng.integers(64, 600, 2), 256, 256)] for _ in range(30)]
    right = np.array([map_of(boxes[0]) for boxes in truth])
    wrong = np.roll(right, 1, axis=0)
    tried = [{"a": 0.5, "b": 0.5}, {"a": 1.0, "b": 0.0}]
    boxes = BOXES.model_copy(update={"shrinks": [0.0], "gates": [0.0], "thresholds": [0.3]})
    pays = Cases({"a": right, "b": wrong}, [FRAME] * 30, truth)
    way, told = choose(pays, range(30), tried, boxes, resamples=4)
    assert way.weights["a"] > 0.66  # where the wrong network no longer passes the threshold
    assert told["drawn_held_out"] == told["held_out"] == 1.0
    same = Cases({"a": right, "b": right}, [FRAME] * 30, truth)
    assert choose(same, range(30), tried, boxes, resamples=4)[1]["share"] == 0


def test_where_held_out_people_cannot_tell_the_whole_does():
    truth = Box(256, 256, 256, 256)
    maps = {"a": np.stack([map_of(truth)] * 2), "b": np.stack([map_of(Box(640, 0, 128, 128))] * 2)}
    cases = Cases(maps, [FRAME] * 2, [[truth], []])  # one half has no opacity to learn from
    tried = [{"a": 0.0, "b": 1.0}, {"a": 1.0, "b": 0.0}]
    boxes = BOXES.model_copy(update={"shrinks": [0.0], "gates": [0.0], "minimum_areas_px": [0.0]})
    way, told = choose(cases, range(2), tried, boxes, resamples=2)
    assert told["drawn_held_out"] == told["plain_held_out"] == 0.0
    assert way.weights["a"] > 0.66
