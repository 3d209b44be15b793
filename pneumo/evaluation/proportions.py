"""Shares with intervals: one, the difference of two, and one that is made of two.

Sources: Wilson, "Probable inference", JASA 22 (1927); Newcombe, "Interval estimation for the
difference between independent proportions", Statistics in Medicine 17 (1998), method 10; Donner and
Zou, "Closed-form confidence intervals for functions of the normal mean and standard deviation",
Statistical Methods in Medical Research 21 (2012), for the ratio.
"""

from dataclasses import dataclass
from math import inf, sqrt

import numpy as np
from scipy.stats import binom, norm


@dataclass(frozen=True)
class Share:
    """A share with the bounds of its interval; ``of`` is how many (people, images) stand behind it.

    ``value`` is NaN, and the bounds 0 and 1, where nothing does.
    """

    value: float
    low: float
    high: float
    of: float


def wilson(hits: float, of: float, confidence: float = 0.95) -> Share:
    """``hits`` of ``of``, with Wilson's two-sided score interval.

    Both may be no whole numbers: means over people, or effective sizes.
    """
    if of <= 0:
        return Share(float("nan"), 0.0, 1.0, 0.0)
    z, share = float(norm.ppf((1 + confidence) / 2)), hits / of
    middle = (share + z * z / (2 * of)) / (1 + z * z / of)
    reach = z * sqrt(share * (1 - share) / of + z * z / (4 * of * of)) / (1 + z * z / of)
    low = 0.0 if hits <= 0 else max(0.0, middle - reach)
    return Share(share, low, 1.0 if hits >= of else min(1.0, middle + reach), of)


def difference_bounds(
    hits: float, of: float, other_hits: float, other_of: float, confidence: float = 0.95
) -> tuple[float, float]:
    """What the first share less the other exceeds, and what it is below, each with ``confidence``.

    Newcombe's method 10; two one-sided bounds. (-1, 1) where either has no cases.
    """
    if min(of, other_of) <= 0:
        return -1.0, 1.0
    two_sided = 2 * confidence - 1
    a, b = wilson(hits, of, two_sided), wilson(other_hits, other_of, two_sided)
    found = a.value - b.value
    low = found - sqrt((a.value - a.low) ** 2 + (b.high - b.value) ** 2)
    return low, found + sqrt((a.high - a.value) ** 2 + (b.value - b.low) ** 2)


def part_of_both(part: Share, other: Share) -> Share:
    """``part / (part + other)`` of two independent amounts, with an interval.

    The fields of both are amounts (expected counts with bounds), not shares. By variance recovery:
    the interval of the ratio of both from the intervals of each.
    """
    a, b = part.value, other.value
    if not a + b > 0:
        return Share(float("nan"), 0.0, 1.0, part.of + other.of)
    below = max((a * b) ** 2 - part.low * other.high * (2 * a - part.low) * (2 * b - other.high), 0)
    above = max((a * b) ** 2 - part.high * other.low * (2 * a - part.high) * (2 * b - other.low), 0)
    down = a * b + sqrt(below)
    up = other.low * (2 * b - other.low)
    low = part.low * (2 * a - part.low) / down if down > 0 else 0.0
    high = (a * b + sqrt(above)) / up if up > 0 else inf
    return Share(
        a / (a + b), low / (1 + low), high / (1 + high) if high < inf else 1.0, part.of + other.of
    )


def power(of: int, other_hits: float, other_of: float, margin: float, confidence: float) -> float:
    """How often ``difference_bounds`` shows a loss below ``margin`` where there is none.

    ``of`` new cases, whose true share is the one that was found in the other ones.
    """
    truth = other_hits / other_of
    hits = np.arange(of + 1)
    shown = [
        difference_bounds(int(h), of, other_hits, other_of, confidence)[0] > -margin for h in hits
    ]
    return float(binom.pmf(hits, of, truth)[shown].sum())


def needed(
    other_hits: float, other_of: float, margin: float, confidence: float, wanted: float = 0.8
) -> int | None:
    """The least number of new cases, in steps of 10, with that ``power``; None beyond 5,000."""
    low, high = 1, 500
    if other_of <= 0 or power(10 * high, other_hits, other_of, margin, confidence) < wanted:
        return None
    while low < high:
        middle = (low + high) // 2
        if power(10 * middle, other_hits, other_of, margin, confidence) >= wanted:
            high = middle
        else:
            low = middle + 1
    return 10 * low
