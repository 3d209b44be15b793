from dataclasses import replace

import numpy as np
import pandas as pd
import pytest

from pneumo.explore import _compare
from pneumo.explore._compare import of_measure, of_share
from pneumo.explore._survey import survey


@pytest.fixture(scope="module")
def demo_survey(demo_root):
    return survey(demo_root)


def test_two_equal_sets_do_not_differ(demo_survey):
    found = _compare.shifts(demo_survey, demo_survey)
    assert {shift.name for shift in found} >= {"box width", "prevalence", "AP views"}
    assert all(shift.effect == 0 and not shift.clear for shift in found)
    assert _compare.sentence(found).startswith("Nothing differs")


def test_smaller_boxes_are_what_shifted_most(demo_survey):
    boxes = demo_survey.boxes.assign(height=lambda t: t["height"] * 0.3)
    found = _compare.shifts(demo_survey, replace(demo_survey, boxes=boxes))
    assert found[0].name == "box height"
    assert found[0].size == "large"
    assert found[0].second / found[0].first == pytest.approx(0.3)
    assert "What shifted most is the box height" in _compare.sentence(found)
    assert "by a factor of 0.30" in _compare.sentence(found)
    assert _compare.box_sentence(found) == (
        "Median box width by a factor of 1.00 (within chance), box height by a factor of 0.30."
    )


def test_the_effect_of_a_measure_is_cohens_d():
    a, b = pd.Series([0.0, 2.0] * 50), pd.Series([1.0, 3.0] * 50)
    shift = of_measure("size", "mm", a, b)
    assert shift.effect == pytest.approx(1 / np.sqrt(100 / 99))  # both deviate by 1
    assert (shift.first, shift.second, shift.clear, shift.size) == (1, 2, True, "large")


def test_the_effect_of_a_share_is_cohens_h():
    shift = of_share("women", pd.Series([True] * 50 + [False] * 50), pd.Series([True] * 100))
    assert shift.effect == pytest.approx(np.pi / 2)  # 2 asin(1) - 2 asin(sqrt(1/2))
    assert (shift.first, shift.second) == (50, 100)


def test_samples_too_small_or_constant_have_no_effect():
    assert of_measure("x", "", pd.Series([1.0]), pd.Series([1.0, 2.0])) is None
    assert of_measure("x", "", pd.Series([1.0, 1.0]), pd.Series([1.0, 1.0])) is None
    assert of_share("x", pd.Series([], dtype=bool), pd.Series([True])) is None


def test_standardising_takes_out_the_mix_of_views(demo_survey):
    """The second set has the same prevalence in each view, but mostly AP."""
    views = ["PA"] * 80 + ["AP"] * 20, ["PA"] * 20 + ["AP"] * 80
    targets = [[1] * 8 + [0] * 72 + [1] * 10 + [0] * 10, [1] * 2 + [0] * 18 + [1] * 40 + [0] * 40]
    first, second = (
        replace(
            demo_survey, images=pd.DataFrame({"view": view, "target": target}).assign(reason="")
        )
        for view, target in zip(views, targets, strict=True)
    )
    assert second.images["target"].mean() == 0.42
    assert _compare.standardised(first, second) == pytest.approx(first.images["target"].mean())
