"""Figures beside the challenge's metric: pixels, and what trivial predictions reach."""

from collections.abc import Mapping, Sequence

import numpy as np

from pneumo.boxes import Box, Frame, mask_from_boxes


def pixel_measures(truth: np.ndarray, found: np.ndarray) -> dict[str, float]:
    """Mean IoU, pixel accuracy and F1 of masks, all in [0, 1], over the pixels of all images.

    ``truth`` and ``found`` are 0 or 1, ``(n, size_px, size_px)``. Mean IoU is the mean of opacity
    and background; F1 is the opacity's (Dice). A class that neither mask has counts 1.
    """
    truth, found = truth.astype(bool), found.astype(bool)
    hits = int(np.count_nonzero(truth & found))
    false_calls, misses = int(found.sum()) - hits, int(truth.sum()) - hits
    rest = truth.size - hits - false_calls - misses
    wrong = false_calls + misses
    return {
        "mean_iou": (_share(hits, hits + wrong) + _share(rest, rest + wrong)) / 2,
        "pixel_accuracy": (hits + rest) / truth.size,
        "f1": _share(2 * hits, 2 * hits + wrong),
    }


def masks_of_boxes(boxes: Sequence[Sequence[Box]], frames: Sequence[Frame]) -> np.ndarray:
    """Draw the boxes (original pixels) of each image: uint8 0 or 1, ``(n, size_px, size_px)``."""
    return np.stack([mask_from_boxes(b, frame) for b, frame in zip(boxes, frames, strict=True)])


def constant_boxes(truth: Mapping[str, Sequence[Box]], columns: int) -> list[Box]:
    """The median true box of the left and of the right half, in pixels of ``columns`` width.

    The best a method can do that never looks: called on every radiograph.
    """
    every = [box for boxes in truth.values() for box in boxes]
    halves = (
        [box for box in every if (box.x + box.width / 2 < columns / 2) == left]
        for left in (True, False)
    )
    return [_median_box(half) for half in halves if half]


def _median_box(boxes: Sequence[Box]) -> Box:
    sides = np.median([(b.x, b.y, b.width, b.height) for b in boxes], axis=0)
    return Box(*map(float, sides))


def _share(part: int, total: int) -> float:
    return part / total if total else 1.0
