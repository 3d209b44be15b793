import numpy as np
from hypothesis import given
from hypothesis import strategies as st

from pneumo.boxes import Box
from pneumo.matching import precision_rows, table_of
from pneumo.rsna import mean_precision_by_threshold, precision_by_threshold

HERE = Box(0, 0, 100, 100)
SIDES = st.integers(0, 8).map(lambda n: n * 10.0)
LENGTHS = st.integers(4, 12).map(lambda n: n * 10.0)
BOX = st.builds(Box, SIDES, SIDES, LENGTHS, LENGTHS, st.sampled_from([0.2, 0.5, 0.5, 0.9]))
IMAGES = st.lists(st.tuples(st.lists(BOX, max_size=4), st.lists(BOX, max_size=5)), max_size=6)


@given(IMAGES)
def test_many_images_at_once_are_matched_as_each_alone(images):
    truth = table_of([truth for truth, _ in images], ranked=False)
    calls = table_of([found for _, found in images], ranked=True)
    rows = precision_rows(truth, calls, len(images))
    for row, (true_boxes, found) in zip(rows, images, strict=True):
        alone = precision_by_threshold(true_boxes, found)
        assert np.array_equal(row, np.full(8, np.nan) if alone is None else alone, equal_nan=True)


def test_an_image_without_anything_is_left_out_of_the_mean():
    rows = precision_rows(table_of([[], [HERE]], ranked=False), table_of([[], []], ranked=True), 2)
    assert np.isnan(rows[0]).all()
    assert not rows[1].any()


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
