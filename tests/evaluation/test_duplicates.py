import io

import numpy as np
import pytest
from PIL import Image

from pneumo.dataset.dataset import IMAGES
from pneumo.dicom import fit, read_radiograph
from pneumo.evaluation.duplicates import same_pictures, shrink


@pytest.fixture(scope="module")
def pictures(demo_root):
    paths = sorted((demo_root / IMAGES).iterdir())[:20]
    return [read_radiograph(path).pixels for path in paths]


def thumbs_of(pictures) -> np.ndarray:
    return np.stack([shrink(fit(picture, 128), 32) for picture in pictures])


def compressed(pixels: np.ndarray) -> np.ndarray:
    buffer = io.BytesIO()
    Image.fromarray(pixels).save(buffer, "JPEG", quality=40)
    return np.asarray(Image.open(buffer))


def brightened(pixels: np.ndarray) -> np.ndarray:
    return np.clip(pixels.astype(float) * 1.1 + 8, 0, 255).astype(np.uint8)


@pytest.mark.parametrize("changed", [np.copy, compressed, brightened])
def test_a_picture_is_found_again(pictures, changed):
    assert same_pictures(thumbs_of([*pictures, changed(pictures[7])])) == [[7, 20]]


def test_different_radiographs_are_different(pictures):
    assert same_pictures(thumbs_of(pictures)) == []


def test_groups_are_joined_across_blocks(pictures, monkeypatch):
    monkeypatch.setattr("pneumo.evaluation.duplicates.ROWS_AT_ONCE", 4)
    rows = [0, 1, 2, 3, 4, 0, 6, 7, 8, 1, 10, 0]
    assert same_pictures(thumbs_of([pictures[row] for row in rows])) == [[0, 5, 11], [1, 9]]


def test_flat_pictures_are_no_copies_of_each_other():
    assert same_pictures(np.zeros((5, 32, 32), np.uint8)) == []
