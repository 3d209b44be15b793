"""What training makes small, and the overlap it shows: both on two-channel masks.

``truth`` and ``found`` are ``(batch, height, width, 2)``: background and opacity, in [0, 1].
"""

from collections.abc import Callable
from typing import Any

import keras
from keras import ops

OPACITY = 1
SMOOTH_PX = 1.0  # keeps an empty mask that is found empty at a loss of 0

Loss = Callable[[Any, Any], Any]


def iou_loss(truth: Any, found: Any, *, channels: str) -> Any:
    """One minus the soft intersection over union of a batch: 0 for a perfect mask, below 1.

    Pixels of the whole batch are summed before the division, so that a healthy radiograph weighs
    what is called on it and not more. ``channels`` is ``opacity``, or ``both`` for the mean of
    background and opacity.
    Source: Rahman and Wang, "Optimizing Intersection-Over-Union in Deep Neural Networks", 2016.
    """
    truth, found = ops.cast(truth, "float32"), ops.cast(found, "float32")
    both = ops.sum(truth * found, axis=(0, 1, 2))
    either = ops.sum(truth, axis=(0, 1, 2)) + ops.sum(found, axis=(0, 1, 2)) - both
    losses = 1.0 - (both + SMOOTH_PX) / (either + SMOOTH_PX)
    return losses[OPACITY] if channels == "opacity" else ops.mean(losses)


def segmentation_loss(iou_weight: float, iou_channels: str) -> Loss:
    """``iou_weight`` x IoU loss + the rest x binary cross-entropy, as a function of two masks.

    The cross-entropy is the mean over pixels and channels; probabilities are kept 1e-7 away from
    0 and 1, so it is finite.
    """

    def loss(truth: Any, found: Any) -> Any:
        overlap = iou_loss(truth, found, channels=iou_channels)
        entropy = ops.mean(keras.losses.binary_crossentropy(truth, found))
        return iou_weight * overlap + (1.0 - iou_weight) * entropy

    return loss


class OpacityIou(keras.metrics.Metric):
    """Intersection over union of the opacities of all images seen, called at p > 0.5.

    Without any true or called pixel it is 1.
    """

    def __init__(self, name: str = "iou", **keywords: Any) -> None:
        super().__init__(name=name, **keywords)
        self.both = self.add_variable((), "zeros", name="both")
        self.either = self.add_variable((), "zeros", name="either")

    def update_state(self, truth: Any, found: Any, sample_weight: Any = None) -> None:
        """Count the pixels of a batch; weights of samples are not used."""
        true = ops.cast(truth[..., OPACITY], "float32")
        called = ops.cast(found[..., OPACITY] > 0.5, "float32")
        self.both.assign_add(ops.sum(true * called))
        self.either.assign_add(ops.sum(ops.maximum(true, called)))

    def result(self) -> Any:
        """The overlap so far, in [0, 1]."""
        return (self.both + 1e-7) / (self.either + 1e-7)
