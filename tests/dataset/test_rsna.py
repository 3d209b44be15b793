import csv

import pytest
from hypothesis import given
from hypothesis import strategies as st

from pneumo.base.errors import DataError
from pneumo.dataset.rsna import (
    THRESHOLDS,
    format_submission,
    image_precision,
    mean_average_precision,
    read_labels,
    read_submission,
)
from pneumo.detection.boxes import Box

HERE, THERE = Box(0, 0, 100, 100), Box(500, 500, 100, 100)
SIDES = st.integers(1, 200).map(float)
BOX = st.builds(Box, SIDES, SIDES, SIDES, SIDES, st.integers(1, 99).map(lambda n: n / 100))
BOXES = st.lists(BOX, max_size=4, unique_by=lambda box: box.confidence)


@pytest.mark.parametrize(
    ("truth", "found", "expected"),
    [
        ([], [], None),
        ([], [HERE], 0.0),
        ([HERE], [], 0.0),
        ([HERE], [HERE], 1.0),
        ([HERE], [THERE], 0.0),
        ([HERE], [Box(0, 0, 100, 60)], 4 / 8),  # IoU 0.60 clears .40 .45 .50 .55
        ([HERE], [Box(0, 0, 100, 40)], 0.0),  # IoU 0.40 does not exceed 0.40
        ([HERE, THERE], [HERE], 1 / 2),
        ([HERE], [HERE, THERE], 1 / 2),
        ([HERE], [HERE, HERE], 1 / 2),  # the second call finds no free truth
        # the surer call takes the truth first, though the other overlaps more
        ([HERE], [Box(0, 0, 100, 60, 0.9), Box(0, 0, 100, 100, 0.8)], 1 / 2),
    ],
)
def test_precision_of_one_radiograph(truth, found, expected):
    assert image_precision(truth, found) == (
        expected if expected is None else pytest.approx(expected)
    )


def test_thresholds_are_the_eight_of_the_challenge():
    assert THRESHOLDS == (0.40, 0.45, 0.50, 0.55, 0.60, 0.65, 0.70, 0.75)


def test_healthy_images_without_calls_are_left_out_of_the_mean():
    truth = {"a": [HERE], "b": [], "c": []}
    assert mean_average_precision(truth, {"a": [HERE]}) == 1.0
    assert mean_average_precision(truth, {"a": [HERE], "b": [HERE]}) == 0.5


def test_an_empty_submission_scores_zero():
    assert mean_average_precision({"a": [HERE], "b": []}, {}) == 0.0


@given(BOXES, BOXES, st.randoms(use_true_random=False))
def test_the_order_of_boxes_changes_nothing(truth, found, random):
    shuffled_truth, shuffled_found = list(truth), list(found)
    random.shuffle(shuffled_truth)
    random.shuffle(shuffled_found)
    assert image_precision(truth, found) == image_precision(shuffled_truth, shuffled_found)


@given(BOXES.filter(len), BOXES)
def test_a_false_call_never_helps(truth, found):
    before = image_precision(truth, found)
    assert image_precision(truth, [*found, Box(9000, 9000, 5, 5, 0.001)]) <= before


def test_a_submission_comes_back_as_it_was_written(tmp_path):
    found = {"b": [Box(1, 2, 3, 4, 0.5), Box(5, 6, 7, 8, 0.75)], "a": []}
    path = tmp_path / "submission.csv"
    path.write_text(format_submission(found))
    assert read_submission(path) == {"a": [], "b": [found["b"][1], found["b"][0]]}


@pytest.mark.parametrize(
    ("line", "complaint"),
    [
        ("a,0.5 1 2 3", "4 numbers"),
        ("a,0.5 1 2 3 nan", "not finite"),
        ("a,0.5 1 2 0 4", "no area"),
        ("a,0.5 1 2 x 4", "could not convert"),
        ("a,\na,", "stands twice"),
        ("a,100 200 300 250 0.9", r"confidence 100 is over 1; write confidence x y width height"),
        ("a,0.5 1 2 3 4 1.01 1 2 3 4", "confidence 1.01 is over 1"),
        ("a,-0.5 1 2 3 4", "confidence -0.5 is under 0"),
    ],
)
def test_a_wrong_submission_is_refused_with_its_line(tmp_path, line, complaint):
    path = tmp_path / "submission.csv"
    path.write_text(f"patientId,PredictionString\n{line}\n")
    with pytest.raises(DataError, match=f"line [23].*{complaint}"):
        read_submission(path)


@pytest.mark.parametrize(
    "line",
    [
        "a,0.5 0.1 0.2 0.3 0.25",  # shares of the picture
        "a,0 0 100 200 0.9",  # the confidence stands last, and x is 0
    ],
)
def test_boxes_that_are_no_pixels_are_refused(tmp_path, line):
    path = tmp_path / "submission.csv"
    path.write_text(f"patientId,PredictionString\n{line}\nb,\n")
    with pytest.raises(DataError, match=r"all boxes are at most 1 px .* in pixels"):
        read_submission(path)


NAMES = st.text(
    st.characters(codec="utf-8", exclude_characters="\0") | st.sampled_from(' ,;"\r\n\t-=+@\'~'),
    min_size=1,
)  # fmt: skip


@given(st.dictionaries(NAMES, BOXES, min_size=1))
def test_whatever_images_are_called_a_submission_comes_back(tmp_path_factory, found):
    found[min(found)] = [*found[min(found)], Box(0, 0, 2, 2, 0.995)]  # not all within one pixel
    path = tmp_path_factory.mktemp("names") / "submission.csv"
    with path.open("w", newline="", encoding="utf-8") as file:
        file.write(format_submission(found))
    assert set(read_submission(path)) == set(found)
    with path.open(newline="", encoding="utf-8") as file:  # as Python's own reader sees it
        assert [row[0] for row in csv.reader(file)][1:] == sorted(found)


@pytest.mark.parametrize("name", ["-a", "=1+1", "+a", "@a", "'a", "plain"])
def test_an_id_that_needs_no_quotes_stands_as_it_is(name):
    assert format_submission({name: []}).splitlines()[1] == f"{name},"


def test_labels_of_an_image_without_opacity_are_an_empty_list(tmp_path):
    path = tmp_path / "labels.csv"
    path.write_text("patientId,x,y,width,height,Target\na,,,,,0\n007,1,2,3,4,1\n007,5,6,7,8,1\n")
    assert read_labels(path) == {"a": [], "007": [Box(1, 2, 3, 4), Box(5, 6, 7, 8)]}
