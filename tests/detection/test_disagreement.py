"""How far networks are apart: a weighted deviation per pixel, where it is largest."""

import numpy as np
import pytest

from pneumo.detection.disagreement import disagreement_of, spread
from pneumo.detection.ensemble import blend


def maps(*levels: float, side: int = 32) -> dict[str, np.ndarray]:
    return {f"n{n}": np.full((2, side, side), level, np.float32) for n, level in enumerate(levels)}


def apart(found: dict[str, np.ndarray], weights: dict[str, float]) -> list[float]:
    return disagreement_of(found, weights, blend(found, weights)).tolist()


@pytest.mark.parametrize(
    ("levels", "shares", "right"),
    [
        ((0.2, 0.6), (0.25, 0.75), 0.17320508),  # blend 0.5: the root of .25 x .09 + .75 x .01
        ((0.0, 1.0), (0.5, 0.5), 0.5),  # the most there is
        ((0.3, 0.3, 0.3), (0.2, 0.3, 0.5), 0.0),
        ((0.9,), (1.0,), 0.0),  # a network alone
        ((0.1, 0.9, 0.5), (0.0, 0.0, 1.0), 0.0),  # alone again: weights of zero do not count
    ],
)
def test_it_is_the_weighted_deviation_around_the_blend(levels, shares, right):
    weights = {f"n{n}": share for n, share in enumerate(shares)}
    assert apart(maps(*levels), weights) == pytest.approx([right, right], abs=1e-6)


@pytest.mark.parametrize(("cells", "right"), [(1, 0.1), (5, 0.5), (9, 0.5)])
def test_the_five_cells_count_in_which_the_networks_are_most_apart(cells, right):
    found = maps(0.0, 0.0, side=64)
    for cell in range(cells):
        found["n1"][0, 4 * cell : 4 * cell + 4, 8:12] = 1.0
    assert apart(found, {"n0": 0.5, "n1": 0.5}) == pytest.approx([right, 0.0], abs=1e-6)


def test_the_order_of_the_networks_and_a_mirror_change_nothing():
    chance = np.random.default_rng(4)
    found = {name: chance.random((3, 32, 32), np.float32) for name in "abc"}
    weights = {"a": 0.5, "b": 0.2, "c": 0.3}
    turned = {name: found[name][..., ::-1] for name in "cab"}
    shares = {name: weights[name] for name in "cab"}
    assert apart(turned, shares) == pytest.approx(apart(found, weights), abs=1e-6)
    assert spread(found, weights, blend(found, weights)).max() <= 0.5
