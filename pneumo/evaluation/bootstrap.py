"""Intervals by drawing whole people with replacement: images of one person are not independent.

Source: Efron and Tibshirani, "An Introduction to the Bootstrap" (1993), chapters 8 and 13.
"""

from collections.abc import Sequence

import numpy as np

RESAMPLES = 1000
"""Draws of people behind an interval: its ends then vary by 2 % of its width with the seed."""

SEED = 1
"""Of these draws: a candidate and its champion are judged on the same ones."""


def draw_people(
    people: Sequence[str | int] | np.ndarray, resamples: int = RESAMPLES, seed: int = SEED
) -> np.ndarray:
    """How often each image counts in each resample: int32 ``(resamples, n)``.

    ``people`` names the person of each of ``n`` images. As many people as there are are drawn with
    replacement, each with all their images. The same seed gives the same draws, so two models
    measured on the same images are compared in pairs.
    """
    known, person = np.unique(np.asarray(people), return_inverse=True)
    rng = np.random.default_rng(seed)
    counts = rng.multinomial(len(known), np.full(len(known), 1 / len(known)), size=resamples)
    return counts.astype(np.int32)[:, person]


def weighted_means(values: np.ndarray, draws: np.ndarray) -> np.ndarray:
    """The mean of ``values`` ``(n,)`` in each resample, NaN left out: float64 ``(resamples,)``.

    A resample without any value that counts is NaN.
    """
    counted = np.isfinite(values)
    total = draws[:, counted].astype(float) @ np.asarray(values, float)[counted]
    count = draws[:, counted].sum(axis=1)
    return np.divide(total, count, out=np.full(len(draws), np.nan), where=count > 0)


def interval(resampled: np.ndarray, confidence: float = 0.95) -> tuple[float, float]:
    """The percentile interval of a figure's resamples, NaN left out; NaN when all are."""
    values = resampled[np.isfinite(resampled)]
    if not len(values):
        return float("nan"), float("nan")
    low, high = np.quantile(values, [(1 - confidence) / 2, (1 + confidence) / 2])
    return float(low), float(high)


def with_all(draws: np.ndarray) -> np.ndarray:
    """``draws`` below a first row in which every image counts once: the figure itself.

    A measure that takes such rows gives the figure first and then its resamples, by one formula.
    """
    return np.vstack([np.ones_like(draws[:1]), draws])


def estimate(measured: np.ndarray) -> dict[str, float | None]:
    """``value`` and the 95 % interval ``low, high`` of a figure measured on ``with_all`` rows.

    What cannot be measured is None, as JSON knows no NaN.
    """
    low, high = interval(measured[1:]) if np.isfinite(measured[0]) else (np.nan, np.nan)
    figure = {"value": measured[0], "low": low, "high": high}
    return {key: float(x) if np.isfinite(x) else None for key, x in figure.items()}
