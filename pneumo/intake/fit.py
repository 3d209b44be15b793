"""A profile fitted: on people of training what is comparable, on held-out people what is usual."""

from collections.abc import Mapping
from typing import Any

import numpy as np

from pneumo.intake.look import distances
from pneumo.intake.profile import TURNED, Profile, Usual
from pneumo.intake.shift import (
    Embedding,
    Sample,
    answered,
    by_chance,
    flagged_people,
    grid_of,
    vectors,
)
from pneumo.intake.thumbnails import SIDE, WAYS, mirror_score, turned, turned_probability

MOST_TURNED = 1500
"""Training radiographs from which the orientation head learns; each is seen in eight ways."""

LEAST_SCALE = 1e-3
"""Of a feature that is constant in training: it may move a little elsewhere."""

UNUSUAL = 0.98
"""Share of the held-out radiographs that is not unusual."""

CERTAIN = 0.95
"""Share of the held-out radiographs on which the networks do not disagree."""

STRENGTHS = {"orientation": 0.01, "mirror": 0.001}
"""Inverse strengths of the ridge on the two heads, chosen once on the RSNA radiographs."""

SIZES = (10, 20, 35, 50, 100, 200, 500, 1000)
SEED = 1


def fit(
    training: tuple[np.ndarray, np.ndarray],
    held_out: tuple[np.ndarray, np.ndarray],
    people: np.ndarray,
    probability: np.ndarray,
    called: np.ndarray,
    *,
    size_px: int,
    level: float,
    counts: Mapping[str, Any],
    disagreement: np.ndarray | None = None,
) -> Profile:
    """The profile of an ensemble.

    ``training`` and ``held_out`` are features ``(n, f)`` and normalised thumbnails ``(n, SIDE,
    SIDE)``. Of the held-out radiographs, ``people`` names who they are of, ``probability`` ``(n)``
    is what was answered, ``called`` ``(n)`` whether anything was, ``disagreement`` ``(n)`` how far
    the networks were apart. ``level`` is the share of windows that may alarm by chance in the four
    ``shift.STATISTICS`` together.
    """
    features, small = training
    means, scales, precision = moments(features)
    orientation, biases = orientation_head(small)
    mirror = mirror_head(small)
    told = answered(probability)
    output = moments(told)
    embedding = Embedding(means, scales, precision, *output)
    nobody = Usual(0, 0, np.zeros(0), np.zeros(0), {}, np.zeros(0), (), 0.0)
    profile = Profile(size_px, embedding, orientation, biases, mirror, 0.0, nobody, counts)
    found, thumbnails = held_out
    far = distances(found, profile)
    unusual = float(np.quantile(far, UNUSUAL))
    sample = Sample(
        people=people,
        features=found,
        mirror=mirror_score(thumbnails, mirror),
        probability=probability,
        answers=told,
        turned=turned_probability(thumbnails, orientation, biases) > TURNED,
        unusual=far > unusual,
    )
    usual = usual_of(sample, embedding, level, float(called.mean()))
    limit = None if disagreement is None else float(np.quantile(disagreement, CERTAIN))
    return Profile(size_px, embedding, orientation, biases, mirror, unusual, usual, counts, limit)


def usual_of(sample: Sample, embedding: Embedding, level: float, called: float) -> Usual:
    """What held-out people are like, with what chance gives for windows of ``SIZES`` people."""
    grid = grid_of(sample.probability)
    by_person = vectors(sample, embedding, grid)
    return Usual(
        people=len(by_person),
        images=len(sample.people),
        means=by_person.mean(axis=0),
        grid=grid,
        flagged={
            "turned": flagged_people(sample.people, sample.turned),
            "unusual": flagged_people(sample.people, sample.unusual),
        },
        quantiles=np.quantile(sample.features, [0.05, 0.5, 0.95], axis=0),
        chances=[by_chance(by_person, embedding, size, level, SEED) for size in SIZES],
        called=called,
    )


def moments(values: np.ndarray) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    """Means, scales and precision of ``(n, d)``, the last by Ledoit and Wolf's shrinkage.

    Source: Ledoit and Wolf, "A well-conditioned estimator for large-dimensional covariance
    matrices", Journal of Multivariate Analysis 88 (2004).
    """
    from sklearn.covariance import LedoitWolf

    means = values.mean(axis=0)
    scales = np.maximum(values.std(axis=0), LEAST_SCALE)
    z = np.clip((values - means) / scales, -5, 5)
    precision = LedoitWolf(assume_centered=True).fit(z).precision_
    return means, scales, np.asarray(precision)


def orientation_head(small: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """Weights ``(len(WAYS), SIDE * SIDE)`` and biases that tell upright thumbnails from others."""
    from sklearn.linear_model import LogisticRegression

    chosen = small[np.linspace(0, len(small) - 1, min(len(small), MOST_TURNED)).astype(int)]
    shown = np.concatenate([turned(chosen, way) for way in WAYS]).reshape(-1, SIDE * SIDE)
    ways = np.repeat(np.arange(len(WAYS)), len(chosen))
    head = LogisticRegression(C=STRENGTHS["orientation"], max_iter=200, tol=1e-3)
    head.fit(shown.astype(np.float32), ways)
    return np.asarray(head.coef_, float), np.asarray(head.intercept_, float)


def mirror_head(small: np.ndarray) -> np.ndarray:
    """Weights ``(SIDE * SIDE)`` that tell thumbnails from their mirror images."""
    from sklearn.linear_model import LogisticRegression

    chosen = small[np.linspace(0, len(small) - 1, min(len(small), 4 * MOST_TURNED)).astype(int)]
    difference = (chosen - chosen[..., ::-1]).reshape(-1, SIDE * SIDE).astype(np.float32)
    sides = np.repeat([1, 0], len(difference))
    head = LogisticRegression(C=STRENGTHS["mirror"], fit_intercept=False, max_iter=200, tol=1e-3)
    head.fit(np.concatenate([difference, -difference]), sides)
    return np.asarray(head.coef_[0], float)
