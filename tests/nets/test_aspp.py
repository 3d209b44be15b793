import itertools

import keras
import numpy as np
import pytest

from pneumo.nets._aspp import pyramid, rates


@pytest.mark.parametrize(
    ("side", "expected"),
    [
        (2, [1]),  # 32 px: one rate fits
        (4, [1, 2, 3]),  # 64 px
        (8, [2, 3, 5]),  # 128 px: 8 would see its centre only
        (16, [3, 6, 9]),  # 256 px
        (32, [6, 12, 18]),  # 512 px: as published
    ],
)
def test_rates_are_the_published_ones_scaled_to_the_map(side, expected):
    assert rates(side) == expected


@pytest.mark.parametrize("side", [4, 8, 16])
def test_every_branch_sees_a_different_neighbourhood(side):
    x = keras.Input((side, side, 1))
    whole = keras.Model(x, pyramid(x, 1, momentum=0.9))
    for layer in whole.layers:
        if isinstance(layer, keras.layers.Conv2D):
            layer.kernel.assign(np.ones(layer.kernel.shape))
    names = [f"aspp_{name}_relu" for name in ("point", *(f"rate{r}" for r in rates(side)))]
    ends = [*names, "aspp_image_enlarge"]
    branches = keras.Model(x, [whole.get_layer(name).output for name in ends])
    impulses = np.eye(side * side, dtype="float32").reshape(-1, side, side, 1)
    seen = [output > 0 for output in branches.predict(impulses, verbose=0)]
    for one, other in itertools.combinations(seen, 2):
        assert (one != other).any()
    widths = [branch.sum() for branch in seen]
    assert widths[0] == side * side  # the 1 x 1 branch: each pixel itself
    assert min(widths[1:-1]) > widths[0]  # no dilated branch is a 1 x 1 in disguise
    assert widths[-1] == side**4  # the image branch: every pixel sees all
