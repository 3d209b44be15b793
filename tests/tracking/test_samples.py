import numpy as np
import pytest

from pneumo.tracking.samples import FOUND, SMALLEST_PX, TRUTH, choose, sheet

MASKS = np.zeros((10, 8, 8), np.uint8)
MASKS[[1, 2, 7], 2:7, 1:6] = 1


@pytest.mark.parametrize(
    ("count", "positive"),
    [(4, 2), (1, 1), (8, 3), (10, 3), (50, 3)],
)
def test_half_of_the_chosen_show_an_opacity_where_there_are_as_many(count, positive):
    places = choose(MASKS, count)
    assert len(set(places)) == len(places) == min(count, 10)
    assert MASKS[places].any(axis=(1, 2)).sum() == positive


def test_a_picture_has_image_outline_and_map_of_each():
    images = np.full((2, 8, 8), 100, np.uint8)
    maps = np.zeros((2, 8, 8), np.float16)
    maps[1] = 1
    times = SMALLEST_PX // 8
    picture = np.asarray(sheet(images, MASKS[:2], maps))[::times, ::times]
    assert picture.shape == (24, 16, 3)
    assert (picture[:8] == 100).all()
    outline = (picture[8:16, 8:] == TRUTH).all(axis=-1)
    assert outline.sum() == 16  # of a square of 5 x 5
    assert not (picture[8:16, :8] == TRUTH).all(axis=-1).any()
    assert (picture[16:, :8] == 100).all()
    assert (picture[16:, 8:] == np.round(40 + 0.6 * np.array(FOUND))).all()
