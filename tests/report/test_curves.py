"""The curves of a report."""

import pandas as pd
import pytest

from pneumo.base.errors import DataError
from pneumo.report.curves import MOST_POINTS, _thinned, _ticks, read_histories


@pytest.mark.parametrize(
    ("largest", "ticks"),
    [(1.0, [0, 0.2, 0.4, 0.6, 0.8, 1]), (0.34, [0, 0.1, 0.2, 0.3, 0.4]), (2.6, [0, 1, 2, 3])],
)
def test_ticks_are_round_and_reach_the_largest_value(largest, ticks):
    assert _ticks(largest) == ticks


def test_a_long_curve_is_thinned_and_keeps_its_ends():
    table = _thinned(pd.DataFrame({"x": range(5000)}))
    assert (len(table), table["x"].iloc[0], table["x"].iloc[-1]) == (MOST_POINTS, 0, 4999)


def test_a_network_without_history_is_named(tmp_path):
    with pytest.raises(DataError, match="run `pneumo train unet_vgg19`"):
        read_histories(tmp_path, ["unet_vgg19"])
