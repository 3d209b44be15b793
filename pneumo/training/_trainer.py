"""A network with what training adds to it: changed images, losses, the overlap that is shown."""

from typing import Any

import keras
from keras import ops

from pneumo.nets.build import IMAGE_HEAD
from pneumo.training._augment import augment
from pneumo.training._losses import Loss, OpacityIou
from pneumo.training.spread import mean, parts


class Trainer(keras.Model):
    """Takes ``pixels``, ``mask`` (uint8, ``(batch, size, size, 1)``) and ``draws`` of ``augment``.

    In training, images and masks are changed as drawn; both meet in the loss. Where the network
    has an image head, the cross-entropy of its probability that there is any opacity is added,
    times ``head_weight``.
    """

    def __init__(
        self, network: keras.Model, loss: Loss, *, augmented: bool, head_weight: float
    ) -> None:
        super().__init__(name=f"{network.name}_trainer")
        self.network = network
        answers = {"found": network.output}
        if IMAGE_HEAD in {layer.name for layer in network.layers}:
            answers["image"] = network.get_layer(IMAGE_HEAD).output
        self._answers = keras.Model(network.input, answers)
        self._loss, self._augmented, self._head_weight = loss, augmented, head_weight
        self.iou = OpacityIou()
        self.built = True  # its parts are; an eager call to build it is hundreds of programs

    def call(self, x: dict[str, Any], training: bool = False) -> dict[str, Any]:
        """The masks as they were shown, what was found, and the image head's probability."""
        pixels, mask = x["pixels"], x["mask"]
        if training and self._augmented:
            pixels, mask = augment(pixels, mask, x["draws"])
        truth = ops.concatenate([1 - mask, mask], axis=-1)
        return {"truth": truth, **self._answers(pixels, training=training)}

    def compute_loss(
        self,
        x: Any = None,
        y: Any = None,
        y_pred: Any = None,
        sample_weight: Any = None,
        training: bool = True,
    ) -> Any:
        """The loss of the masks, and of the image head, of which each device bears its part."""
        loss = self._loss(y_pred["truth"], y_pred["found"])
        if "image" in y_pred:
            any_opacity = ops.max(ops.cast(y_pred["truth"][..., 1], "float32"), axis=(1, 2))
            found = ops.reshape(ops.cast(y_pred["image"], "float32"), (-1, 1))
            entropy = keras.losses.binary_crossentropy(any_opacity[:, None], found)
            loss = loss + self._head_weight * mean(entropy)
        return loss / parts() if parts() > 1 else loss

    def compute_metrics(self, x: Any, y: Any, y_pred: Any, sample_weight: Any = None) -> Any:
        """Update the overlap."""
        self.iou.update_state(y_pred["truth"], y_pred["found"])
        return self.get_metrics_result()
