"""From a few steps to the whole, against numbers worked out by hand."""

import pytest

from pneumo.evaluation.perturbations import PERTURBATIONS
from pneumo.rehearsal import _forecast
from pneumo.rehearsal._forecast import (
    Pace,
    Trained,
    epoch_s,
    line,
    makespan,
    pace_of,
    paced,
    training_s,
)
from pneumo.training._normalisation import MOST_BATCHES
from pneumo.training.batches import VALIDATION_BATCH_SIZE

TRIED = Trained(steps=3, batch_size=16, validation=32, test=32, epochs=2)
TOLD = [
    {"step": "built", "at": 10.0},
    {"step": "epoch", "at": 60.0, "seconds": 49.0, "images_per_second": 1.0},
    {"step": "epoch", "at": 83.0, "seconds": 20.0, "images_per_second": 4.0},
    {"step": "fitted", "at": 85.0},
    {"step": "finished", "at": 90.0},
    {"step": "saved", "at": 91.0},
    {"step": "predicted", "at": 104.0},
    {"step": "perturbed", "at": 124.0},
    {"step": "gpu", "peak": 1, "limit": None},
]
PACE = Pace(
    start=10.0,
    first_steps=30.0,  # the first epoch ended 50 s after the network was there, of them 20 for work
    step=4.0,  # 16 images at 4 a second
    validation_batch=8.0,  # 20 s less three steps
    checkpoint=3.0,  # 23 s between the epochs' ends, 20 of them the second epoch
    finish=8.0 + 2.0,  # from the second epoch's end to what is saved, and from the maps to the end
    first_map=3.0,  # 13 s for two batches that take 5 each
    map_batch=5.0,  # four changes of one batch in 20 s
)


def test_the_first_steps_are_told_from_those_that_repeat():
    assert pace_of(TOLD, 126.0, TRIED).to_json() == pytest.approx(PACE.to_json())


def test_an_epoch_is_its_steps_its_validation_and_its_checkpoint():
    whole = Trained(steps=100, batch_size=16, validation=65, test=40, epochs=30)
    assert epoch_s(PACE, whole) == 100 * 4 + 3 * 8 + 3


def test_what_happens_once_is_not_multiplied():
    whole = Trained(steps=100, batch_size=16, validation=65, test=40, epochs=30)
    once = 10 + 30 + 10 + 3
    maps = (4 + 4) * 5  # 105 images in batches of 32, and four changes
    estimated = (64 - 3) * 8 / 2  # 61 more batches of 16, at 8 s for 32
    assert training_s(PACE, TRIED, whole) == once + 30 * 427 + maps + estimated


def test_the_rehearsal_itself_is_what_was_measured():
    """Two epochs of the same size: all but the clock's rest, which is the second checkpoint."""
    assert training_s(PACE, TRIED, TRIED) == pytest.approx(126.0 + 3.0)


@pytest.mark.parametrize(
    ("few", "many", "all_", "takes"),
    [
        ((10, 5.0), (110, 25.0), 1_110, 225.0),  # 3 s of start, 0.2 s each
        ((10, 5.0), (110, 4.0), 1_110, 4.0),  # the start alone
        ((10, 5.0), (10, 6.0), 1_110, 6.0),
        ((10, 5.0), (110, 25.0), 110, 25.0),
    ],
)
def test_a_start_is_not_counted_per_image(few, many, all_, takes):
    assert line(few, many, all_) == pytest.approx(takes)


def test_time_follows_work_where_others_disturb_the_clock():
    """3 s of work to start and 0.2 s each; the clock, twice as slow with 110, was slower before."""
    assert paced((10, 60.0, 5.0), (110, 50.0, 25.0), 1_110) == pytest.approx(2 * 225.0)
    assert paced((10, 60.0, 0.0), (110, 50.0, 0.0), 1_110) == 50.0


@pytest.mark.parametrize(("jobs", "hours"), [(1, 14), (2, 7), (3, 5), (4, 5), (9, 5)])
def test_the_longest_training_goes_first(jobs, hours):
    assert makespan([2, 3, 4, 5], jobs) == hours


def test_batches_are_those_of_a_training():
    assert _forecast.VALIDATION_BATCH == VALIDATION_BATCH_SIZE
    assert _forecast.REESTIMATED == MOST_BATCHES
    assert len(PERTURBATIONS) == _forecast.CHANGES
