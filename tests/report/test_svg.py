"""Charts as SVG."""

from xml.etree import ElementTree

import pytest

from pneumo.report._svg import BOTTOM, LEFT, RIGHT, TOP, Axis, Series, chart

UNIT = Axis("share", (0, 0.5, 1))


def drawn(*series, across=UNIT):
    return ElementTree.fromstring(chart("A & B <chart>", across, UNIT, series))


def test_a_chart_is_well_formed_and_escapes_its_title():
    assert drawn().get("aria-label") == "A & B <chart>"


def test_points_lie_where_their_axes_say():
    line = drawn(Series("one", [(0, 0), (1, 1)])).find("polyline")
    assert line.get("points") == f"{LEFT}.0,{BOTTOM}.0 {RIGHT}.0,{TOP}.0"


@pytest.mark.parametrize(("value", "place"), [(0.125, 0), (1, 0.5), (8, 1)])
def test_a_logarithmic_axis_gives_equal_room_to_equal_ratios(value, place):
    assert Axis("rate", (0.125, 1, 8), log=True).place(value) == pytest.approx(place)


def test_an_interval_is_a_band_behind_a_line_and_a_bar_through_a_dot():
    points, bounds = [(0, 0.5), (1, 0.5)], [[0.4, 0.6], [None, None]]
    assert drawn(Series("one", points, bounds=bounds)).find("polygon") is not None
    dots = drawn(Series("one", points, "dots", bounds=bounds))
    bars = [path for path in dots.findall("path") if "bar" in path.get("class")]
    assert (len(dots.findall("circle")), len(bars)) == (2, 1)


def test_a_point_beyond_the_axes_stays_on_the_edge():
    line = drawn(Series("one", [(2, 3)])).find("polyline")
    assert line.get("points") == f"{RIGHT}.0,{TOP}.0"
