import numpy as np
from hypothesis import given
from hypothesis import strategies as st

from bench.plain import hits, precision, ranked
from pneumo.dataset.rsna import mean_precision_by_threshold, precision_of
from pneumo.detection.boxes import Box
from pneumo.detection.matching import THRESHOLDS, hits_of, precision_rows, table_of

HERE = Box(0, 0, 100, 100)
SIDES = st.integers(0, 8).map(lambda n: n * 10.0)
LENGTHS = st.integers(4, 12).map(lambda n: n * 10.0)
BOX = st.builds(Box, SIDES, SIDES, LENGTHS, LENGTHS, st.sampled_from([0.2, 0.5, 0.5, 0.9]))
IMAGES = st.lists(st.tuples(st.lists(BOX, max_size=4), st.lists(BOX, max_size=5)), max_size=6)


@given(IMAGES)
def test_many_images_at_once_score_as_a_plain_loop_over_each(images):
    rows = precision_of([truth for truth, _ in images], [found for _, found in images])
    assert len(rows) == len(images)
    for row, (truth, found) in zip(rows, images, strict=True):
        assert np.array_equal(row, precision(truth, found) or [np.nan] * 8, equal_nan=True)


@given(IMAGES, st.sampled_from([0.2, 0.4, 0.75, 0.9]))
def test_each_call_hits_where_the_plain_loop_says(images, threshold):
    found = [ranked(calls) for _, calls in images]
    told = hits_of([truth for truth, _ in images], found, threshold)
    assert len(told) == len(images)
    for hit, (truth, _), calls in zip(told, images, found, strict=True):
        assert hit.tolist() == hits(truth, calls, threshold)


def test_an_image_without_anything_is_left_out_of_the_mean():
    rows = precision_rows(table_of([[], [HERE]], ranked=False), table_of([[], []], ranked=True), 2)
    assert np.isnan(rows[0]).all()
    assert not rows[1].any()


def test_the_thresholds_are_the_challenges():
    assert THRESHOLDS == (0.4, 0.45, 0.5, 0.55, 0.6, 0.65, 0.7, 0.75)


def test_calls_are_answered_in_the_order_in_which_they_are_given():
    (hit,) = hits_of([[HERE]], [[Box(500, 0, 100, 100, 0.5), Box(0, 0, 100, 100, 0.5)]], 0.5)
    assert hit.tolist() == [False, True]
    # The first call overlaps both opacities alike: it takes the one that is named first.
    truth = [Box(100, 0, 100, 100), HERE]
    (hit,) = hits_of([truth], [[Box(50, 0, 100, 100, 0.9), Box(0, 0, 100, 100, 0.5)]], 0.2)
    assert hit.tolist() == [True, True]


def test_boxes_of_less_than_a_pixel_can_be_hit():
    small = Box(0.1, 0.1, 0.5, 0.5)
    assert [hit.tolist() for hit in hits_of([[small]], [[small]], 0.75)] == [[True]]
    assert precision_rows(
        table_of([[small]], ranked=False), table_of([[small]], ranked=True), 1
    ).all()


def test_no_radiograph_at_all_scores_zero():
    assert not mean_precision_by_threshold({}, {}).any()
    assert not mean_precision_by_threshold({"a": []}, {}).any()


@given(IMAGES, st.randoms(use_true_random=False))
def test_the_order_of_images_changes_nothing(images, random):
    truth = {str(number): boxes for number, (boxes, _) in enumerate(images)}
    found = {str(number): boxes for number, (_, boxes) in enumerate(images)}
    names = list(truth)
    random.shuffle(names)
    again = {name: truth[name] for name in names}
    assert np.array_equal(
        mean_precision_by_threshold(truth, found), mean_precision_by_threshold(again, found)
    )
