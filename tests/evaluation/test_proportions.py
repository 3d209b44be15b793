"""Shares with intervals, against other libraries, published figures and simulation."""

import numpy as np
import pytest
from scipy.stats import binom, binomtest

from pneumo.evaluation.counts import counts_of
from pneumo.evaluation.proportions import (
    Share,
    difference_bounds,
    needed,
    part_of_both,
    power,
    wilson,
)


@pytest.mark.parametrize(("hits", "of"), [(0, 7), (7, 7), (3, 10), (57, 100), (599, 600)])
@pytest.mark.parametrize("confidence", [0.9, 0.95])
def test_wilsons_interval_is_that_of_scipy(hits, of, confidence):
    found = wilson(hits, of, confidence)
    theirs = binomtest(hits, of).proportion_ci(confidence, method="wilson")
    assert (found.low, found.high) == pytest.approx((theirs.low, theirs.high))
    assert found.value == hits / of


def test_nothing_gives_the_widest_interval():
    found = wilson(0, 0)
    assert found.value != found.value
    assert (found.low, found.high) == (0, 1)
    assert difference_bounds(0, 0, 5, 10) == (-1, 1)


def test_newcombes_difference_is_that_of_his_table():
    """Newcombe 1998, Table II, method 10: 56/70 - 48/80 at 95 % (two-sided): 0.0524 to 0.3339."""
    low, high = difference_bounds(56, 70, 48, 80, confidence=0.975)
    assert (low, high) == pytest.approx((0.0524, 0.3339), abs=5e-5)
    low, high = difference_bounds(9, 10, 3, 10, confidence=0.975)
    assert (low, high) == pytest.approx((0.1705, 0.8090), abs=5e-5)


def test_each_bound_holds_in_about_nineteen_of_twenty_draws():
    rng = np.random.default_rng(1)
    a, b = rng.binomial(80, 0.8, 2000), rng.binomial(200, 0.8, 2000)
    bounds = [difference_bounds(int(x), 80, int(y), 200) for x, y in zip(a, b, strict=True)]
    above = np.mean([low <= 0 for low, _ in bounds])
    assert 0.93 <= above <= 0.975


def test_a_part_of_two_amounts_lies_where_it_must():
    exact = Share(30, 30, 30, 1)
    both = part_of_both(exact, Share(10, 10, 10, 1))
    assert (both.value, both.low, both.high) == pytest.approx((0.75, 0.75, 0.75))
    none = part_of_both(exact, Share(0, 0, 20, 1))
    assert (none.value, none.high) == (1, 1)
    assert none.low == pytest.approx(30 / 50)  # as many as the other may be at most
    assert part_of_both(Share(0, 0, 5, 1), Share(10, 10, 10, 1)).low == 0


def test_its_interval_covers_the_truth_as_often_as_it_says():
    """Of 400 called and 600 uncalled, 60 and 5 % with an opacity; all and a tenth of them read."""
    rng = np.random.default_rng(2)
    truth, covered, draws = 240 / 270, 0, 1500
    for _ in range(draws):
        v, m = wilson(rng.binomial(400, 0.6), 400), wilson(rng.binomial(60, 0.05), 60)
        amounts = (
            Share(400 * v.value, 400 * v.low, 400 * v.high, 400),
            Share(600 * m.value, 600 * m.low, 600 * m.high, 60),
        )
        found = part_of_both(*amounts)
        covered += found.low <= truth <= found.high
    assert 0.93 <= covered / draws <= 0.99


def test_power_is_what_simulation_gives():
    rng = np.random.default_rng(3)
    draws = rng.binomial(200, 0.8, 4000)
    simulated = np.mean([difference_bounds(int(x), 200, 160, 200)[0] > -0.1 for x in draws])
    assert power(200, 160, 200, 0.1, 0.95) == pytest.approx(simulated, abs=0.02)


def test_the_number_needed_is_the_first_with_that_power():
    of = needed(160, 200, 0.1, 0.95)
    assert power(of, 160, 200, 0.1, 0.95) >= 0.8 > power(of - 20, 160, 200, 0.1, 0.95)
    assert needed(8, 10, 0.1, 0.95) is None  # ten registered people: no local number is enough
    assert binom.sf(0, of, 0.8) == pytest.approx(1)


def test_people_are_counted_once_with_the_mean_of_their_radiographs():
    people = np.array(["a", "a", "b", "c", "c", "d"])
    truth = np.array([1, 1, 1, 0, 0, 0], bool)
    called = np.array([1, 0, 1, 0, 1, 0], bool)
    found = counts_of(people, truth, called, np.array([0.9, 0.4, 0.8, 0.1, 0.5, 0.2]))
    assert (found.positive, found.called) == (2, 1.5)
    assert (found.negative, found.left_alone) == (2, 1.5)
    assert found.sensitivity == found.specificity == 0.75
    assert found.auroc == pytest.approx(8 / 9)  # of 9 pairs one is in the wrong order
