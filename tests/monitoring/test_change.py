"""The bets: fair whatever is read, few false alarms, and a fall found."""

import numpy as np
import pytest

from pneumo.monitoring.change import (
    LIMIT,
    Reading,
    alternatives,
    factor_of,
    stake,
    stakes_of,
    watch,
)

SHARE = 0.1


@pytest.mark.parametrize("chance", [0.05, 0.1, 0.2])
@pytest.mark.parametrize("floor", [0.5, 0.71, 0.9])
@pytest.mark.parametrize("right_is_called", [True, False])
def test_the_mean_of_a_bet_is_one_at_the_floor_whatever_the_chance_to_be_read(
    chance, floor, right_is_called
):
    """Over all radiographs of the kind: one that is not read changes nothing (a factor of 1)."""
    chances = (1.0, SHARE) if right_is_called else (SHARE, 1.0)
    read = (1.0, chance) if right_is_called else (chance, 1.0)
    for alternative in alternatives(floor):
        part = stake(floor, alternative, *chances)
        right = factor_of(Reading(True, read[0]), floor, part)
        wrong = factor_of(Reading(False, read[1]), floor, part)
        mean = floor * (read[0] * right + 1 - read[0])
        mean += (1 - floor) * (read[1] * wrong + 1 - read[1])
        assert mean == pytest.approx(1)
        assert right > 0


def test_where_all_are_read_a_bet_is_the_likelihood_ratio():
    part = stake(0.8, 0.6, 1.0, 1.0)
    assert factor_of(Reading(True, 1.0), 0.8, part) == pytest.approx(0.6 / 0.8)
    assert factor_of(Reading(False, 1.0), 0.8, part) == pytest.approx(0.4 / 0.2)


def test_the_sum_is_that_of_a_direct_computation():
    weeks = [[True, False], [True], [False, False, True]]
    readings = [[Reading(right, 1.0) for right in week] for week in weeks]
    expected = []
    for end in range(1, 4):
        totals = []
        for alternative in alternatives(0.7):
            ratio = {True: alternative / 0.7, False: (1 - alternative) / 0.3}
            per_week = [np.prod([ratio[right] for right in week]) for week in weeks[:end]]
            totals.append(sum(np.prod(per_week[start:]) for start in range(end)))
        expected.append(np.mean(totals))
    assert watch(readings, 0.7, 1.0, 1.0).sums == pytest.approx(expected)


def simulated(rng, truth, weeks, per_week, share=1.0):
    """Weeks of positives; called ones are all read, others with ``share``."""
    for _ in range(weeks):
        right = rng.random(rng.poisson(per_week)) < truth
        read = right | (rng.random(len(right)) < share)
        chances = np.where(right, 1.0, share)[read]
        yield [Reading(bool(r), c) for r, c in zip(right[read], chances, strict=True)]


@pytest.mark.parametrize("share", [1.0, 0.1])
def test_a_share_at_its_floor_alarms_in_few_years(share):
    """Ten years without an alarm on average: a year has one in less than a tenth."""
    rng = np.random.default_rng(1)
    years = [simulated(rng, 0.7, 52, 10, share) for _ in range(200)]
    alarms = [watch(year, 0.7, 1.0, share).alarm is not None for year in years]
    assert np.mean(alarms) < 0.1


def test_a_fall_of_twenty_points_is_found_within_weeks():
    """Registered 80 of 100: floor 0.71. True share 0.6, ten positives a week."""
    rng = np.random.default_rng(2)
    delays = [watch(simulated(rng, 0.6, 200, 10), 0.711, 1.0, 1.0).alarm for _ in range(40)]
    assert all(delay is not None for delay in delays)
    assert np.median(delays) <= 25


def test_weeks_without_a_reading_change_nothing_and_an_alarm_stays():
    wrong = [Reading(False, 1.0)] * 8
    found = watch([[], wrong, [], wrong, [Reading(True, 1.0)] * 100], 0.8, 1.0, 1.0)
    assert found.alarm is not None
    assert found.sums[found.alarm] >= LIMIT
    assert len(found.sums) == found.alarm + 1


@pytest.mark.parametrize("share", [1.0, 0.1])
@pytest.mark.parametrize("alike", [3, 6])
def test_radiographs_of_one_person_that_are_alike_are_no_alarm(alike, share):
    """Twelve radiographs a week, all of a person right or all wrong; the share holds."""
    rng = np.random.default_rng(alike)
    alarms = 0
    for _ in range(100):
        weeks = []
        for week in range(52):
            readings = []
            for person in range(12 // alike):
                right = bool(rng.random() < 0.8)
                chance = 1.0 if right else share
                readings += [
                    Reading(right, chance, f"{week}-{person}", alike)
                    for _ in range(alike)
                    if rng.random() < chance
                ]
            weeks.append(readings)
        alarms += watch(weeks, 0.77, 1.0, share).alarm is not None
    assert alarms <= 10  # one in ten years or more


@pytest.mark.parametrize("positive", [True, False])
@pytest.mark.parametrize(("before", "now"), [(0.1, 0.5), (0.1, 1.0), (0.5, 0.1), (0.02, 0.1)])
def test_a_share_of_readers_that_changes_leaves_the_mean_of_a_bet_at_most_one(
    before, now, positive
):
    """Half of the radiographs were drawn with each share; of the uncalled some are not read."""
    rng = np.random.default_rng(7)
    floor, count = 0.7, 40_000
    right = rng.random(count) < floor
    share = np.where(rng.random(count) < 0.5, before, now) * rng.uniform(0.5, 1.0, count)
    chance = np.where(right == positive, 1.0, share)
    read = rng.random(count) < chance
    weeks = [[Reading(bool(r), float(c)) for r, c in zip(right[read], chance[read], strict=True)]]
    chances = (1.0, now) if positive else (now, 1.0)
    for number, stakes in enumerate(stakes_of(weeks, floor, *chances)):
        factors = np.ones(count)
        factors[read] = [factor_of(reading, floor, stakes) for reading in weeks[0]]
        error = factors.std() / count**0.5
        assert factors.mean() <= 1 + 3 * error, number
        assert factors.min() > 0


def test_where_the_share_was_raised_a_specificity_that_holds_is_no_alarm():
    """Thirty weeks at 0.1, then thirty at 0.5, of 60 radiographs a week without an opacity."""
    rng = np.random.default_rng(3)
    alarms = 0
    for _ in range(60):
        weeks = []
        for week in range(60):
            share = (0.1 if week < 30 else 0.5) * 0.5
            right = rng.random(60) < 0.9
            chances = np.where(right, share, 1.0)
            read = rng.random(60) < chances
            weeks.append(
                [
                    Reading(bool(r), float(c))
                    for r, c in zip(right[read], chances[read], strict=True)
                ]
            )
        alarms += watch(weeks, 0.9, 0.5, 1.0).alarm is not None
    assert alarms <= 8  # one in ten years or more
