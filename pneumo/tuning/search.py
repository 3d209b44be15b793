"""Every way to turn the networks' maps into boxes that the settings allow, scored on validation.

The score of a way on any set of images is a sum over images divided by their count, so one pass
gives it for all validation images and for as many halves of the people as are wanted: what the
nested resampling of ``choice`` needs costs next to nothing.
"""

from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from itertools import product
from typing import TYPE_CHECKING

import numpy as np

from pneumo.detection.ensemble import CELLS, Ensemble, cells_of, level_of_cells
from pneumo.detection.frame import Box, Frame
from pneumo.detection.matching import Boxes, Pairs, count_hits, pairs_of, table_of
from pneumo.tuning._regions import Frames, LikelyPixels, Regions, find_regions, likely_pixels

if TYPE_CHECKING:
    from pneumo.base.settings import BoxesSettings

Weights = dict[str, float]


@dataclass(frozen=True)
class Cases:
    """Validation images: the networks' maps ``(n, size_px, size_px)``, frames, true boxes."""

    probabilities: Mapping[str, np.ndarray]
    frames: Sequence[Frame]
    truth: Sequence[Sequence[Box]]


@dataclass(frozen=True)
class Scores:
    """Scores of every way on every subset of the images.

    ``values`` is float64 ``(weightings, thresholds, minimum areas, shrinks across, shrinks down,
    image thresholds, subsets)``, each in [0, 1].
    """

    values: np.ndarray
    weightings: Sequence[Weights]
    boxes: "BoxesSettings"

    def best(self, subset: int) -> tuple[int, ...]:
        """The place of the best way on a subset; the first among equals, which is the plainest."""
        scores = self.values[..., subset].round(9)
        return tuple(int(i) for i in np.unravel_index(scores.argmax(), scores.shape))

    def way(self, place: tuple[int, ...]) -> Ensemble:
        """The way at a place of ``values``."""
        weighting, threshold, area, across, down, level = place
        return Ensemble(
            dict(self.weightings[weighting]),
            self.boxes.thresholds[threshold],
            self.boxes.gates[level],
            self.boxes.minimum_areas_px[area],
            self.boxes.shrinks[across],
            self.boxes.shrinks[down],
        )


class Judge:
    """Scores ways on subsets of ``cases``; what does not change from one way to the next."""

    def __init__(self, cases: Cases, boxes: "BoxesSettings", subsets: np.ndarray) -> None:
        """``boxes`` is searched; ``subsets`` is bool ``(subsets, n)``."""
        self.boxes = boxes
        self._pixels: LikelyPixels = likely_pixels(cases.probabilities, min(boxes.thresholds))
        self._frames = Frames(cases.frames)
        self._truth: Boxes = table_of(cases.truth, ranked=False)
        self._cells = {name: cells_of(maps) for name, maps in cases.probabilities.items()}
        self._count = len(cases.frames)
        self._true_boxes = np.bincount(self._truth.image, minlength=self._count)
        self._positive = self._true_boxes > 0
        self._subsets = subsets.astype(float)

    def every(
        self,
        weightings: Sequence[Weights],
        progress: Callable[[int, int], None] = lambda done, total: None,
    ) -> Scores:
        """The score of every way on every subset."""
        done, total = 0, len(weightings) * len(self.boxes.thresholds)
        rows = []
        for weights in weightings:
            levels = self._levels(weights)
            blended = self._pixels.blended(weights)
            for threshold in self.boxes.thresholds:
                progress(done, total)
                regions = find_regions(self._pixels, blended, threshold, self._frames)
                rows.append(self._scores(regions, levels))
                done += 1
        shape = (len(weightings), len(self.boxes.thresholds), *rows[0].shape)
        return Scores(np.reshape(rows, shape), weightings, self.boxes)

    def one(self, way: Ensemble) -> np.ndarray:
        """The score of a way on each subset, float64 ``(subsets,)``.

        It need be none of those that are searched; its threshold is not below theirs.
        """
        blended = self._pixels.blended(way.weights)
        regions = find_regions(self._pixels, blended, way.threshold, self._frames)
        near = pairs_of(self._truth, _shrunk(regions.boxes, way.shrink_x, way.shrink_y))
        judged = [self._precision(near, regions, self._kept(regions, way.minimum_area_px))]
        passed = self._levels(way.weights) >= way.image_threshold
        return self._called(*self._by_truth(judged), passed)[0]

    def _levels(self, weights: Weights) -> np.ndarray:
        """The image level of each blended map, float64 ``(n,)``."""
        parts = [weights[name] * cells for name, cells in self._cells.items()]
        return level_of_cells(np.sum(parts, axis=0), CELLS)

    def _scores(self, regions: Regions, levels: np.ndarray) -> np.ndarray:
        """Scores of one weighting and threshold.

        ``(areas, shrinks, shrinks, image thresholds, subsets)``.
        """
        judged = self._by_truth(list(self._precisions(regions)))
        limits = self.boxes.gates
        rows = [self._called(*judged, levels >= limit) for limit in limits]
        sides = [len(self.boxes.minimum_areas_px), *[len(self.boxes.shrinks)] * 2]
        return np.stack(rows, axis=1).reshape(*sides, len(limits), -1)

    def _by_truth(
        self, judged: Sequence[tuple[np.ndarray, np.ndarray]]
    ) -> tuple[np.ndarray, np.ndarray]:
        """Precision of the positive images, and which of the others are called: rows of ways."""
        precision = np.array([precision[self._positive] for precision, _ in judged])
        return precision, np.array([called[~self._positive] for _, called in judged], float)

    def _called(
        self, precision: np.ndarray, false_calls: np.ndarray, passed: np.ndarray
    ) -> np.ndarray:
        """Scores ``(ways, subsets)``: who did not pass has no call, so counts 0 or not at all."""
        yes, no = self._subsets[:, self._positive], self._subsets[:, ~self._positive]
        total = (precision * passed[self._positive]) @ yes.T
        counted = yes.sum(axis=1) + (false_calls * passed[~self._positive]) @ no.T
        return np.divide(total, counted, out=np.zeros_like(total), where=counted > 0)

    def _precisions(self, regions: Regions) -> Iterator[tuple[np.ndarray, np.ndarray]]:
        """Precision and whether anything is called, ``(n,)`` each, per area and shrinks."""
        shrinks = list(product(self.boxes.shrinks, repeat=2))
        pairs = [pairs_of(self._truth, _shrunk(regions.boxes, *both)) for both in shrinks]
        for area in self.boxes.minimum_areas_px:
            kept = self._kept(regions, area)
            for near in pairs:
                yield self._precision(near, regions, kept)

    def _kept(self, regions: Regions, area: float) -> np.ndarray:
        """Which regions are as large as ``area``, as it is stated."""
        return regions.pixels >= self._frames.areas_px(area, regions.boxes.image)

    def _precision(
        self, near: Pairs, regions: Regions, kept: np.ndarray
    ) -> tuple[np.ndarray, np.ndarray]:
        calls = np.bincount(regions.boxes.image[kept], minlength=self._count)
        boxes = self._true_boxes + calls
        hits = count_hits(_chosen(near, kept), self._count)
        rows = hits / np.maximum(boxes[:, None] - hits, 1)
        return rows.mean(axis=1), calls > 0


def _chosen(pairs: Pairs, kept: np.ndarray) -> Pairs:
    chosen = kept[pairs.call]
    return Pairs(
        pairs.call[chosen], pairs.image[chosen], pairs.target[chosen], pairs.overlap[chosen]
    )


def _shrunk(boxes: Boxes, across: float, down: float) -> Boxes:
    """As ``Box.shrunk``."""
    share = np.array([across, down])
    corner = boxes.sides[:, :2] + boxes.sides[:, 2:] * share / 2
    sides = np.hstack([corner, boxes.sides[:, 2:] * (1 - share)])
    return Boxes(boxes.image, sides, boxes.confidence)
