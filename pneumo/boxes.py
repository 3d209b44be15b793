"""Boxes on a radiograph: their overlap, and the way from masks to boxes and back."""

from collections.abc import Iterable
from dataclasses import dataclass, replace

import numpy as np
from scipy.ndimage import find_objects
from skimage.measure import label


@dataclass(frozen=True)
class Box:
    """A rectangle in pixels, ``(x, y)`` its upper left corner, confidence in [0, 1]."""

    x: float
    y: float
    width: float
    height: float
    confidence: float = 1.0

    @property
    def area(self) -> float:
        """Area in square pixels."""
        return self.width * self.height

    def shrunk(self, share: float) -> "Box":
        """The box with ``share`` of width and height taken off, about the same centre."""
        return replace(
            self,
            x=self.x + self.width * share / 2,
            y=self.y + self.height * share / 2,
            width=self.width * (1 - share),
            height=self.height * (1 - share),
        )


def iou(a: Box, b: Box) -> float:
    """Intersection over union of two boxes, in [0, 1]; 0 where both are empty."""
    across = min(a.x + a.width, b.x + b.width) - max(a.x, b.x)
    down = min(a.y + a.height, b.y + b.height) - max(a.y, b.y)
    shared = max(across, 0.0) * max(down, 0.0)
    union = a.area + b.area - shared
    return shared / union if union > 0 else 0.0


@dataclass(frozen=True)
class Frame:
    """Where a radiograph of ``rows`` x ``columns`` lies in a square input of ``size_px``.

    The radiograph is scaled by area averaging until its longer side fills the square and is
    centred; the rest is black. Boxes map to the square and back without rounding.
    """

    rows: int
    columns: int
    size_px: int

    @property
    def scale(self) -> float:
        """Original pixels per pixel of the square."""
        return max(self.rows, self.columns) / self.size_px

    @property
    def shape(self) -> tuple[int, int]:
        """Rows and columns that the scaled radiograph takes in the square, at least 1."""
        return max(1, round(self.rows / self.scale)), max(1, round(self.columns / self.scale))

    @property
    def offset(self) -> tuple[int, int]:
        """Rows above and columns left of the scaled radiograph."""
        rows, columns = self.shape
        return (self.size_px - rows) // 2, (self.size_px - columns) // 2

    def to_square(self, box: Box) -> Box:
        """Map a box in original pixels to pixels of the square."""
        (top, left), (down, across) = self.offset, self._scales()
        return replace(
            box,
            x=box.x / across + left,
            y=box.y / down + top,
            width=box.width / across,
            height=box.height / down,
        )

    def to_original(self, box: Box) -> Box:
        """Map a box in pixels of the square to original pixels, cut at the radiograph's edges."""
        (top, left), (down, across) = self.offset, self._scales()
        x, y = (box.x - left) * across, (box.y - top) * down
        right = min(x + box.width * across, self.columns)
        bottom = min(y + box.height * down, self.rows)
        x, y = max(x, 0.0), max(y, 0.0)
        return replace(box, x=x, y=y, width=max(right - x, 0.0), height=max(bottom - y, 0.0))

    def _scales(self) -> tuple[float, float]:
        rows, columns = self.shape
        return self.rows / rows, self.columns / columns


def mask_from_boxes(boxes: Iterable[Box], frame: Frame) -> np.ndarray:
    """Draw boxes (original pixels) as a mask: uint8 0 or 1, ``(size_px, size_px)``.

    A pixel is 1 when its centre lies in a box; a box thinner than a pixel still marks one.
    """
    mask = np.zeros((frame.size_px, frame.size_px), np.uint8)
    for box in map(frame.to_square, boxes):
        top, left = int(np.ceil(box.y - 0.5)), int(np.ceil(box.x - 0.5))
        bottom, right = (
            int(np.ceil(box.y + box.height - 0.5)),
            int(np.ceil(box.x + box.width - 0.5)),
        )
        mask[max(top, 0) : max(bottom, top + 1), max(left, 0) : max(right, left + 1)] = 1
    return mask


@dataclass(frozen=True)
class Component:
    """A connected region: its bounding box in pixels of the map, and how many pixels it has."""

    box: Box
    pixels: int

    def to_original(self, frame: Frame) -> "Component":
        """The same region in pixels of the original radiograph."""
        height, width = frame.rows / frame.shape[0], frame.columns / frame.shape[1]
        return Component(frame.to_original(self.box), round(self.pixels * height * width))


def components(probability: np.ndarray, threshold: float) -> list[Component]:
    """Connected regions above ``threshold``, 8-connected, in reading order of their first pixel.

    ``probability`` is ``(rows, columns)`` in [0, 1]. A box's confidence is the mean probability
    of the region's pixels.
    """
    labels = label(probability > threshold, connectivity=2)
    places = find_objects(labels)
    if not places:
        return []
    pixels = np.bincount(labels.ravel())[1:]
    means = np.bincount(labels.ravel(), weights=probability.ravel())[1:] / pixels
    return [
        Component(_box(rows, columns, float(mean)), int(count))
        for (rows, columns), mean, count in zip(places, means.clip(0, 1), pixels, strict=True)
    ]


def filter_boxes(found: Iterable[Component], minimum_area_px: float, shrink: float) -> list[Box]:
    """Boxes of the components with at least ``minimum_area_px`` pixels, shrunk.

    Most confident first. Pixels are those of the space the components are in.
    """
    kept = (c.box.shrunk(shrink) for c in found if c.pixels >= minimum_area_px)
    return sorted((box for box in kept if box.area > 0), key=lambda box: -box.confidence)


def boxes_from_probability(
    probability: np.ndarray,
    frame: Frame,
    *,
    threshold: float,
    minimum_area_px: float,
    shrink: float,
) -> list[Box]:
    """Boxes in pixels of the original radiograph, most confident first.

    ``probability`` is ``(size_px, size_px)`` in [0, 1]. Components above ``threshold`` with at
    least ``minimum_area_px`` pixels at the original scale are kept, and their boxes shrunk.
    """
    found = (part.to_original(frame) for part in components(probability, threshold))
    return filter_boxes(found, minimum_area_px, shrink)


def _box(rows: slice, columns: slice, confidence: float) -> Box:
    width, height = columns.stop - columns.start, rows.stop - rows.start
    return Box(columns.start, rows.start, width, height, confidence)
