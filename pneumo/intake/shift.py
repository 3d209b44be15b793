"""Whether a window of radiographs differs from a reference: by people, not by images.

A person counts once, with the mean of what their radiographs gave, since radiographs of one person
are alike. Both the window and the reference are drawn by chance, so thresholds come from drawing
the people of both: Hotelling's T2 with fixed precisions, the mirror score, and the largest distance
of the distributions of the probability (Kolmogorov and Smirnov), each standardised by what chance
gives at this number of people, and the largest of them judged.
"""

import math
from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np

LARGEST_DEVIATION = 5.0
"""Standard deviations at which a feature is cut: one broken picture is counted elsewhere."""

GRID = 48
"""Quantiles of the reference's probabilities at which distributions are compared."""

STATISTICS = ("features", "mirror", "probability", "answers")
INPUT = ("features", "mirror")
OUTPUT = ("probability", "answers")
DRAWS, AT_ONCE = 4000, 500
TYPICAL, HIGH = 0.5, 0.95


@dataclass(frozen=True)
class Embedding:
    """What makes numbers comparable: means, scales and precision (inverse covariance) of each.

    ``input`` is of the features, fitted on people of training; ``output`` of what was answered, on
    people that the networks have never seen.
    """

    input_means: np.ndarray
    input_scales: np.ndarray
    input_precision: np.ndarray
    output_means: np.ndarray
    output_scales: np.ndarray
    output_precision: np.ndarray

    def input(self, features: np.ndarray) -> np.ndarray:
        """Features ``(n, f)`` in standard deviations, cut at ``LARGEST_DEVIATION``."""
        return _standardised(features, self.input_means, self.input_scales)

    def output(self, answers: np.ndarray) -> np.ndarray:
        """Answers ``(n, a)`` in standard deviations, cut in the same way."""
        return _standardised(answers, self.output_means, self.output_scales)


@dataclass(frozen=True)
class Sample:
    """Radiographs that were measured, a row each.

    ``people`` are names of whatever kind; ``features`` ``(n, f)``, ``mirror`` ``(n)``,
    ``probability`` ``(n)`` in [0, 1], ``answers`` ``(n, a)``; ``turned``, ``unusual`` booleans.
    """

    people: np.ndarray
    features: np.ndarray
    mirror: np.ndarray
    probability: np.ndarray
    answers: np.ndarray
    turned: np.ndarray
    unusual: np.ndarray


@dataclass(frozen=True)
class Chance:
    """What chance alone gives for windows of ``people``: of each statistic what is typical and how
    far a high value is from it; ``limit`` is what the largest standardised one rarely exceeds."""

    people: int
    typical: np.ndarray
    scales: np.ndarray
    limit: float

    def standardised(self, values: np.ndarray) -> np.ndarray:
        """Statistics ``(..., 4)`` as multiples of how far a high value is from a typical one."""
        return (values - self.typical) / self.scales


def person_means(people: np.ndarray, values: np.ndarray) -> np.ndarray:
    """The mean of the rows of each person: ``(n, d)`` to ``(p, d)``, in the order of their names.

    A NaN stays out; a person without any number has NaN.
    """
    _, number = np.unique(people, return_inverse=True)
    known = np.isfinite(values)
    sums = np.zeros((number.max(initial=-1) + 1, values.shape[1]))
    counts = np.zeros_like(sums)
    np.add.at(sums, number, np.where(known, values, 0.0))
    np.add.at(counts, number, known)
    with np.errstate(invalid="ignore"):
        return np.where(counts > 0, sums / counts, np.nan)


def grid_of(probability: np.ndarray) -> np.ndarray:
    """Where the distribution of probabilities is looked at: ``(GRID)``, ascending."""
    return np.quantile(probability, (np.arange(GRID) + 0.5) / GRID)


def vectors(sample: Sample, embedding: Embedding, grid: np.ndarray) -> np.ndarray:
    """A row of numbers per person, whose means are compared: ``(p, f + 1 + GRID + a)``."""
    below = sample.probability[:, None] <= grid
    columns = [
        embedding.input(sample.features),
        sample.mirror[:, None],
        below.astype(float),
        embedding.output(sample.answers),
    ]
    return person_means(sample.people, np.concatenate(columns, axis=1))


def statistics(difference: np.ndarray, embedding: Embedding) -> np.ndarray:
    """The ``STATISTICS`` of differences of means ``(..., d)``: ``(..., 4)``."""
    count = len(embedding.input_means)
    first, second = difference[..., :count], difference[..., count + 1 + GRID :]
    distance = np.abs(difference[..., count + 1 : count + 1 + GRID]).max(axis=-1)
    return np.stack(
        [
            _squared(first, embedding.input_precision),
            np.abs(difference[..., count]),
            distance,
            _squared(second, embedding.output_precision),
        ],
        axis=-1,
    )


def answered(probability: np.ndarray) -> np.ndarray:
    """The columns ``profile.ANSWERS`` of probabilities ``(n)`` in [0, 1]: ``(n, 2)``."""
    p = np.clip(probability, 1e-3, 1 - 1e-3)
    return np.stack([np.log(p / (1 - p)), np.sqrt(p)], axis=1)


def by_chance(
    reference: np.ndarray, embedding: Embedding, people: int, level: float, seed: int
) -> Chance:
    """What ``statistics`` are between two draws of the people of ``reference`` ``(p, d)``.

    One draw is as large as the reference, the other has ``people``; the limit is exceeded by chance
    in a share ``level`` of windows.
    """
    rng = np.random.default_rng(seed)
    count = len(reference)
    found = []
    for _ in range(DRAWS // AT_ONCE):
        window = rng.multinomial(people, np.full(count, 1 / count), AT_ONCE) / people
        again = rng.multinomial(count, np.full(count, 1 / count), AT_ONCE) / count
        found.append(statistics((window - again) @ reference, embedding))
    drawn = np.concatenate(found)
    typical, high = np.quantile(drawn, [TYPICAL, HIGH], axis=0)
    scales = np.maximum(high - typical, 1e-6)
    largest = ((drawn - typical) / scales).max(axis=1)
    return Chance(people, typical, scales, float(np.quantile(largest, 1 - level)))


def rare_count(flagged: float, people: int, before: float, of: int) -> float:
    """How probable it is that ``flagged`` or more of ``people`` are, after ``before`` in ``of``.

    Beta-binomial, with Jeffreys' prior: that the share before is itself known from few people
    counts. Parts of a person are cut off.
    """
    a, b = before + 0.5, of - before + 0.5
    least = int(flagged + 1e-9)
    if not least:
        return 1.0
    logs = (_log_mass(count, people, a, b) for count in range(least, people + 1))
    return min(math.fsum(map(math.exp, logs)), 1.0)


def flagged_people(people: np.ndarray, flags: np.ndarray) -> float:
    """How many people are flagged; one with several radiographs counts with the share of them."""
    return float(person_means(people, flags[:, None].astype(float)).sum()) if len(people) else 0.0


def nearest_below(chances: Sequence[Chance], people: int) -> Chance | None:
    """The chances for the largest number of people that is not above ``people``."""
    usable = [chance for chance in chances if chance.people <= people]
    return max(usable, key=lambda chance: chance.people, default=None)


def _log_mass(count: int, people: int, a: float, b: float) -> float:
    """Johnson, Kemp and Kotz, "Univariate Discrete Distributions" (2005), section 6.2.2."""
    ways = math.lgamma(people + 1) - math.lgamma(count + 1) - math.lgamma(people - count + 1)
    return ways + _log_beta(count + a, people - count + b) - _log_beta(a, b)


def _log_beta(a: float, b: float) -> float:
    return math.lgamma(a) + math.lgamma(b) - math.lgamma(a + b)


def _standardised(values: np.ndarray, means: np.ndarray, scales: np.ndarray) -> np.ndarray:
    return np.clip((values - means) / scales, -LARGEST_DEVIATION, LARGEST_DEVIATION)


def _squared(difference: np.ndarray, precision: np.ndarray) -> np.ndarray:
    return ((difference @ precision) * difference).sum(axis=-1)
