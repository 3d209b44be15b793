"""Features against the same figures by NumPy alone, and pictures that have none."""

import time

import numpy as np
import pytest

from pneumo.intake.features import NAMES, WORDS, features, is_blank
from pneumo.intake.thumbnails import thumbnail


def measured(picture: np.ndarray) -> dict[str, float]:
    return dict(zip(NAMES, features(picture, thumbnail(picture)).tolist(), strict=True))


@pytest.fixture(scope="module")
def picture() -> np.ndarray:
    chance = np.random.default_rng(3)
    ramp = np.linspace(20, 200, 128)[:, None] + 15 * np.sin(np.arange(128) / 9)
    return np.clip(ramp + chance.normal(0, 6, (128, 128)), 0, 255).astype(np.uint8)


def test_there_are_28_and_each_has_words():
    assert len(NAMES) == len(set(NAMES)) == len(set(WORDS.values())) == 28


def test_levels_are_those_of_the_pixels(picture):
    found, grey = measured(picture), picture / 255
    assert found["mean"] == pytest.approx(grey.mean(), abs=1e-5)
    assert found["spread"] == pytest.approx(grey.std(), abs=1e-5)
    for name, share in (("q01", 0.01), ("q25", 0.25), ("q50", 0.5), ("q99", 0.99)):
        right = np.quantile(grey, share, method="inverted_cdf")
        assert found[name] == pytest.approx(right, abs=1e-5)
    assert found["black"] ** 2 == pytest.approx((picture <= 3).mean(), abs=1e-5)
    assert found["levels"] == pytest.approx(len(np.unique(picture)) / 256)


def test_places_and_likeness_are_those_of_block_means(picture):
    found, small = measured(picture), picture.reshape(32, 4, 32, 4).mean(axis=(1, 3)) / 255
    assert found["top"] == pytest.approx(small[:10].mean() - small.mean(), abs=3e-3)
    assert found["left"] == pytest.approx(small[:, :10].mean() - small.mean(), abs=3e-3)
    right = np.corrcoef(small.ravel(), small[:, ::-1].ravel())[0, 1]
    assert found["symmetry"] == pytest.approx(right, abs=5e-3)


def test_texture_is_that_of_neighbours(picture):
    found, p = measured(picture), picture.astype(int)
    across = np.abs(p[:, 1:] - p[:, :-1])
    assert found["edges"] == pytest.approx(np.log(across.mean()), abs=1e-4)
    down = np.abs(p[1:] - p[:-1]).mean()
    assert found["grain"] == pytest.approx(np.log(down / across.mean()), abs=1e-4)
    assert found["flat"] ** 2 == pytest.approx((across == 0).mean(), abs=1e-4)


def test_bands_without_a_picture_are_counted():
    picture = np.random.default_rng(0).integers(0, 255, (100, 100)).astype(np.uint8)
    picture[:16] = picture[-9:] = 4
    found = measured(picture)
    assert found["even_rows"] ** 2 == pytest.approx(0.25, abs=1e-4)
    assert found["even_columns"] == 0


@pytest.mark.parametrize("shape", [(1, 1), (1, 64), (64, 1), (2, 2), (33, 7), (700, 500)])
@pytest.mark.parametrize("level", [0, 128, 255])
def test_constant_pictures_of_any_size_have_finite_features_and_are_blank(shape, level):
    picture = np.full(shape, level, np.uint8)
    found = features(picture, thumbnail(picture))
    assert np.isfinite(found).all()
    assert is_blank(found)


def test_a_picture_is_not_blank(picture):
    assert not is_blank(features(picture, thumbnail(picture)))


@pytest.mark.parametrize("size", [64, 256, 512])
def test_features_take_less_than_three_milliseconds(size):
    picture = np.random.default_rng(0).integers(0, 255, (size, size)).astype(np.uint8)
    times = []
    for _ in range(15):
        began = time.process_time()
        features(picture, thumbnail(picture))
        times.append(time.process_time() - began)
    assert min(times) < 0.003
