"""One answer from several networks: blended probabilities, and what turns them into boxes."""

import math
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import asdict, dataclass, fields, replace
from typing import Any

import numpy as np

from pneumo.detection.boxes import Box, Frame, boxes_from_probability, components, iou
from pneumo.detection.frame import STATED_FOR_PX

GRID = 16
"""Cells along each side of a map, of which the image level is made."""

CELLS, EARLIER_CELLS = 19, 5
"""Cells of the image level; those of versions that do not say how many.

The 9,555 boxes of the challenge's training labels have 18.9 of them on average.
"""

SAME = 0.9
"""IoU above which two boxes are the same call, and share of the pixels that they have in common."""

SMALLEST = 64
"""Side of the smallest radiograph that is read, in pixels; a test compares it with the reader."""

SEED = 1
"""Of random weightings: the same networks are tried with the same ones."""


SAVED_AS = {"image_threshold": "gate"}
"""Field -> its key in files, where that is another word: registered versions have it."""


@dataclass(frozen=True)
class Ensemble:
    """All that turns the networks' probabilities into boxes; what is tuned and registered."""

    weights: dict[str, float]
    threshold: float
    image_threshold: float
    minimum_area_px: float
    shrink_x: float
    shrink_y: float
    cells: int = CELLS

    def to_json(self) -> dict:
        """A plain dict that ``from_json`` takes back; what versions of before said, as they did."""
        found = dict(zip(self.saved_keys(), asdict(self).values(), strict=True))
        if self.cells == EARLIER_CELLS:
            del found["cells"]
        return found

    @classmethod
    def from_json(cls, value: Mapping[str, Any]) -> "Ensemble":
        """The ensemble that ``tune`` wrote, which may stand beside other figures.

        Raises KeyError for a field that is missing; without ``cells`` it is one of before.
        """
        known = {"cells": EARLIER_CELLS, **value}
        return cls(*(known[key] for key in cls.saved_keys()))

    @classmethod
    def saved_keys(cls) -> list[str]:
        """The keys of ``to_json``, in the order of the fields; ``cells`` may be left out."""
        return [SAVED_AS.get(field.name, field.name) for field in fields(cls)]

    @property
    def used(self) -> dict[str, float]:
        """The networks that count: name -> weight."""
        return {name: weight for name, weight in self.weights.items() if weight > 0}

    @property
    def operating_point(self) -> float:
        """The image level at which calls begin: its threshold, or without one the cells'."""
        return self.image_threshold if self.image_threshold > 0 else self.threshold

    def level(self, probability: np.ndarray) -> np.ndarray:
        """``image_level`` of blended maps, by this ensemble's ``cells``."""
        return image_level(probability, self.cells)

    def boxes(self, probability: np.ndarray, frame: Frame) -> list[Box]:
        """Boxes in original pixels from one blended map ``(size_px, size_px)`` in [0, 1].

        None where the image level is below ``image_threshold``. ``minimum_area_px`` is stated for
        1024 x 1024 pixels, and is the same share of a radiograph of another size. A box's
        confidence is the geometric mean of the mean probability inside its component and of the
        image level.
        """
        level = float(self.level(probability))
        if level < self.image_threshold:
            return []
        found = boxes_from_probability(
            probability,
            frame,
            threshold=self.threshold,
            minimum_area_px=frame.area_px(self.minimum_area_px),
            shrink_x=self.shrink_x,
            shrink_y=self.shrink_y,
        )
        return [replace(box, confidence=math.sqrt(box.confidence * level)) for box in found]

    def is_unsure(
        self, probability: np.ndarray, margin: float, limits_px: tuple[float, float] = (0, 0)
    ) -> bool:
        """Whether probabilities that are off by a little could call another thing.

        ``margin`` is how far one of 0.5 may be off; others as far as the same error of the logit
        moves them, so 0.05 by a fifth of it. A map is unsure where the image level is that close
        to ``image_threshold``, and where a region comes, goes, or changes by more than a tenth, its
        box or its pixels, as the threshold moves that far up or down: it is between these two,
        whatever the probabilities are, but for specks of less than a tenth of a region that fall
        off it. Regions below both ``limits_px`` are too small to be called; between them
        any change may decide. ``probability`` is as in ``boxes``.
        """
        level = float(self.level(probability))
        silent, called = _around(self.image_threshold, margin)
        if level < silent:
            return False
        lower, upper = _around(self.threshold, margin)
        least, most = limits_px
        low = [part for part in components(probability, lower) if part.pixels > least]
        if not low:
            return False
        if level < called:
            return True
        high = [part for part in components(probability, upper) if part.pixels > least]
        return len(low) != len(high) or any(
            iou(wide.box, narrow.box) <= SAME
            or narrow.pixels < SAME * wide.pixels
            or narrow.pixels < min(most, wide.pixels)
            for wide, narrow in zip(low, high, strict=True)
        )

    def limits_px(self, picture: np.ndarray) -> tuple[float, float]:
        """``minimum_area_px`` in pixels of a map: what it is at least and at most.

        ``picture`` is the square that the networks saw, uint8 ``(size_px, size_px)``. The
        radiograph takes at least those of its rows and columns that are not all black, and at most
        all. A pixel, or half of one of ``SMALLEST`` x ``SMALLEST``, is for rounding.
        """
        seen = picture > 0
        rows, columns = (np.count_nonzero(seen.any(axis=axis)) for axis in (1, 0))
        rounding = max(1.0, picture.size / (2 * SMALLEST**2))
        share = self.minimum_area_px / STATED_FOR_PX
        return share * rows * columns - rounding, share * picture.size + rounding


def _around(probability: float, margin: float) -> tuple[float, float]:
    """What a logit's error that moves 0.5 by ``margin`` makes of a probability, either way."""
    factor, rest = math.exp(4 * margin), 1 - probability
    return probability / (probability + rest * factor), probability / (probability + rest / factor)


def blend(probabilities: Mapping[str, np.ndarray], weights: Mapping[str, float]) -> np.ndarray:
    """Weighted mean of the networks' maps, each ``(n, size_px, size_px)`` in [0, 1].

    Weights sum to one; a network of weight zero is left out. Returns float32 of the same shape.
    """
    used = [(weight, probabilities[name]) for name, weight in weights.items() if weight > 0]
    total = np.zeros(used[0][1].shape, np.float32)
    for weight, values in used:
        total += np.float32(weight) * values
    return total


def image_level(probability: np.ndarray, cells: int = EARLIER_CELLS) -> np.ndarray:
    """Image-level probability of any opacity, in [0, 1]: ``(..., size_px, size_px)`` to ``(...)``.

    The map is averaged over ``GRID`` x ``GRID`` cells, and the highest ``cells`` of them are
    averaged, about as many as one opacity has: one bright pixel is no finding. Averages of cells
    blend as maps do, so a search need not blend whole maps. ``size_px`` is a multiple of ``GRID``.
    Versions of before carry a ``serving.py`` that names no ``cells``; ours ask ``Ensemble.level``.
    """
    return level_of_cells(cells_of(probability), cells)


def cells_of(probability: np.ndarray) -> np.ndarray:
    """Means over a grid of cells: ``(..., size_px, size_px)`` to float64 ``(..., GRID * GRID)``."""
    *many, rows, columns = probability.shape
    cells = probability.reshape(*many, GRID, rows // GRID, GRID, columns // GRID)
    return cells.mean(axis=(-3, -1), dtype=np.float64).reshape(*many, GRID * GRID)


def level_of_cells(means: np.ndarray, cells: int) -> np.ndarray:
    """The mean of the highest ``cells`` values of the last axis."""
    return np.partition(means, -cells, axis=-1)[..., -cells:].mean(axis=-1)


def weightings(
    models: Sequence[str], candidates: int, seed: int = SEED
) -> Iterator[dict[str, float]]:
    """Candidate weights: equal, then (unless ``candidates`` is 0) single networks and random.

    A single network has no other weights.
    """
    count = len(models)
    rows = [np.full(count, 1 / count)]
    if candidates and count > 1:
        rows += list(np.eye(count))
        rng = np.random.default_rng(seed)
        rows += list(rng.dirichlet(np.ones(count), candidates).round(3))
    for row in rows:
        yield {name: float(share) for name, share in zip(models, row / row.sum(), strict=True)}
