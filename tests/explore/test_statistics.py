import numpy as np
import pandas as pd
import pytest

from pneumo.explore import _statistics as stats


def boxes_of(*rows: tuple) -> pd.DataFrame:
    table = pd.DataFrame(rows, columns=["image", "x", "y", "width", "height"])
    return table.assign(width_px=table["width"] * 1000, height_px=table["height"] * 1000)


def test_ages_fall_into_bands_and_errors_into_one_of_their_own():
    years = pd.Series([0.5, 18, 59.9, 80, 120, 148, None])
    assert stats.age_bands(years).tolist() == [
        "0-17", "18-39", "40-59", "80+", "80+", "over 120", "unknown"
    ]  # fmt: skip


def test_blank_views_are_unknown():
    assert stats.named(pd.Series(["AP", "", None, " "])).tolist() == ["AP", *["unknown"] * 3]


@pytest.mark.parametrize(
    ("part", "total", "interval"),
    [
        (0, 0, (0, 1)),
        (0, 10, (0, 0.278)),  # Wilson: never a width of zero
        (5, 10, (0.237, 0.763)),
        (500, 1000, (0.469, 0.531)),
    ],
)
def test_the_interval_of_a_share(part, total, interval):
    assert stats.wilson(part, total) == pytest.approx(interval, abs=1e-3)


def test_prevalence_by_group_in_the_order_asked_for():
    groups, target = pd.Series(list("bbaaac")), pd.Series([1, 0, 1, 1, 0, 0])
    rows = stats.prevalence(groups, target, ("c", "b"))
    assert [(r["group"], r["images"], r["positive"]) for r in rows] == [
        ("c", 1, 0), ("b", 2, 0.5), ("a", 3, 2 / 3)
    ]  # fmt: skip
    assert sum(r["share"] for r in rows) == 1


def test_auc_counts_ties_half():
    assert stats.auc(np.array([1, 2, 3, 4]), np.array([0, 0, 1, 1])) == 1
    assert stats.auc(np.array([1, 1, 1, 1]), np.array([0, 0, 1, 1])) == 0.5
    assert stats.auc(np.array([1, 2]), np.array([1, 1])) == 0.5


def test_a_group_that_tells_the_label_is_a_shortcut():
    target = pd.Series([1, 1, 1, 0, 0, 0])
    assert stats.shortcut(pd.Series(list("aaabbb")), target) == 1
    assert stats.shortcut(pd.Series(list("ababab")), target) == pytest.approx(2 / 3)


def test_boxes_are_counted_per_positive_image():
    boxes = boxes_of((0, 0, 0, 0.1, 0.1), (0, 0.5, 0, 0.1, 0.1), (3, 0, 0, 0.1, 0.1))
    assert stats.boxes_per_image(boxes, [0, 3, 7]) == {0: 1, 1: 1, 2: 1}


def test_the_heat_map_covers_the_boxes_and_nothing_else():
    heat = stats.coverage(boxes_of((0, 0.25, 0.5, 0.5, 0.25), (1, 0.25, 0.5, 0.25, 0.5)), 2, 4)
    assert heat.tolist() == [[0, 0, 0, 0], [0, 0, 0, 0], [0, 1, 0.5, 0], [0, 0.5, 0, 0]]


def test_a_box_beyond_the_edge_is_cut_and_no_boxes_give_zeros():
    assert stats.coverage(boxes_of((0, -1, -1, 9, 9)), 1, 2).tolist() == [[1, 1], [1, 1]]
    assert stats.coverage(boxes_of(), 0, 2).sum() == 0
    assert stats.size_density(boxes_of()).sum() == 0
    assert np.isnan(stats.quantiles(boxes_of()["width"])).all()


def test_box_measures_are_in_percent_and_the_shape_in_pixels():
    box = boxes_of((0, 0, 0, 0.2, 0.4))
    assert stats.box_measures(box).iloc[0].tolist() == pytest.approx([20, 40, 8, 2])
