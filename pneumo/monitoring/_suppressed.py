"""Which counts a page does not show: those from 1 to 4, and what they would follow from.

A small count beside its total and the other parts is no secret. So others are left out
with it until two values at least are possible, which linear programs say (complementary cell
suppression; Willenborg and de Waal, "Elements of Statistical Disclosure Control", 2001).
"""

from collections.abc import Hashable, Iterable, Iterator, Mapping, Sequence, Set
from dataclasses import dataclass

import numpy as np
from scipy.optimize import linprog

from pneumo.report.timelines import few

NOT_SHOWN = "not shown"


@dataclass(frozen=True)
class Sum:
    """A count that is the sum of others, and with ``rest`` of one that no page shows."""

    whole: Hashable
    parts: tuple[Hashable, ...]
    rest: bool = False


def texts(
    counts: Mapping[Hashable, int], sums: Iterable[Sum], absent: Set[Hashable] = frozenset()
) -> dict[Hashable, str]:
    """Every count as a page may show it, without those that are ``absent`` from it."""
    gone = hidden(counts, sums, absent)
    return {
        cell: NOT_SHOWN if cell in gone and not _is_small(count) else few(count)
        for cell, count in counts.items()
        if cell not in absent
    }


def hidden(
    counts: Mapping[Hashable, int], sums: Iterable[Sum], absent: Set[Hashable] = frozenset()
) -> set[Hashable]:
    """The counts that are not shown: small ones, and those that would give them away."""
    found = {cell for cell, count in counts.items() if _is_small(count)} | absent
    sums = list(sums)
    while known := next(_found_out(counts, sums, found, absent), None):
        if (more := next(_beside(known, counts, sums, found), None)) is None:
            break
        found.add(more)
    return found


def _found_out(
    counts: Mapping[Hashable, int],
    sums: Sequence[Sum],
    gone: set[Hashable],
    absent: Set[Hashable],
) -> Iterator[frozenset[int]]:
    """For each small count that one value alone fits: the places of the sums it is in."""
    true = list(counts.values())
    place = {cell: number for number, cell in enumerate(counts)}
    rests = [one for one in sums if one.rest]
    true += [counts[one.whole] - sum(counts[part] for part in one.parts) for one in rests]
    matrix = np.zeros((len(sums), len(true)))
    for number, one in enumerate(sums):
        matrix[number, place[one.whole]] = 1
        for part in one.parts:
            matrix[number, place[part]] -= 1
    for number, one in enumerate(rests, len(counts)):
        matrix[sums.index(one), number] = -1
    bounds: list[tuple[int, int | None]] = [
        (count, count)
        if cell not in gone
        else (1, 4)
        if _is_small(count) and cell not in absent
        else (0, None)
        for cell, count in counts.items()
    ]
    bounds += [(0, None)] * len(rests)
    given = {"A_eq": matrix, "b_eq": np.zeros(len(sums)), "bounds": bounds}
    for number in [n for n, count in enumerate(true) if _is_small(count)]:
        cost = np.eye(len(true))[number]
        low, high = linprog(cost, **given), linprog(-cost, **given)
        if low.status == high.status == 0 and -high.fun - low.fun < 0.5:
            yield frozenset(np.flatnonzero(matrix[:, number]).tolist())


def _beside(
    known: frozenset[int],
    counts: Mapping[Hashable, int],
    sums: Sequence[Sum],
    gone: set[Hashable],
) -> Iterator[Hashable]:
    """Counts that are shown still, those of the sums ``known`` first, and zeros last."""
    near = [one for number, one in enumerate(sums) if number in known]
    cells = [cell for one in (*near, *sums) for cell in (one.whole, *one.parts)]
    shown = [cell for cell in cells if cell not in gone]
    yield from sorted(shown, key=lambda cell: counts[cell] == 0)


def _is_small(count: int) -> bool:
    return 0 < count < 5
