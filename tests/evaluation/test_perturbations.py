"""Changes that should change nothing."""

import numpy as np
import pytest

from pneumo.evaluation.perturbations import PERTURBATIONS, SAMPLE, contrasted, sample, shifted


@pytest.fixture
def images():
    rng = np.random.default_rng(1)
    smooth = rng.integers(40, 200, (3, 8, 8), np.uint8)
    return smooth.repeat(8, axis=1).repeat(8, axis=2)


@pytest.mark.parametrize("name", PERTURBATIONS)
def test_a_change_keeps_shape_and_type_and_leaves_its_input_alone(name, images):
    before = images.copy()
    changed = PERTURBATIONS[name].change(images)
    assert (changed.shape, changed.dtype) == (images.shape, np.uint8)
    assert (images == before).all()
    assert (changed != images).any()


@pytest.mark.parametrize("name", ["flip", "shift"])
def test_moved_radiographs_are_moved_back(name, images):
    moved = PERTURBATIONS[name]
    there = moved.restore(moved.change(images))
    assert (there[:, 1:-1, 1:-1] == images[:, 1:-1, 1:-1]).all()


def test_a_shift_is_two_percent_of_the_side_but_at_least_a_pixel():
    values = np.zeros((1, 100, 100), np.uint8)
    values[0, 50, 50] = 9
    assert np.argwhere(shifted(values)).tolist() == [[0, 52, 52]]
    assert np.argwhere(shifted(values[:, 34:66, 34:66])).tolist() == [[0, 17, 17]]


def test_contrast_keeps_the_mean_and_never_wraps():
    image = np.array([[[0, 255], [100, 145]]], np.uint8)
    assert contrasted(image)[0].tolist() == [[0, 255], [96, 148]]


def test_the_sample_is_spread_over_all_images_and_never_repeats():
    assert sample(5).tolist() == [0, 1, 2, 3, 4]
    assert sample(0).tolist() == []
    places = sample(1000)
    assert (len(places), places[0], places[-1]) == (SAMPLE, 0, 999)
