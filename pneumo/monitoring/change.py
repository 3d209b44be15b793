"""Whether a share fell below what was registered, asked every week and answered once for all weeks.

An e-detector: bets against "the share is still at least ``floor``" that start anew every week, for
several alternatives at once. Each bet is a factor whose mean is at most 1 as long as that holds, so
the Shiryaev-Roberts sum of all bets passes ``weeks`` no sooner than after ``weeks`` weeks on
average, however often it is looked at. Sources: Shin, Ramdas and Rinaldo, "E-detectors", New
England Journal of Statistics in Data Science 2 (2024); Pollak and Tartakovsky, "Optimality
properties of the Shiryaev-Roberts procedure", Statistica Sinica 19 (2009).

Not every radiograph is read. One that was read with probability ``p`` is bet on as ``1 / p`` of its
kind: the factor's mean stays 1 whatever ``p`` is, and where ``p`` is one number for all, the factor
is the likelihood ratio.
"""

from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from math import prod

DEEPER = (0.05, 0.1, 0.15, 0.2, 0.3)
"""By how much less than ``floor`` the alternatives are."""

YEARS = 10
LIMIT = 52.0 * YEARS
"""Weeks that pass on average, at least, before the sum is there while the share holds."""

BOLDEST = 0.9
"""Of what one reading could lose of a bet: it ends none, and no factor is below 0."""


@dataclass(frozen=True)
class Reading:
    """One radiograph of the kind that is counted: was it answered right, and how likely read."""

    right: bool
    chance: float
    person: str = ""
    """Whose it is; blank: a person of its own."""
    of: int = 1
    """Radiographs of that person that were answered, read or not."""


@dataclass(frozen=True)
class Found:
    """How the sum stands after each week that had readings, and the week of the alarm, if any."""

    sums: Sequence[float]
    alarm: int | None
    """The place of that week in ``sums``."""


def watch(
    weeks: Iterable[Sequence[Reading]],
    floor: float,
    right_chance: float,
    wrong_chance: float,
    limit: float = LIMIT,
) -> Found:
    """Follow a share through its weeks; the sum stays where it is after the alarm.

    ``right_chance`` and ``wrong_chance`` in (0, 1] are how likely a radiograph that was answered
    right, or wrong, is read; half of each is the least that a reading has (``stakes_of``).
    """
    weeks = list(weeks)
    stakes = stakes_of(weeks, floor, right_chance, wrong_chance)
    bets = [0.0] * len(stakes)
    sums: list[float] = []
    alarm = None
    for week in weeks:
        if alarm is not None or not week:
            continue
        for number, part in enumerate(stakes):
            bets[number] = (bets[number] + 1) * _of_week(week, floor, part)
        sums.append(sum(bets) / len(bets) if bets else 0.0)
        if sums[-1] >= limit:
            alarm = len(sums) - 1
    return Found(sums, alarm)


def stakes_of(
    weeks: Sequence[Sequence[Reading]], floor: float, right_chance: float, wrong_chance: float
) -> list[float]:
    """The stake of each alternative (``stake``).

    A right one that was read with less than half of ``right_chance``, as when fewer were drawn
    before, makes all stakes smaller: to let it lose less than it should would make the mean of its
    factor more than 1.
    """
    least = min((one.chance for week in weeks for one in week if one.right), default=1.0)
    chances = min(right_chance, 2 * least), wrong_chance
    return [stake(floor, less, *chances) for less in alternatives(floor)]


def alternatives(floor: float) -> list[float]:
    """The shares that are bet on: below ``floor``, above 0."""
    return [floor - less for less in DEEPER if floor - less > 0.02]


def stake(floor: float, alternative: float, right_chance: float, wrong_chance: float) -> float:
    """What is bet so that the sum grows fastest if the share is ``alternative``.

    At most ``BOLDEST`` of what a reading of half the chance could lose.
    """
    spread = alternative / wrong_chance + (1 - alternative) / right_chance
    best = (floor - alternative) / (floor * (1 - floor) * spread)
    return min(best, BOLDEST * min(1.0, right_chance / 2) / (1 - floor))


def _of_week(week: Sequence[Reading], floor: float, part: float) -> float:
    """One factor a person: a person's radiographs are alike, so they share one bet.

    It is divided among all that were answered, not among those read: misses are read less often.
    """
    gains: dict[str | int, float] = {}
    for number, reading in enumerate(week):
        gain = (factor_of(reading, floor, part) - 1) / reading.of
        person = reading.person or number
        gains[person] = gains.get(person, 0.0) + gain
    return prod(1 + gain for gain in gains.values())


def factor_of(reading: Reading, floor: float, part: float) -> float:
    """What a reading does to a bet: less when it was answered right, more when wrong."""
    if reading.right:
        return 1 - part * (1 - floor) / reading.chance
    return 1 + part * floor / reading.chance
