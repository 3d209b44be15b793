"""Boxes on a radiograph: their overlap, and the way from masks to boxes and back."""

from collections.abc import Iterable
from dataclasses import dataclass

import numpy as np
from scipy.ndimage import find_objects
from skimage.measure import label

from pneumo.detection.frame import Box, Frame

__all__ = [
    "Box",
    "Component",
    "Frame",
    "boxes_from_probability",
    "components",
    "filter_boxes",
    "iou",
    "mask_from_boxes",
]


def iou(a: Box, b: Box) -> float:
    """Intersection over union of two boxes, in [0, 1]; 0 where both are empty."""
    across = min(a.x + a.width, b.x + b.width) - max(a.x, b.x)
    down = min(a.y + a.height, b.y + b.height) - max(a.y, b.y)
    shared = max(across, 0.0) * max(down, 0.0)
    union = a.area + b.area - shared
    return shared / union if union > 0 else 0.0


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


def filter_boxes(
    found: Iterable[Component], minimum_area_px: float, shrink_x: float, shrink_y: float
) -> list[Box]:
    """Boxes of the components with at least ``minimum_area_px`` pixels, shrunk along each axis.

    Most confident first. Pixels are those of the space the components are in.
    """
    kept = (c.box.shrunk(shrink_x, shrink_y) for c in found if c.pixels >= minimum_area_px)
    return sorted((box for box in kept if box.area > 0), key=lambda box: -box.confidence)


def boxes_from_probability(
    probability: np.ndarray,
    frame: Frame,
    *,
    threshold: float,
    minimum_area_px: float,
    shrink_x: float,
    shrink_y: float,
) -> list[Box]:
    """Boxes in pixels of the original radiograph, most confident first.

    ``probability`` is ``(size_px, size_px)`` in [0, 1]. Components above ``threshold`` with at
    least ``minimum_area_px`` pixels at the original scale are kept, and their boxes shrunk.
    """
    found = (part.to_original(frame) for part in components(probability, threshold))
    return filter_boxes(found, minimum_area_px, shrink_x, shrink_y)


def _box(rows: slice, columns: slice, confidence: float) -> Box:
    width, height = columns.stop - columns.start, rows.stop - rows.start
    return Box(columns.start, rows.start, width, height, confidence)
