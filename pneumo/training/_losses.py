"""What training makes small, and the overlap it shows: both on two-channel masks.

``truth`` and ``found`` are ``(batch, height, width, 2)``: background and opacity, in [0, 1]. Where
several devices share a batch, a loss is that of the whole batch on each of them.
"""

from collections.abc import Callable
from typing import Any

import keras
from keras import ops

from pneumo.training.spread import mean, total

OPACITY = 1
SMOOTH_PX = 1.0  # keeps an empty mask that is found empty at a loss of 0
LEVELS = tuple(level / 10 for level in range(1, 10))
"""Probabilities from which a pixel is called, where the overlap is shown."""

Loss = Callable[[Any, Any], Any]


def iou_loss(truth: Any, found: Any, *, channels: str) -> Any:
    """One minus the soft intersection over union of a batch: 0 for a perfect mask, below 1.

    Pixels of the whole batch are summed before the division, so that a healthy radiograph weighs
    what is called on it and not more. ``channels`` is ``opacity``, or ``both`` for the mean of
    background and opacity.
    Source: Rahman and Wang, "Optimizing Intersection-Over-Union in Deep Neural Networks", 2016.
    """
    truth, found = ops.cast(truth, "float32"), ops.cast(found, "float32")
    both = total(ops.sum(truth * found, axis=(0, 1, 2)))
    sizes = total(ops.sum(truth, axis=(0, 1, 2)) + ops.sum(found, axis=(0, 1, 2)))
    either = sizes - both
    losses = 1.0 - (both + SMOOTH_PX) / (either + SMOOTH_PX)
    return losses[OPACITY] if channels == "opacity" else ops.mean(losses)


def dice_loss(truth: Any, found: Any, *, channels: str) -> Any:
    """One minus the soft Dice coefficient of a batch; ``channels`` and sums as in ``iou_loss``.

    Source: Milletari et al., "V-Net", 3DV 2016, with plain instead of squared sums.
    """
    truth, found = ops.cast(truth, "float32"), ops.cast(found, "float32")
    both = 2.0 * total(ops.sum(truth * found, axis=(0, 1, 2)))
    sizes = total(ops.sum(truth, axis=(0, 1, 2)) + ops.sum(found, axis=(0, 1, 2)))
    losses = 1.0 - (both + SMOOTH_PX) / (sizes + SMOOTH_PX)
    return losses[OPACITY] if channels == "opacity" else ops.mean(losses)


def cross_entropy(truth: Any, found: Any, *, focus: float) -> Any:
    """Binary cross-entropy, the mean over pixels and channels; pixels that are right count less.

    ``focus`` is the focal loss's gamma; 0 is plain cross-entropy. Probabilities are kept 1e-7 away
    from 0 and 1, so it is finite.
    Source: Lin et al., "Focal Loss for Dense Object Detection", ICCV 2017, without alpha.
    """
    if focus:
        return mean(
            keras.losses.binary_focal_crossentropy(ops.cast(truth, found.dtype), found, gamma=focus)
        )
    return mean(keras.losses.binary_crossentropy(truth, found))


OVERLAPS = {"iou": iou_loss, "dice": dice_loss}


def segmentation_loss(
    overlap_weight: float, channels: str, *, overlap: str = "iou", focus: float = 0.0
) -> Loss:
    """``overlap_weight`` x overlap loss + the rest x cross-entropy, as a function of two masks."""

    def loss(truth: Any, found: Any) -> Any:
        missed = OVERLAPS[overlap](truth, found, channels=channels)
        entropy = cross_entropy(truth, found, focus=focus)
        return overlap_weight * missed + (1.0 - overlap_weight) * entropy

    return loss


class OpacityIou(keras.metrics.Metric):
    """Intersection over union of the opacities of all images seen, at the best of ``LEVELS``.

    The level from which a pixel is called is chosen by ``tune``, and an image head keeps every
    pixel below the probability that there is any opacity: at 0.5 alone, a network whose head is
    still near the share of positive radiographs would show 0 for as long as it learns. Without any
    true or called pixel it is 1.
    """

    def __init__(self, name: str = "iou", **keywords: Any) -> None:
        super().__init__(name=name, **keywords)
        self.both = self.add_variable((len(LEVELS),), "zeros", name="both")
        self.either = self.add_variable((len(LEVELS),), "zeros", name="either")

    def update_state(self, truth: Any, found: Any, sample_weight: Any = None) -> None:
        """Count the pixels of a batch; weights of samples are not used."""
        true = ops.cast(truth[..., OPACITY, None], "float32")
        called = ops.cast(found[..., OPACITY, None] > ops.array(LEVELS, found.dtype), "float32")
        self.both.assign_add(ops.sum(true * called, axis=(0, 1, 2)))
        self.either.assign_add(ops.sum(ops.maximum(true, called), axis=(0, 1, 2)))

    def result(self) -> Any:
        """The overlap so far, in [0, 1]."""
        return ops.max((self.both + 1e-7) / (self.either + 1e-7))
