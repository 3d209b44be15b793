"""The challenge's metric as a plain loop: what the matcher is held against, in tests and here."""

from collections.abc import Sequence

from pneumo.detection.boxes import Box, iou
from pneumo.detection.matching import THRESHOLDS


def hits(truth: Sequence[Box], calls: Sequence[Box], threshold: float) -> list[bool]:
    """Each call in turn takes the free true box it overlaps most; a hit is above ``threshold``."""
    free, found = list(truth), []
    for call in calls:
        overlaps = [iou(call, box) for box in free]
        found.append(max(overlaps, default=0.0) > threshold)
        if found[-1]:
            free.pop(overlaps.index(max(overlaps)))
    return found


def precision(truth: Sequence[Box], calls: Sequence[Box]) -> list[float] | None:
    """Hits / (hits + false calls + misses) at each threshold; None where there is no box at all."""
    if not truth and not calls:
        return None
    counts = [sum(hits(truth, ranked(calls), threshold)) for threshold in THRESHOLDS]
    return [count / (len(truth) + len(calls) - count) for count in counts]


def ranked(calls: Sequence[Box]) -> list[Box]:
    """Calls in falling confidence, equal ones by place."""
    return sorted(calls, key=lambda b: (-b.confidence, b.x, b.y, b.width, b.height))
