"""Calls matched to true boxes, as the challenge does it, on arrays of many radiographs at once.

Calls come in falling confidence; each takes the free true box that it overlaps most, and hits it
where their intersection over union is above the threshold. Only pairs that overlap by more than the
lowest threshold are looked at: no other pair can ever be a hit. Everything that pairs boxes does it
here; the tests hold it against a plain loop.
"""

from collections.abc import Iterable, Sequence
from dataclasses import dataclass

import numpy as np

from pneumo.detection.frame import Box

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


def pairs_of(truth: Boxes, calls: Boxes, above: float = THRESHOLDS[0]) -> Pairs:
    """Every call with every true box of its radiograph that it overlaps by more than ``above``."""
    first = np.searchsorted(truth.image, calls.image, "left")
    count = np.searchsorted(truth.image, calls.image, "right") - first
    call = np.repeat(np.arange(len(count)), count)
    number = np.arange(len(call)) - np.repeat(np.cumsum(count) - count, count)
    overlap = _overlaps(calls.sides[call], truth.sides[first[call] + number])
    near = overlap > above
    call = call[near]
    return Pairs(call, calls.image[call], number[near], overlap[near])


def count_hits(pairs: Pairs, images: int) -> np.ndarray:
    """Hits per radiograph and threshold: int64 ``(images, 8)``.

    Calls are taken in the order of their table, each to the free true box it overlaps most.
    """
    hits = np.zeros((images, len(THRESHOLDS)), np.int64)
    if len(pairs.call):
        known, overlaps, _ = _by_image(pairs)
        hits[known] = _greedy(overlaps, THRESHOLDS).sum(axis=1)
    return hits


def hits_of(
    truth: Sequence[Sequence[Box]], found: Sequence[Sequence[Box]], threshold: float
) -> list[np.ndarray]:
    """For each radiograph, which of ``found`` (most sure first) hit a true box: bool ``(calls,)``.

    A hit overlaps the true box it takes by more than ``threshold``.
    """
    calls = table_of(found, ranked=False)
    pairs = pairs_of(table_of(truth, ranked=False), calls, threshold)
    hit = np.zeros(len(calls.image), bool)
    if len(pairs.call):
        known, overlaps, rank = _by_image(pairs)
        row = np.searchsorted(known, pairs.image)
        hit[pairs.call] = _greedy(overlaps, (threshold,))[row, rank, 0]
    return np.split(hit, np.cumsum([len(boxes) for boxes in found])[:-1]) if found else []


def precision_rows(truth: Boxes, calls: Boxes, images: int) -> np.ndarray:
    """Hits / (hits + false calls + misses): float64 ``(images, 8)``.

    NaN for a radiograph without truth and without calls.
    """
    boxes = np.bincount(truth.image, minlength=images) + np.bincount(calls.image, minlength=images)
    hits = count_hits(pairs_of(truth, calls), images)
    return np.divide(
        hits, boxes[:, None] - hits, out=np.full(hits.shape, np.nan), where=boxes[:, None] > 0
    )


def _by_image(pairs: Pairs) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    """The radiographs with pairs, their overlaps ``(images, calls, true boxes)``, and each pair's
    place among the calls.
    """
    known, row = np.unique(pairs.image, return_inverse=True)
    rank = _ranks(pairs, row)
    overlaps = np.zeros((len(known), rank.max() + 1, pairs.target.max() + 1))
    overlaps[row, rank, pairs.target] = pairs.overlap
    return known, overlaps, rank


def _ranks(pairs: Pairs, row: np.ndarray) -> np.ndarray:
    """The place of each pair's call among the calls of its radiograph that are in any pair."""
    number = np.cumsum(np.diff(pairs.call, prepend=pairs.call[0]) > 0)
    first = np.full(row.max() + 1, len(row))
    np.minimum.at(first, row, number)
    return number - first[row]


def _greedy(overlaps: np.ndarray, thresholds: Sequence[float]) -> np.ndarray:
    """Hits, bool ``(images, calls, thresholds)``, from overlaps ``(images, calls, true boxes)``."""
    images, calls, targets = overlaps.shape
    free = np.ones((images, len(thresholds), targets), bool)
    hits = np.zeros((images, calls, len(thresholds)), bool)
    for call in range(calls):
        open_to_it = np.where(free, overlaps[:, None, call], -1.0)
        best = open_to_it.argmax(axis=2)[..., None]
        hit = np.take_along_axis(open_to_it, best, 2)[..., 0] > np.array(thresholds)
        taken = np.take_along_axis(free, best, 2) & ~hit[..., None]
        np.put_along_axis(free, best, taken, 2)
        hits[:, call] = hit
    return hits


def _overlaps(a: np.ndarray, b: np.ndarray) -> np.ndarray:
    """Intersection over union of rows of two tables of sides ``(m, 4)``; 0 where both are empty."""
    shared = np.minimum(a[:, :2] + a[:, 2:], b[:, :2] + b[:, 2:]) - np.maximum(a[:, :2], b[:, :2])
    inside = shared.clip(0).prod(axis=1)
    union = a[:, 2:].prod(axis=1) + b[:, 2:].prod(axis=1) - inside
    return np.divide(inside, union, out=np.zeros(len(a)), where=union > 0)
