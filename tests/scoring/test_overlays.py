"""The pictures of a scored radiograph: the radiograph with boxes, and the heat map over it."""

import numpy as np
import pytest
from PIL import Image

from pneumo.detection.frame import Frame
from pneumo.scoring._overlays import heat, heat_name


@pytest.mark.parametrize(("rows", "columns"), [(1024, 1024), (800, 1024), (1024, 500)])
def test_the_heat_lies_over_the_radiograph_and_is_as_opaque_as_it_is_probable(
    tmp_path, rows, columns
):
    frame = Frame(rows, columns, 512)
    (top, left), (high, wide) = frame.offset, frame.shape
    probability = np.zeros((128, 128), np.uint8)
    row, column = (top + high // 2) // 4, (left + wide // 2) // 4
    probability[row - 8 : row + 8, column - 8 : column + 8] = 255
    heat(frame, probability).save(tmp_path / "a.png", compress_level=1)
    with Image.open(tmp_path / "a.png") as picture:
        found = np.asarray(picture.convert("RGBA"))
    assert found.shape == (high // 2, wide // 2, 4)
    assert (found[..., :3] == (255, 60, 0)).all()
    middle = found[high // 4, wide // 4, 3]
    assert middle == round(0.45 * 255)
    assert found[0, 0, 3] == 0
    down, across = np.nonzero(found[..., 3] > middle / 2)
    assert down.min() == pytest.approx(high / 4 - 16, abs=2)
    assert across.max() == pytest.approx(wide / 4 + 16, abs=2)
    assert (tmp_path / "a.png").stat().st_size < 10_000


def test_its_name_follows_from_that_of_the_picture():
    assert heat_name("0123.png") == "0123.heat.png"
