"""Figures beside the challenge's metric: pixels, and what trivial predictions reach."""

from collections.abc import Mapping, Sequence

import numpy as np

from pneumo.detection.boxes import Box, Frame, mask_from_boxes


def pixel_measures(truth: np.ndarray, found: np.ndarray) -> dict[str, float]:
    """Mean IoU, pixel accuracy and F1 of masks, all in [0, 1], over the pixels of all images.

    ``truth`` and ``found`` are 0 or 1, ``(n, size_px, size_px)``.
    """
    counts = pixel_counts(truth, found)
    measured = pixel_measures_of(counts, np.ones((1, len(counts))))
    return {name: float(values[0]) for name, values in measured.items()}


def pixel_counts(truth: np.ndarray, found: np.ndarray) -> np.ndarray:
    """Per image: pixels hit, called falsely, missed, and rightly left: float64 ``(n, 4)``."""
    truth, found = truth.astype(bool), found.astype(bool)
    hits = np.count_nonzero(truth & found, axis=(1, 2))
    called, true = (np.count_nonzero(mask, axis=(1, 2)) for mask in (found, truth))
    rest = truth[0].size - called - true + hits
    return np.stack([hits, called - hits, true - hits, rest], axis=1).astype(float)


def pixel_measures_of(counts: np.ndarray, draws: np.ndarray) -> dict[str, np.ndarray]:
    """The pixel measures in each resample, ``(resamples,)``, of ``pixel_counts``.

    ``draws`` is ``(resamples, n)``: how often each image counts. Mean IoU is the mean of opacity
    and background; F1 is the opacity's (Dice). A class that neither mask has counts 1.
    """
    hits, false_calls, misses, rest = (draws @ counts).T
    wrong = false_calls + misses
    return {
        "mean_iou": (_share(hits, hits + wrong) + _share(rest, rest + wrong)) / 2,
        "pixel_accuracy": _share(hits + rest, hits + rest + wrong),
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


def _share(part: np.ndarray, total: np.ndarray) -> np.ndarray:
    return np.divide(part, total, out=np.ones_like(total), where=total > 0)
