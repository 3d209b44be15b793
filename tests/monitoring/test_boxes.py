"""What readers draw: boxes around regions of any kind, cut to the radiograph, refused if none."""

import json
from math import cos, pi, sin

import numpy as np
import pytest

from pneumo.base.errors import DataError
from pneumo.monitoring._boxes import inside
from pneumo.monitoring._structured import read_report
from pneumo.monitoring._verdicts import read_table
from tests.monitoring.test_structured import KEY, UID, content, library, reader, region, report

NAN, INF = float("nan"), float("inf")


def turned_ellipse(x, y, a, b, degrees) -> tuple[list[float], list[float]]:
    """Ends of the axes of a turned ellipse, and the box around points along its edge."""
    t = degrees * pi / 180
    along, across = (a * cos(t), a * sin(t)), (-b * sin(t), b * cos(t))
    ends = [
        end
        for dx, dy in (along, across)
        for sign in (-1, 1)
        for end in (x + sign * dx, y + sign * dy)
    ]
    way = np.linspace(0, 2 * pi, 20001)
    xs = x + along[0] * np.cos(way) + across[0] * np.sin(way)
    ys = y + along[1] * np.cos(way) + across[1] * np.sin(way)
    return ends, [xs.min(), ys.min(), np.ptp(xs), np.ptp(ys)]


TURNED, AROUND = turned_ellipse(60, 50, 30, 10, 35)


@pytest.mark.parametrize(
    ("kind", "points", "box"),
    [
        ("CIRCLE", [5, 5, 50, 5], [-40, -40, 90, 90]),
        ("CIRCLE", [50, 50, 53, 54], [45, 45, 10, 10]),
        ("ELLIPSE", [10, 30, 50, 30, 30, 20, 30, 40], [10, 20, 40, 20]),
        ("ELLIPSE", TURNED, AROUND),
        ("POLYLINE", [10, 20, 40, 20, 40, 60, 10, 60, 10, 20], [10, 20, 30, 40]),
        ("POLYLINE", [10, 20, 40, 25, 30, 60, 10, 20], [10, 20, 30, 40]),
        ("POLYLINE", [10, 20, 40, 25, 30, 60], [10, 20, 30, 40]),
        ("MULTIPOINT", [1, 2, 3, 5, 2, 4], [1, 2, 2, 3]),
    ],
    ids=["circle", "circle aslant", "ellipse", "ellipse turned", "rectangle", "polygon", "open",
         "points"],
)  # fmt: skip
def test_of_each_kind_of_region_the_box_is_around_all_of_it(tmp_path, kind, points, box):
    path = report(tmp_path / "r.dcm", reader(), library(UID), region(UID, kind, points))
    (verdict,) = read_report(path, KEY)
    assert verdict.verdict == "opacity"
    (found,) = verdict.boxes
    assert found == pytest.approx(box, abs=1e-4)


@pytest.mark.parametrize(
    ("kind", "points", "said"),
    [
        ("CIRCLE", [50, 50, 50, 50], "no area"),
        ("CIRCLE", [50, 50, NAN, 50], "no place"),
        ("CIRCLE", [50, 50, 60, 50, 70, 50], "its kind does not take"),
        ("ELLIPSE", [10, 30, 50, 30, 30, 30, 30, 30], "no area"),
        ("ELLIPSE", [10, 30, 50, 30], "its kind does not take"),
        ("ELLIPSE", [10, 30, INF, 30, 30, 20, 30, 40], "no place"),
        ("POLYLINE", [10, 20, 40, 20, 70, 20], "no area"),
        ("POLYLINE", [10, 20, 10, 20], "no area"),
        ("POLYLINE", [10, 20, 40, 20, 40, NAN, 10, 60], "no place"),
        ("POLYLINE", [10, 20, 40], "its kind does not take"),
        ("POLYLINE", [10, 20, 4e9, 60], "no place"),
    ],
)
def test_a_region_without_a_place_or_an_area_refuses_its_report(tmp_path, kind, points, said):
    path = report(tmp_path / "r.dcm", reader(), library(UID), region(UID, kind, points))
    with pytest.raises(DataError, match=said) as refused:
        read_report(path, KEY)
    assert str(refused.value).startswith(f"{path}: ")
    assert "\n" not in str(refused.value)


def test_a_line_that_was_measured_need_not_have_an_area(tmp_path):
    group = region(UID, "CIRCLE", [50, 50, 60, 50])
    line = region(UID, "POLYLINE", [40, 50, 60, 50]).ContentSequence[1]
    group.ContentSequence.append(content("NUM", ("103339001", "SCT"), [line]))
    path = report(tmp_path / "r.dcm", reader(), library(UID), group)
    assert [one.boxes for one in read_report(path, KEY)] == [[[40, 40, 20, 20]]]


def table(path, boxes: str):
    cell = '"' + boxes.replace('"', '""') + '"'
    path.write_text(f"content,reader,verdict,boxes\n{'a' * 64},A,opacity,{cell}\n")
    return path


@pytest.mark.parametrize(
    ("boxes", "read"),
    [
        ([[-5, 10, 20.5, 30]], [[-5, 10, 20.5, 30]]),
        ([{"x": 1, "y": 2, "width": 3, "height": 4}], [[1, 2, 3, 4]]),
        ([["1", "2", "3", "4"], [0.1, 0.2, 30.3, 0.4e1]], [[1, 2, 3, 4], [0.1, 0.2, 30.3, 4]]),
    ],
)
def test_boxes_of_a_table_are_taken_as_they_were_drawn(tmp_path, boxes, read):
    (verdict,) = read_table(table(tmp_path / "t.csv", json.dumps(boxes)), KEY)
    assert verdict.boxes == read


@pytest.mark.parametrize(
    ("boxes", "said"),
    [
        ("[[1, 2, 0, 4]]", "no area"),
        ("[[1, 2, 3, -4]]", "no area"),
        ("[[0.1, 0.2, 0.3, 0.4]]", "no area"),  # shares of the sides
        ("[[NaN, 2, 3, 4]]", "no place"),
        ("[[1, 2, Infinity, 4]]", "no place"),
        ("[[1, 2, 1e300, 4]]", "no place"),
        (f"[[1{'0' * 400}, 2, 3, 4]]", "must be JSON"),
        ("[[1, 2, 3]]", "must be JSON"),
        ("[" * 9000, "must be JSON"),
        ('[{"x": 1}]', "must be JSON"),
        ("[[1, 2, [3], null]]", "must be JSON"),
        ("{'x': 1}", "must be JSON"),
    ],
)
def test_a_box_of_a_table_that_is_none_refuses_the_table(tmp_path, boxes, said):
    with pytest.raises(DataError, match=said) as refused:
        read_table(table(tmp_path / "t.csv", boxes), KEY)
    assert "line 2: " in str(refused.value)
    assert "\n" not in str(refused.value)


def test_a_cell_that_no_table_has_refuses_the_table_in_a_line(tmp_path):
    with pytest.raises(DataError, match="line 2: is no line of a CSV"):
        read_table(table(tmp_path / "t.csv", "[" * 200_000), KEY)


@pytest.mark.parametrize(
    ("box", "left"),
    [
        ([-40, -40, 90, 90], [0, 0, 50, 50]),
        ([90.5, 60, 20, 30], [90.5, 60, 9.5, 20]),
        ([-10, -10, 500, 500], [0, 0, 100, 80]),
        ([0.1, 0.2, 10.7, 20.3], [0.1, 0.2, 10.7, 20.3]),
        ([100, 10, 5, 5], None),
        ([10, -20, 5, 20], None),
        ([-20, 10, 20.5, 20], None),
    ],
)
def test_what_reaches_outside_is_cut_off_and_what_is_outside_is_no_box(box, left):
    assert inside(box, rows=80, columns=100) == (left and pytest.approx(left))
