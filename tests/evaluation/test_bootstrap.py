"""Intervals over people."""

import numpy as np

from pneumo.evaluation.bootstrap import draw_people, estimate, interval, weighted_means, with_all


def test_images_of_one_person_are_drawn_together():
    draws = draw_people(["a", "b", "a", "c"], 200, seed=1)
    assert (draws[:, 0] == draws[:, 2]).all()
    assert (draws[:, [0, 1, 3]].sum(axis=1) == 3).all()
    assert draws.min() == 0
    assert draws.max() > 1


def test_the_same_seed_draws_the_same():
    people = [str(n) for n in range(50)]
    assert (draw_people(people, 20, seed=3) == draw_people(people, 20, seed=3)).all()
    assert (draw_people(people, 20, seed=3) != draw_people(people, 20, seed=4)).any()


def test_means_leave_out_what_does_not_count():
    draws = np.array([[1, 1, 1], [0, 2, 1], [0, 0, 3]])
    means = weighted_means(np.array([0.0, 1.0, np.nan]), draws)
    assert means[:2].tolist() == [0.5, 1.0]
    assert np.isnan(means[2])


def test_the_interval_of_a_mean_covers_it_as_often_as_it_says():
    rng = np.random.default_rng(5)
    covered = 0
    for trial in range(200):
        values = rng.random(60)
        draws = draw_people([str(n) for n in range(60)], 300, seed=trial)
        low, high = interval(weighted_means(values, draws))
        covered += low <= 0.5 <= high
    assert 180 <= covered <= 199


def test_an_estimate_is_the_figure_of_all_images_with_the_interval_of_the_resamples():
    values = np.arange(20.0)
    draws = with_all(draw_people([str(n) for n in range(20)], 200, seed=1))
    means = weighted_means(values, draws)
    assert len(means) == 201
    found = estimate(means)
    assert found["value"] == 9.5
    assert (found["low"], found["high"]) == interval(means[1:])


def test_what_cannot_be_measured_is_none():
    nothing = {"value": None, "low": None, "high": None}
    assert estimate(np.array([np.nan, 0.5])) == nothing
