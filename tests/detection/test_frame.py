"""Where a radiograph lies in the square, worked out by hand."""

import pytest

from pneumo.detection.frame import Box, Frame


@pytest.mark.parametrize(
    ("frame", "shape", "offset"),
    [
        (Frame(1024, 1024, 64), (64, 64), (0, 0)),
        (Frame(2000, 1000, 64), (64, 32), (0, 16)),
        (Frame(1000, 2000, 64), (32, 64), (16, 0)),
        (Frame(640, 400, 64), (64, 40), (0, 12)),
        (Frame(640, 410, 64), (64, 41), (0, 11)),  # 23 columns are left: one more on the right
        (Frame(410, 640, 64), (41, 64), (11, 0)),
        (Frame(1000, 1000, 64, 2.0), (64, 32), (0, 16)),  # a pixel twice as high as wide
        (Frame(1000, 1000, 64, 0.5), (32, 64), (16, 0)),
        (Frame(500, 1000, 64, 2.0), (64, 64), (0, 0)),
        (Frame(10_000, 20, 64), (64, 1), (0, 31)),  # a strip keeps one column
        (Frame(20, 10_000, 64), (1, 64), (31, 0)),
    ],
)
def test_the_longer_side_fills_the_square_and_the_rest_is_shared(frame, shape, offset):
    assert frame.shape == shape
    assert frame.offset == offset


def test_a_box_lies_in_the_square_where_its_corners_do():
    box = Frame(2000, 1000, 64).to_square(Box(250, 500, 125, 250))
    assert (box.x, box.y, box.width, box.height) == (24, 16, 4, 8)


@pytest.mark.parametrize(
    ("box", "cut"),
    [
        (Box(18, 8, 4, 4), (62.5, 250, 125, 125)),
        (Box(14, -2, 4, 4), (0, 0, 62.5, 62.5)),
        (Box(46, 62, 4, 4), (937.5, 1937.5, 62.5, 62.5)),
        (Box(0, 0, 8, 8), (0, 0, 0, 250)),  # beside the radiograph: no width
        (Box(16, -9, 8, 8), (0, 0, 250, 0)),
    ],
)
def test_what_reaches_beyond_the_radiograph_is_cut_on_every_side(box, cut):
    found = Frame(2000, 1000, 64).to_original(box)
    assert (found.x, found.y, found.width, found.height) == cut
