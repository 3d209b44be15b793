from dataclasses import replace

import numpy as np
import pytest
from scipy.ndimage import gaussian_filter

import pneumo.ensemble
from pneumo.detection.boxes import Box, Frame, iou
from pneumo.detection.ensemble import CELLS, SMALLEST, Ensemble, blend, image_level, weightings
from pneumo.dicom._guards import SMALLEST_SIDE_PX

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
    rows = list(weightings(["a", "b"], 0))
    assert rows == [{"a": 0.5, "b": 0.5}]


def test_candidates_sum_to_one_and_follow_the_seed():
    rows = list(weightings(["a", "b", "c"], 8))
    assert len(rows) == 1 + 3 + 8
    assert set(rows[0].values()) == {1 / 3}
    alone = [{name for name, share in row.items() if share} for row in rows[1:4]]
    assert alone == [{"a"}, {"b"}, {"c"}]
    assert all(sum(row.values()) == pytest.approx(1) for row in rows)
    assert rows == list(weightings(["a", "b", "c"], 8))
    assert rows != list(weightings(["a", "b", "c"], 8, seed=2))
    assert list(weightings(["a"], 8)) == [{"a": 1.0}]
    assert len(list(weightings(["a", "b"], 8))) == 1 + 2 + 8


def test_an_image_below_the_image_threshold_is_not_called():
    probability = maps_where(Box(256, 256, 320, 256), 0.9)[0]
    assert image_level(probability, CELLS) == pytest.approx(0.9)
    for level, calls in [(0.89, 1), (0.91, 0)]:
        choice = Ensemble({"a": 1.0}, 0.5, level, 0.0, 0.0, 0.0)
        assert len(choice.boxes(probability, FRAME)) == calls


def test_an_image_at_the_image_threshold_is_called():
    probability = maps_where(Box(256, 256, 256, 256), 0.9)[0]
    choice = Ensemble({"a": 1.0}, 0.5, float(image_level(probability, CELLS)), 0.0, 0.0, 0.0)
    assert len(choice.boxes(probability, FRAME)) == 1


@pytest.mark.parametrize("frame", [FRAME, Frame(2048, 2048, 64), Frame(512, 512, 64)])
def test_the_smallest_area_is_a_share_of_the_radiograph_whatever_its_pixels(frame):
    probability = maps_where(Box(256, 256, 256, 256), 0.9)[0]  # a sixteenth
    for area, calls in [(65_536, 1), (65_537, 0)]:
        choice = Ensemble({"a": 1.0}, 0.5, 0.0, area, 0.0, 0.0)
        assert len(choice.boxes(probability, frame)) == calls


def test_a_call_is_as_sure_as_its_region_and_its_radiograph():
    probability = maps_where(Box(256, 256, 64, 64), 0.8)[0]  # one of the cells that count
    for cells in (5, 19):
        (box,) = Ensemble({"a": 1.0}, 0.5, 0.0, 0.0, 0.0, 0.0, cells).boxes(probability, FRAME)
        assert box.confidence == pytest.approx((0.8 * 0.8 / cells) ** 0.5)


@pytest.mark.parametrize(("threshold", "image_threshold"), [(0.5, 0.0), (0.5, 0.6), (0.05, 0.0)])
def test_what_a_map_is_sure_of_no_change_within_the_margin_calls_otherwise(
    threshold, image_threshold
):
    chance, margin = np.random.default_rng(1), 0.01
    choice = Ensemble({"a": 1.0}, threshold, image_threshold, 20_000, 0.0, 0.0)
    limits = choice.limits_px(np.ones((64, 64), np.uint8))
    sure = changed = 0
    for _ in range(600):
        smooth = gaussian_filter(chance.normal(size=(64, 64)), 5)
        rough = smooth / np.abs(smooth).max() * chance.uniform(3, 60)
        logit = rough + np.log(threshold / (1 - threshold)) + chance.normal()
        other = logit + chance.uniform(-4 * margin, 4 * margin, logit.shape)
        probability, other = 1 / (1 + np.exp(-logit)), 1 / (1 + np.exp(-other))
        calls = [choice.boxes(image, FRAME) for image in (probability, other)]
        same = len(calls[0]) == len(calls[1]) and all(
            max((iou(box, near) for near in calls[1]), default=0) > 0.9 for box in calls[0]
        )
        changed += not same
        if not choice.is_unsure(probability, margin, limits):
            sure += 1
            assert same
    assert sure > 50
    assert changed > 10


def test_a_map_is_sure_where_its_regions_have_steep_sides_and_unsure_at_each_threshold():
    probability = maps_where(Box(256, 256, 320, 256), 0.9)[0]
    sure = Ensemble({"a": 1.0}, 0.5, 0.5, 0.0, 0.0, 0.0)
    assert sure.boxes(probability, FRAME)
    assert not sure.is_unsure(probability, 0.01)
    assert not sure.is_unsure(np.zeros_like(probability), 0.01)
    for threshold, image_threshold in [(0.897, 0.5), (0.903, 0.5), (0.5, 0.897), (0.5, 0.903)]:
        close = Ensemble({"a": 1.0}, threshold, image_threshold, 0.0, 0.0, 0.0)
        assert close.is_unsure(probability, 0.01)
        assert not close.is_unsure(probability, 0.001)


@pytest.mark.parametrize(("side", "unsure"), [(64, False), (128, True)])
def test_a_region_that_loses_more_than_a_tenth_of_its_pixels_is_unsure_though_its_box_stays(
    side, unsure
):
    probability = maps_where(Box(256, 256, 256, 256), 0.9)[0]
    probability[maps_where(Box(320, 320, side, side), 0.9)[0] > 0.5] = 0.5  # 1/16 and 1/4 of it
    choice = Ensemble({"a": 1.0}, 0.5, 0.0, 0.0, 0.0, 0.0)
    assert choice.is_unsure(probability, 0.01) is unsure


@pytest.mark.parametrize(("distance", "unsure"), [(0.009, True), (0.011, False)])
def test_the_margin_is_how_far_a_probability_of_a_half_may_be_off(distance, unsure):
    probability = maps_where(Box(256, 256, 320, 256), 0.5 + distance)[0]
    choice = Ensemble({"a": 1.0}, 0.5, 0.0, 0.0, 0.0, 0.0)
    assert choice.is_unsure(probability, 0.01) is unsure


def test_what_is_too_small_to_be_called_leaves_a_map_sure():
    dim = maps_where(Box(256, 256, 128, 128), 0.5)[0]  # at the threshold, 64 pixels of the map
    choice = Ensemble({"a": 1.0}, 0.5, 0.0, 16_385, 0.0, 0.0)
    picture = np.ones((64, 64), np.uint8)
    assert choice.limits_px(picture) == pytest.approx((63, 65), abs=0.01)
    assert choice.is_unsure(dim, 0.01, choice.limits_px(picture))  # a pixel more, and it is called
    assert not choice.is_unsure(dim, 0.01, (64, 66))


def test_where_black_columns_hide_the_smallest_area_any_change_below_it_is_unsure():
    picture, probability = np.ones((64, 64), np.uint8), np.zeros((64, 64))
    picture[:, :16] = 0
    probability[:16, 40:52].flat[:183] = 0.9  # with the 9 others 192, where 187.5 are called
    probability[15, 43:52] = 0.503
    choice = Ensemble({"a": 1.0}, 0.5, 0.0, 48_000, 0.0, 0.0)
    other = np.where(probability == 0.503, 0.497, probability)
    assert [len(choice.boxes(image, FRAME)) for image in (probability, other)] == [1, 0]
    assert choice.is_unsure(probability, 0.01, choice.limits_px(picture))


def test_the_smallest_radiograph_is_the_readers():
    assert SMALLEST == SMALLEST_SIDE_PX


@pytest.mark.parametrize("limit", [0.0, 1.0])
def test_at_no_and_at_full_certainty_nothing_is_doubted(limit):
    probability = maps_where(Box(256, 256, 256, 256), 0.9)[0]
    assert not Ensemble({"a": 1.0}, limit, limit, 0.0, 0.0, 0.0).is_unsure(probability, 0.01)


@pytest.mark.parametrize(("rows", "columns"), [(3000, 2500), (900, 1900), (64, 64), (1024, 1024)])
def test_no_region_below_the_least_pixels_is_called_however_the_radiograph_lies(rows, columns):
    frame = Frame(rows, columns, 64)
    (top, left), (height, width) = frame.offset, frame.shape
    picture = np.zeros((64, 64), np.uint8)
    picture[top : top + height, left : left + width] = 40
    choice = Ensemble({"a": 1.0}, 0.5, 0.0, 48_000, 0.0, 0.0)
    least, most = choice.limits_px(picture)
    for pixels in range(int(least) - 1, int(most) + 2):
        probability = np.zeros((64, 64))
        probability[top : top + height, left : left + width].flat[:pixels] = 0.9
        called = choice.boxes(probability, frame)
        assert not (called and pixels <= least)
    assert called


def test_one_bright_pixel_is_no_finding():
    probability = np.zeros((2, 64, 64))
    probability[1, 3, 3] = 1.0
    assert image_level(probability, CELLS) == pytest.approx([0, 1 / 16 / 19])


def test_versions_of_before_which_name_no_cells_get_five():
    probability = np.zeros((64, 64))
    probability[3, 3] = 1.0
    for level in (image_level, pneumo.ensemble.image_level):
        assert level(probability) == pytest.approx(1 / 16 / 5)


@pytest.mark.parametrize("count", [1, 5, 19, 256])
def test_the_image_level_is_the_mean_of_the_highest_cells(count):
    cells = np.random.default_rng(2).permutation(256).reshape(16, 16) / 256
    level = image_level(np.kron(cells, np.ones((4, 4))), count)
    assert level == pytest.approx(np.arange(256 - count, 256).mean() / 256)


def test_an_ensemble_survives_json():
    ensemble = Ensemble({"a": 1.0}, 0.5, 0.2, 1000.0, 0.05, 0.1)
    saved = ensemble.to_json()
    assert Ensemble.from_json(saved) == ensemble
    assert saved.pop("cells") == 19
    earlier = Ensemble.from_json(saved)
    assert earlier == replace(ensemble, cells=5)
    assert earlier.to_json() == saved
    assert saved == {  # as 0.1 wrote it
        "weights": {"a": 1.0},
        "threshold": 0.5,
        "gate": 0.2,
        "minimum_area_px": 1000.0,
        "shrink_x": 0.05,
        "shrink_y": 0.1,
    }
