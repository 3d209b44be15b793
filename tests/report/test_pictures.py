"""Pictures of the page, read back by Pillow, and shapes drawn by hand."""

import base64
import io

import numpy as np
import pytest
from PIL import Image

from pneumo.report import pictures


def picture_of(url: str) -> np.ndarray:
    kind, _, data = url.partition(";base64,")
    assert kind == "data:image/jpeg"
    return np.asarray(Image.open(io.BytesIO(base64.b64decode(data))), float)


def test_a_picture_is_read_back_from_its_url():
    ramp = np.tile(np.arange(0, 256, 4, dtype=np.uint8), (64, 1))
    assert np.abs(picture_of(pictures.jpeg_url(ramp)) - ramp).mean() < 2


def test_heat_is_where_boxes_lie_and_the_ground_stays_grey():
    coverage = np.zeros((8, 8))
    coverage[:, 4:] = 0.5
    shown = picture_of(pictures.heat_map(np.full((8, 8), 100.0), coverage, largest=0.5))
    cold, hot = shown[180:200, 40:60].mean((0, 1)), shown[180:200, 320:340].mean((0, 1))
    assert cold == pytest.approx([190, 190, 190], abs=4)  # the brightest of the ground
    full = 0.85 * np.array([255, 140, 26]) + 0.15 * 190
    assert hot == pytest.approx(np.minimum(full, 255), abs=4)


def test_cells_of_a_histogram_begin_at_the_bottom_and_rare_ones_show():
    density = np.array([[4.0, 0.0], [0.0, 1.0]])
    assert pictures.squares(density, side=10) == [
        {"x": 0.0, "y": 5.0, "side": 5.0, "opacity": 1.0},
        {"x": 5.0, "y": 0.0, "side": 5.0, "opacity": 0.5},
    ]


def test_an_outline_is_closed_along_its_base():
    said = pictures.outline([0.5, 1.0], width=20, height=10, largest=1.0)
    assert said == "0.0,10.0 0.0,5.0 10.0,5.0 10.0,0.0 20.0,0.0 20.0,10.0"
