"""Sensitivity and specificity where not everything is read: weighted by the inverse of the chance.

All called radiographs are read, of the uncalled a part. Counting what was read gives a sensitivity
that is far too high; each reading stands for ``1 / chance`` radiographs instead (Horvitz and
Thompson, JASA 47, 1952). Sensitivity is made of two independent shares, of opacities among the
called and among the uncalled; each has Wilson's interval at its effective size (Kish, "Survey
Sampling", 1965), in which the radiographs of one person count as one.
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

import numpy as np

from pneumo.evaluation.proportions import Share, part_of_both, wilson
from pneumo.monitoring._counted import Truth
from pneumo.monitoring.draw import Drawn

CALLED_ALONE = "sensitivity cannot be told: no uncalled radiograph of the draw was read"


@dataclass(frozen=True)
class Figures:
    """What the verdicts say; a figure is None where it cannot be told.

    ``naive`` is the sensitivity that counting alone would give, for comparison.
    """

    readings: int
    called: int
    uncalled: int
    people: int
    sensitivity: Share | None
    specificity: Share | None
    right_calls: Share | None
    naive: float
    words: str


def figures(truths: Sequence[Truth], answered: Mapping[bool, float] | None = None) -> Figures:
    """The figures of radiographs that were read by the draw (``chance`` above 0).

    ``answered`` says which part of those listed, called (True) and uncalled, was read by now;
    None: all.
    """
    read = [truth for truth in truths if truth.chance > 0]
    shares = answered or {True: 1.0, False: 1.0}
    called = [truth for truth in read if truth.answer.called]
    uncalled = [truth for truth in read if not truth.answer.called]
    hits = _share(called)
    people = len({truth.answer.who for truth in read})
    known = (len(read), len(called), len(uncalled), people)
    if not uncalled:
        right = hits if called else None
        return Figures(*known, None, None, right, float("nan"), CALLED_ALONE if read else "")
    missed = _share(uncalled)
    many = _size(called, shares[True]), _size(uncalled, shares[False])
    sensitivity = part_of_both(_amount(hits, many[0]), _amount(missed, many[1]))
    specificity = part_of_both(_amount(_rest(missed), many[1]), _amount(_rest(hits), many[0]))
    positive = [truth for truth in read if truth.positive]
    naive = sum(t.answer.called for t in positive) / len(positive) if positive else float("nan")
    return Figures(
        *known,
        sensitivity if sensitivity.value == sensitivity.value else None,
        specificity if specificity.value == specificity.value else None,
        hits if called else None,
        naive,
        "",
    )


def response(truths: Sequence[Truth], drawn: Sequence[Drawn]) -> dict[bool, float]:
    """Which part of those that were listed, called (True) and uncalled, was read by now.

    1 where nothing was listed.
    """
    read = {truth.answer.content for truth in truths}
    listed = {
        kind: [one for one in drawn if one.drawn and one.called == kind] for kind in (True, False)
    }
    return {
        kind: (sum(one.content in read for one in ones) / len(ones) or 1.0) if ones else 1.0
        for kind, ones in listed.items()
    }


def _share(truths: Sequence[Truth]) -> Share:
    """The weighted share with an opacity, at its effective size."""
    if not truths:
        return Share(0.0, 0.0, 0.0, 0.0)
    weights = np.array([1 / truth.chance for truth in truths])
    _, person = np.unique([truth.answer.who for truth in truths], return_inverse=True)
    of_person = np.bincount(person, weights)
    size = weights.sum() ** 2 / (of_person**2).sum()
    positive = np.array([truth.positive for truth in truths], float)
    return wilson(float(size * (weights @ positive) / weights.sum()), float(size))


def _size(truths: Sequence[Truth], part_read: float) -> float:
    """How many radiographs the readings stand for."""
    return sum(1 / truth.chance for truth in truths) / part_read


def _rest(share: Share) -> Share:
    return Share(1 - share.value, 1 - share.high, 1 - share.low, share.of)


def _amount(share: Share, of: float) -> Share:
    return Share(share.value * of, share.low * of, share.high * of, share.of)
