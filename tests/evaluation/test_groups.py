"""Figures by group, on a table of cases that can be counted by hand."""

import numpy as np
import pandas as pd
import pytest

from pneumo.dataset.rsna import CLASSES
from pneumo.evaluation._groups import group_table, healthy_table, worst
from pneumo.evaluation.bootstrap import draw_people, with_all

NORMAL, HARD, OPACITY = CLASSES


def case(view, truth, found, precision, probability, of_class=None, area=100.0):
    return {
        "class": of_class or (OPACITY if truth else NORMAL),
        "view": view,
        "sex": "F",
        "age": 50.0,
        "truth_boxes": truth,
        "truth_area_px": area if truth else np.nan,
        "found_boxes": found,
        "precision": precision,
        "probability": probability,
    }


@pytest.fixture(scope="module")
def cases():
    """AP is found well; PA badly, and its hard negative is called."""
    rows = [
        *[case("AP", 1, 1, 0.8, 0.9, area=900.0)] * 6,
        *[case("AP", 0, 0, np.nan, 0.1)] * 6,
        *[case("PA", 1, 0, 0.0, 0.2, area=100.0)] * 2,
        *[case("PA", 2, 1, 0.4, 0.6, area=400.0)] * 4,
        *[case("PA", 0, 1, 0.0, 0.7, HARD)] * 4,
        *[case("PA", 0, 0, np.nan, 0.1)] * 2,
    ]
    return pd.DataFrame(rows).assign(person=range(len(rows)))


@pytest.fixture(scope="module")
def draws(cases):
    return with_all(draw_people(cases["person"].to_numpy(), 200, seed=1))


def by_name(rows):
    return {row["group"]: row for row in rows}


def test_each_group_is_measured_on_its_own_images(cases, draws):
    rows = by_name(group_table(cases, draws, 10)["people"])
    ap, pa = rows["view AP"], rows["view PA"]
    assert (ap["images"], ap["positives"], ap["people"]) == (12, 6, 12)
    assert ap["map"]["value"] == pytest.approx(0.8)
    assert pa["map"]["value"] == pytest.approx((4 * 0.4) / 10)  # healthy and called counts 0
    assert pa["gap"]["value"] == pytest.approx(0.16 - 0.8)
    assert pa["gap"]["high"] < 0
    assert (pa["sensitivity"]["value"], pa["specificity"]["value"]) == pytest.approx((4 / 6, 2 / 6))
    assert ap["auroc"]["value"] == 1


def test_small_groups_are_marked_and_never_the_worst(cases, draws):
    marked = group_table(cases, draws, 13)["people"]
    assert by_name(marked)["view PA"]["small"]
    assert worst(marked)["group"] == "sex F"
    assert worst(group_table(cases, draws, 12)["people"])["group"] == "view PA"
    assert worst([]) is None


def test_a_group_nobody_is_in_has_no_figures(cases, draws):
    empty = by_name(group_table(cases, draws, 5)["people"])["sex M"]
    assert empty["images"] == 0
    assert empty["map"] == {"value": None, "low": None, "high": None}


def test_findings_are_compared_with_all_healthy_radiographs(cases, draws):
    rows = by_name(group_table(cases, draws, 5)["findings"])
    thirds = ("small boxes", "medium boxes", "large boxes")
    assert [rows[name]["images"] for name in thirds] == [6, 6, 0]  # equal areas stay together
    two = rows["two boxes"]
    assert two["images"] == two["positives"] == 4
    assert two["auroc"]["value"] == pytest.approx(8 / 12)  # above eight healthy ones, below four


def test_hard_negatives_stand_beside_normals(cases, draws):
    hard, normal = healthy_table(cases, draws, 5)
    assert (hard["images"], hard["calls"]["value"], hard["small"]) == (4, 1.0, True)
    assert (normal["images"], normal["calls"]["value"], normal["small"]) == (8, 0.0, False)
    assert normal["auroc"]["value"] == 1
    assert hard["auroc"]["value"] == 0.5  # six of twelve opacities are above 0.7
