"""Calls matched to true boxes, as the challenge does it, on arrays of many radiographs at once.

``rsna.precision_by_threshold`` is the definition in words of one radiograph; a test holds both
together. Matching only looks at pairs that overlap by more than the lowest threshold: no other pair
can ever be a hit, in whatever order the calls come.
"""

from collections.abc import Iterable, Sequence
from dataclasses import dataclass

import numpy as np

from pneumo.frame import Box

THRESHOLDS = tuple(percent / 100 for percent in range(40, 80, 5))
"""Intersection over union above which a call is a hit: 0.40, 0.45, ... 0.75."""


@dataclass(frozen=True)
class Boxes:
    """Boxes of many radiographs as one table, sorted by radiograph.

    ``image`` int ``(m,)``: number of the radiograph; ``sides`` float64 ``(m, 4)``: x, y, width,
    height in pixels; ``confidence`` float64 ``(m,)``, falling within each radiograph.
    """

    image: np.ndarray
    sides: np.ndarray
    confidence: np.ndarray


@dataclass(frozen=True)
class Pairs:
    """Calls and true boxes of one radiograph that overlap by more than the lowest threshold.

    All are ``(pairs,)``: the call's place in its table, the radiograph, the true box's number
    within its radiograph, and their intersection over union. Sorted by call.
    """

    call: np.ndarray
    image: np.ndarray
    target: np.ndarray
    overlap: np.ndarray


def table_of(boxes: Iterable[Sequence[Box]], *, ranked: bool) -> Boxes:
    """The boxes of radiographs 0, 1, ... as a table; ``ranked`` by confidence, else as given."""
    rows = [
        (image, box.x, box.y, box.width, box.height, box.confidence)
        for image, found in enumerate(boxes)
        for box in found
    ]
    table = np.array(rows, float).reshape(-1, 6)
    if ranked:
        image, x, y, width, height, confidence = table.T
        table = table[np.lexsort((height, width, y, x, -confidence, image))]
    return Boxes(table[:, 0].astype(int), table[:, 1:5], table[:, 5])


def pairs_of(truth: Boxes, calls: Boxes) -> Pairs:
    """Every call with every true box of its radiograph that it overlaps enough."""
    first = np.searchsorted(truth.image, calls.image, "left")
    count = np.searchsorted(truth.image, calls.image, "right") - first
    call = np.repeat(np.arange(len(count)), count)
    number = np.arange(len(call)) - np.repeat(np.cumsum(count) - count, count)
    overlap = _overlaps(calls.sides[call], truth.sides[first[call] + number])
    near = overlap > THRESHOLDS[0]
    call = call[near]
    return Pairs(call, calls.image[call], number[near], overlap[near])


def count_hits(pairs: Pairs, images: int) -> np.ndarray:
    """Hits per radiograph and threshold: int64 ``(images, 8)``.

    Calls are taken in the order of their table, each to the free true box it overlaps most.
    """
    hits = np.zeros((images, len(THRESHOLDS)), np.int64)
    if not len(pairs.call):
        return hits
    known, row = np.unique(pairs.image, return_inverse=True)
    overlaps = np.zeros((len(known), _ranks(pairs, row).max() + 1, pairs.target.max() + 1))
    overlaps[row, _ranks(pairs, row), pairs.target] = pairs.overlap
    hits[known] = _greedy(overlaps)
    return hits


def precision_rows(truth: Boxes, calls: Boxes, images: int) -> np.ndarray:
    """Hits / (hits + false calls + misses): float64 ``(images, 8)``.

    NaN for a radiograph without truth and without calls.
    """
    boxes = np.bincount(truth.image, minlength=images) + np.bincount(calls.image, minlength=images)
    hits = count_hits(pairs_of(truth, calls), images)
    return np.divide(
        hits, boxes[:, None] - hits, out=np.full(hits.shape, np.nan), where=boxes[:, None] > 0
    )


def _ranks(pairs: Pairs, row: np.ndarray) -> np.ndarray:
    """The place of each pair's call among the calls of its radiograph that are in any pair."""
    number = np.cumsum(np.diff(pairs.call, prepend=pairs.call[0]) > 0)
    first = np.full(row.max() + 1, len(row))
    np.minimum.at(first, row, number)
    return number - first[row]


def _greedy(overlaps: np.ndarray) -> np.ndarray:
    """Hits ``(images, 8)`` from overlaps ``(images, calls, true boxes)``, calls in their order."""
    images, calls, _ = overlaps.shape
    free = np.ones((images, len(THRESHOLDS), overlaps.shape[2]), bool)
    hits = np.zeros((images, len(THRESHOLDS)), np.int64)
    for call in range(calls):
        open_to_it = np.where(free, overlaps[:, None, call], -1.0)
        best = open_to_it.argmax(axis=2)[..., None]
        hit = np.take_along_axis(open_to_it, best, 2)[..., 0] > np.array(THRESHOLDS)
        taken = np.take_along_axis(free, best, 2) & ~hit[..., None]
        np.put_along_axis(free, best, taken, 2)
        hits += hit
    return hits


def _overlaps(a: np.ndarray, b: np.ndarray) -> np.ndarray:
    """Intersection over union of rows of two tables of sides ``(m, 4)``; 0 where both are empty."""
    shared = np.minimum(a[:, :2] + a[:, 2:], b[:, :2] + b[:, 2:]) - np.maximum(a[:, :2], b[:, :2])
    inside = shared.clip(0).prod(axis=1)
    union = a[:, 2:].prod(axis=1) + b[:, 2:].prod(axis=1) - inside
    return np.divide(inside, union, out=np.zeros(len(a)), where=union > 0)
