"""The statistics of windows against SciPy and formulas by hand; thresholds that hold."""

import numpy as np
import pytest
from scipy.stats import betabinom, ks_2samp

from pneumo.intake.shift import (
    Embedding,
    Sample,
    answered,
    by_chance,
    flagged_people,
    grid_of,
    nearest_below,
    person_means,
    rare_count,
    statistics,
    vectors,
)

F, A = 28, 2


def embedding() -> Embedding:
    chance = np.random.default_rng(1)
    one, two = (chance.standard_normal((size, 3 * size)) for size in (F, A))
    return Embedding(
        np.zeros(F), np.ones(F), np.linalg.inv(one @ one.T / (3 * F)),
        np.array([-1.0, 0.5]), np.array([1.5, 0.2]), np.linalg.inv(two @ two.T / (3 * A)),
    )  # fmt: skip


def sample(count: int, seed: int, move: float = 0.0, people: np.ndarray | None = None) -> Sample:
    chance = np.random.default_rng(seed)
    probability = chance.beta(1, 3, count)
    return Sample(
        people=np.arange(count) if people is None else people,
        features=chance.standard_normal((count, F)) + move,
        mirror=chance.normal(2, 1, count),
        probability=probability,
        answers=answered(probability),
        turned=chance.random(count) < 0.01,
        unusual=chance.random(count) < 0.02,
    )


def test_a_person_counts_once_with_the_mean_of_their_radiographs():
    people = np.array(["b", "a", "b", "b"])
    values = np.array([[1.0, np.nan], [5.0, 2.0], [2.0, 4.0], [6.0, np.nan]])
    np.testing.assert_allclose(person_means(people, values), [[5.0, 2.0], [3.0, 4.0]])
    assert flagged_people(people, np.array([True, True, False, False])) == pytest.approx(4 / 3)
    assert flagged_people(people[:0], np.zeros(0, bool)) == 0.0


def test_the_statistics_are_hotellings_and_kolmogorovs():
    e, reference, window = embedding(), sample(300, 1), sample(40, 2, 0.2)
    grid = grid_of(reference.probability)
    means = [vectors(one, e, grid).mean(axis=0) for one in (window, reference)]
    t2, mirror, distance, output = statistics(means[0] - means[1], e)
    d = np.clip(window.features, -5, 5).mean(0) - np.clip(reference.features, -5, 5).mean(0)
    assert t2 == pytest.approx(d @ e.input_precision @ d)
    assert mirror == pytest.approx(abs(window.mirror.mean() - reference.mirror.mean()))
    right = ks_2samp(window.probability, reference.probability).statistic
    assert right - 2 / 48 <= distance <= right + 1e-9  # looked at in 48 places
    z = (answered(window.probability) - e.output_means) / e.output_scales
    r = (answered(reference.probability) - e.output_means) / e.output_scales
    d = np.clip(z, -5, 5).mean(0) - np.clip(r, -5, 5).mean(0)
    assert output == pytest.approx(d @ e.output_precision @ d)


@pytest.mark.parametrize(
    ("k", "n", "before", "of"), [(3, 50, 1, 200), (1, 20, 0, 100), (5, 49, 2, 300)]
)
def test_rare_counts_have_the_beta_binomial_tail(k, n, before, of):
    right = betabinom.sf(k - 1, n, before + 0.5, of - before + 0.5)
    assert rare_count(k, n, before, of) == pytest.approx(right)
    assert rare_count(0, n, before, of) == 1.0
    assert rare_count(k + 0.4, n, before, of) == pytest.approx(right)


def test_windows_of_the_same_people_exceed_the_limit_as_often_as_asked():
    """400 healthy windows of 50, each with a reference of its own, at nominal 2 %."""
    e, alarms, kept = embedding(), 0, None
    for number in range(10):
        reference = sample(250, 1000 + number)
        grid = grid_of(reference.probability)
        rows = vectors(reference, e, grid)
        kept = by_chance(rows, e, 50, 0.02, number)
        for window in range(40):
            means = vectors(sample(50, 100 * number + window + 5000), e, grid).mean(axis=0)
            found = statistics(means - rows.mean(axis=0), e)
            alarms += kept.standardised(found).max() > kept.limit
    assert 1 <= alarms <= 22  # binomial, 400 x 0.02 = 8, with the references' own chance


@pytest.mark.parametrize("people", [1, 2, 20])
def test_radiographs_of_one_person_are_no_alarm(people):
    e, reference = embedding(), sample(250, 1)
    grid = grid_of(reference.probability)
    rows = vectors(reference, e, grid)
    who = np.arange(30) % people
    window = sample(people, 77)  # everybody's radiographs are all alike
    again = Sample(who, *(getattr(window, name)[who] for name in (
        "features", "mirror", "probability", "answers", "turned", "unusual")))  # fmt: skip
    chance = by_chance(rows, e, people, 0.006, 1)
    found = statistics(vectors(again, e, grid).mean(axis=0) - rows.mean(axis=0), e)
    assert np.isfinite(found).all()
    assert chance.standardised(found).max() < chance.limit


def test_the_same_seed_gives_the_same_limit_and_more_people_lower_ones():
    e = embedding()
    rows = vectors(sample(200, 1), e, np.linspace(0, 1, 48))
    one, same, more = (by_chance(rows, e, n, 0.006, 3) for n in (20, 20, 100))
    np.testing.assert_array_equal(one.typical, same.typical)
    assert one.limit == same.limit
    assert (more.typical < one.typical).all()
    assert nearest_below([one, more], 99) is one
    assert nearest_below([one, more], 100) is more
    assert nearest_below([one, more], 3) is None


def test_constant_features_and_answers_give_no_nan():
    e, reference = embedding(), sample(100, 1)
    still = Sample(reference.people, np.zeros((100, F)), np.zeros(100), np.full(100, 0.2),
                   answered(np.full(100, 0.2)), reference.turned, reference.unusual)  # fmt: skip
    rows = vectors(still, e, grid_of(still.probability))
    chance = by_chance(rows, e, 20, 0.006, 1)
    found = chance.standardised(statistics(np.zeros(rows.shape[1]), e))
    assert np.isfinite([*found, chance.limit]).all()
    assert found.max() <= chance.limit
