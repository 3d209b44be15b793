"""Timelines: intervals as they are published, gaps as gaps, and a page that stays small."""

import re

import pytest

from pneumo.report.timelines import MOST_POINTS, Line, few, timeline, wilson


@pytest.mark.parametrize(
    ("count", "total", "low", "high"),
    [(8, 10, 0.4902, 0.9433), (0, 20, 0.0, 0.1611), (50, 100, 0.4038, 0.5962)],
)  # statsmodels' proportion_confint(method="wilson")
def test_wilsons_interval(count, total, low, high):
    assert wilson(count, total) == pytest.approx((low, high), abs=1e-4)


@pytest.mark.parametrize(
    ("count", "shown"),
    [(0, "0"), (1, "fewer than 5"), (4, "fewer than 5"), (5, "5"), (1234, "1,234")],
)
def test_small_counts_are_not_shown(count, shown):
    assert few(count) == shown


def days(count: int) -> list[str]:
    return [f"2026-{1 + n // 28 % 12:02}-{1 + n % 28:02}" for n in range(count)]


def test_what_is_not_known_is_a_gap_and_a_lone_window_a_dot():
    values = [1.0, 2.0, None, 1.5, None, 1.0, 1.0]
    drawn = timeline("t", "u", days(7), [Line("a", values)], ticks=[0, 1, 2], limit=1.0)
    lines = re.findall(r'<polyline class="line c0" points="([^"]+)"', drawn.svg)
    assert [len(points.split()) for points in lines] == [2, 2]
    assert drawn.svg.count("<circle") == 1
    assert drawn.svg.count('class="band') == 1
    assert "01-01" in drawn.svg


@pytest.mark.parametrize("count", [0, 1, 2, 5, 3000])
def test_any_number_of_windows_is_drawn_and_many_are_cut(count):
    values = [float(n % 3) for n in range(count)]
    drawn = timeline("t", "u", days(count), [Line("a", values)], ticks=[0, 3], limit=1.0)
    points = re.findall(r'points="([^"]+)"', drawn.svg)
    assert max([len(p.split()) for p in points] + [0]) <= 2 * MOST_POINTS
    assert "nan" not in drawn.svg
    assert len(drawn.svg) < 20_000


def test_titles_are_escaped():
    assert "<b>" not in timeline("<b>", "<b>", days(2), [Line("a", [1, 2])], ticks=[0, 1]).svg
