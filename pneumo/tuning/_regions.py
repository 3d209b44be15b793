"""Connected regions of many probability maps at once, for the search of ``tune``.

Only pixels that some network finds likely enough are looked at. They are joined to runs along
their rows, and runs that touch in the next row, also at a corner, are one region. The regions are
those of ``boxes.components``, to the bit; a test holds both together.
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

import numpy as np
from scipy.sparse import coo_array
from scipy.sparse.csgraph import connected_components

from pneumo.detection.frame import STATED_FOR_PX, Frame
from pneumo.detection.matching import Boxes


@dataclass(frozen=True)
class LikelyPixels:
    """Pixels of ``n`` square maps that at least one network puts above the lowest threshold.

    ``place`` int64 ``(p,)``: flat index in ``(n, size_px, size_px)``, ascending; ``values``: each
    network's probabilities there, float32 ``(p,)``.
    """

    place: np.ndarray
    values: dict[str, np.ndarray]
    size_px: int

    def blended(self, weights: Mapping[str, float]) -> np.ndarray:
        """What ``ensemble.blend`` gives at these pixels."""
        total = np.zeros(len(self.place), np.float32)
        for name, weight in weights.items():
            if weight > 0:
                total += np.float32(weight) * self.values[name]
        return total


@dataclass(frozen=True)
class Regions:
    """Connected regions in original pixels, most confident first within each radiograph."""

    boxes: Boxes
    pixels: np.ndarray


def likely_pixels(probabilities: Mapping[str, np.ndarray], lowest: float) -> LikelyPixels:
    """The pixels of the networks' maps ``(n, size_px, size_px)`` where any is above ``lowest``."""
    maps = list(probabilities.values())
    likely = maps[0] > lowest
    for values in maps[1:]:
        likely |= values > lowest
    place = np.flatnonzero(likely)
    there = {name: maps.reshape(-1)[place] for name, maps in probabilities.items()}
    return LikelyPixels(place, there, maps[0].shape[1])


class Frames:
    """The frames of many radiographs as columns, to map regions to original pixels."""

    def __init__(self, frames: Sequence[Frame]) -> None:
        """``frames`` in the order of the maps."""
        self.offset = np.array([frame.offset[::-1] for frame in frames], float).reshape(-1, 2)
        self.limit = np.array([(f.columns, f.rows) for f in frames], float).reshape(-1, 2)
        self.scale = np.array(
            [(f.columns / f.shape[1], f.rows / f.shape[0]) for f in frames], float
        ).reshape(-1, 2)
        self._pixels = np.array([f.rows * f.columns for f in frames], float)

    def areas_px(self, stated: float, image: np.ndarray) -> np.ndarray:
        """As ``Frame.area_px``, on each of the radiographs ``image``."""
        return stated * self._pixels[image] / STATED_FOR_PX

    def to_original(self, image: np.ndarray, sides: np.ndarray) -> np.ndarray:
        """As ``Frame.to_original``: sides ``(m, 4)`` of boxes on the radiographs ``image``."""
        low = (sides[:, :2] - self.offset[image]) * self.scale[image]
        high = np.minimum(low + sides[:, 2:] * self.scale[image], self.limit[image])
        low = low.clip(0)
        return np.hstack([low, (high - low).clip(0)])


def find_regions(
    pixels: LikelyPixels, blended: np.ndarray, threshold: float, frames: Frames
) -> Regions:
    """All connected regions of the blended maps above ``threshold``, 8-connected."""
    above = blended > threshold
    if not above.any():
        return Regions(Boxes(np.zeros(0, int), np.zeros((0, 4)), np.zeros(0)), np.zeros(0))
    place, values, size = pixels.place[above], blended[above].astype(float), pixels.size_px
    starts = np.flatnonzero((np.diff(place, prepend=-2) != 1) | (place % size == 0))
    length = np.diff(starts, append=len(place))
    line, left = np.divmod(place[starts], size)
    label = _join(line + line // size, left, left + length - 1, size)
    count = int(label.max()) + 1
    area = np.bincount(label, weights=length, minlength=count)
    sums = np.bincount(np.repeat(label, length), weights=values, minlength=count)
    image, sides = _bounds(label, line, left, left + length, size)
    boxes = Boxes(image, frames.to_original(image, sides), (sums / area).clip(0, 1))
    original = np.rint(area * frames.scale[image, 1] * frames.scale[image, 0])
    return _ranked(Regions(boxes, original))


def _join(line: np.ndarray, left: np.ndarray, right: np.ndarray, size: int) -> np.ndarray:
    """Number the regions that runs belong to; ``line`` skips a number between maps."""
    width = size + 3
    first = np.searchsorted(line * width + right, (line + 1) * width + left - 1, "left")
    count = np.searchsorted(line * width + left, (line + 1) * width + right + 1, "right") - first
    count = count.clip(0)
    upper = np.repeat(np.arange(len(line)), count)
    lower = np.arange(len(upper)) - np.repeat(np.cumsum(count) - count, count) + first[upper]
    touching = coo_array((np.ones(len(upper), bool), (upper, lower)), shape=(len(line),) * 2)
    return connected_components(touching, directed=False)[1]


def _bounds(
    label: np.ndarray, line: np.ndarray, left: np.ndarray, right: np.ndarray, size: int
) -> tuple[np.ndarray, np.ndarray]:
    """Each region's map, and its sides ``(m, 4)`` in pixels of the map; ``right`` is exclusive."""
    order = np.argsort(label, kind="stable")
    first = np.flatnonzero(np.diff(label[order], prepend=-1))
    image, row = np.divmod(line[order], size)
    top, bottom = np.minimum.reduceat(row, first), np.maximum.reduceat(row, first) + 1
    west = np.minimum.reduceat(left[order], first)
    east = np.maximum.reduceat(right[order], first)
    return image[first], np.stack([west, top, east - west, bottom - top], axis=1).astype(float)


def _ranked(regions: Regions) -> Regions:
    """Most confident first; regions beside the radiograph have no area and are left out."""
    boxes = regions.boxes
    x, y, width, height = boxes.sides.T
    order = np.lexsort((height, width, y, x, -boxes.confidence, boxes.image))
    order = order[(width * height > 0)[order]]
    ranked = Boxes(boxes.image[order], boxes.sides[order], boxes.confidence[order])
    return Regions(ranked, regions.pixels[order])
