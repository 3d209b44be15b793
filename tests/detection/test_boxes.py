import numpy as np
import pytest

from pneumo.detection.boxes import (
    Box,
    Component,
    Frame,
    boxes_from_probability,
    components,
    iou,
    mask_from_boxes,
)

HERE = Box(0, 0, 100, 100)


@pytest.mark.parametrize(
    ("other", "expected"),
    [
        (HERE, 1.0),
        (Box(0, 0, 100, 60), 0.6),
        (Box(50, 0, 100, 100), 1 / 3),
        (Box(100, 0, 100, 100), 0.0),  # they touch
        (Box(0, 150, 100, 100), 0.0),  # one below the other
        (Box(150, 0, 100, 100), 0.0),
        (Box(20, 20, 0, 0), 0.0),
    ],
)
def test_overlap_is_shared_area_over_joint_area(other, expected):
    assert iou(HERE, other) == pytest.approx(expected)
    assert iou(other, HERE) == pytest.approx(expected)


def test_two_boxes_without_area_do_not_overlap():
    assert iou(Box(20, 20, 0, 0), Box(20, 20, 0, 0)) == 0


def test_a_shrunk_box_keeps_its_centre():
    box = Box(10, 20, 100, 50).shrunk(0.1, 0.2)
    assert (box.x, box.y, box.width, box.height) == pytest.approx((15, 25, 90, 40))


@pytest.mark.parametrize(("rows", "columns"), [(1024, 1024), (2000, 1500), (700, 901), (64, 3000)])
def test_boxes_map_to_the_square_and_back_exactly(rows, columns):
    frame, box = Frame(rows, columns, 64), Box(10.5, 20.25, 30, 40)
    back = frame.to_original(frame.to_square(box))
    assert (back.x, back.y, back.width, back.height) == pytest.approx((10.5, 20.25, 30, 40))


def test_a_box_outside_the_radiograph_is_cut_at_its_edges():
    box = Frame(1024, 1024, 64).to_original(Box(-2, 60, 10, 10))
    assert (box.x, box.y, box.width, box.height) == (0, 960, 128, 64)


def test_a_mask_marks_the_pixels_whose_centres_lie_in_a_box():
    mask = mask_from_boxes([Box(16, 32, 32, 16)], Frame(1024, 1024, 64))
    assert mask.sum() == 2
    assert mask[2, 1:3].all()


@pytest.mark.parametrize(
    "box", [(0, 0, 70, 90), (33, 47, 301, 120), (100, 32, 333, 444), (700, 600, 324, 424)]
)
def test_a_mask_holds_exactly_the_pixels_whose_centres_lie_between_the_sides(box):
    x, y, width, height = box
    centres = (np.arange(64) + 0.5) * 16
    rows = (centres >= y) & (centres < y + height)
    columns = (centres >= x) & (centres < x + width)
    mask = mask_from_boxes([Box(*box)], Frame(1024, 1024, 64))
    assert (mask == np.outer(rows, columns)).all()


def test_even_a_box_thinner_than_a_pixel_marks_one():
    assert mask_from_boxes([Box(100, 100, 1, 1)], Frame(1024, 1024, 64)).sum() == 1


def test_regions_that_touch_at_a_corner_are_one():
    probability = np.zeros((8, 8))
    probability[1, 1], probability[2, 2], probability[6, 6] = 0.9, 0.7, 0.6
    first, second = components(probability, 0.5)
    assert (first.box.width, first.pixels) == (2, 2)
    assert first.box.confidence == pytest.approx(0.8)
    assert second.pixels == 1


@pytest.mark.parametrize("value", [0.0, 1.0])
def test_a_map_of_one_value_has_no_region_or_one(value):
    assert len(components(np.full((8, 8), value), 0.5)) == int(value)


def test_regions_are_filtered_by_pixels_of_the_original_radiograph():
    probability = np.zeros((64, 64))
    probability[0:10, 0:10] = 0.9  # 100 pixels of the map are 25,600 of the radiograph
    options = {"threshold": 0.5, "shrink_x": 0.0, "shrink_y": 0.0}
    frame = Frame(1024, 1024, 64)
    kept = boxes_from_probability(probability, frame, minimum_area_px=25_600, **options)
    assert [(box.x, box.width) for box in kept] == [(0, 160)]
    assert not boxes_from_probability(probability, frame, minimum_area_px=25_601, **options)


def test_a_region_of_a_long_radiograph_has_the_pixels_that_it_covers_there():
    frame = Frame(2000, 1000, 64)  # 64 x 32 in the square: a pixel is 31.25 x 31.25 of the original
    part = Component(Box(16, 0, 2, 2), 4).to_original(frame)
    assert (part.box.width, part.box.height) == (62.5, 62.5)
    assert part.pixels == 3906  # 4 x 31.25 x 31.25 = 3906.25


def test_boxes_come_most_sure_first_shrunk_and_without_what_has_no_area():
    probability = np.zeros((64, 64))
    probability[2:6, 2:6], probability[20:30, 10:30], probability[40:44, 0:8] = 0.6, 0.9, 0.7
    options = {"threshold": 0.5, "minimum_area_px": 0, "shrink_x": 0.5, "shrink_y": 0.0}
    found = boxes_from_probability(probability, Frame(64, 64, 64), **options)
    assert [box.confidence for box in found] == pytest.approx([0.9, 0.7, 0.6])
    assert [(box.x, box.y, box.width, box.height) for box in found] == [
        (15, 20, 10, 10), (2, 40, 4, 4), (3, 2, 2, 4),
    ]  # fmt: skip
    nothing = boxes_from_probability(probability, Frame(64, 64, 64), **options | {"shrink_x": 1})
    assert nothing == []
