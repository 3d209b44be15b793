"""A network with what training adds to it: changed images, losses, the measure that is shown."""

from typing import Any

import keras
from keras import ops

from pneumo.nets.build import IMAGE_HEAD
from pneumo.training._augment import augment
from pneumo.training._losses import Loss, OpacityIou
from pneumo.training.spread import mean, parts


class Fitted(keras.Model):
    """What Keras fits: it answers with ``truth`` and ``found``, of which it takes loss and measure.

    ``Batches`` hold what is true beside the pixels, so that both can be changed alike.
    """

    def __init__(
        self, network: keras.Model, name: str, measure: keras.Metric, *, augmented: bool
    ) -> None:
        super().__init__(name=f"{network.name}_{name}")
        self.network, self.measure, self._augmented = network, measure, augmented
        self.built = True  # its parts are; an eager call to build it is hundreds of programs

    def loss_of(self, answer: dict[str, Any]) -> Any:
        """The loss of a batch."""
        raise NotImplementedError

    def compute_loss(
        self,
        x: Any = None,
        y: Any = None,
        y_pred: Any = None,
        sample_weight: Any = None,
        training: bool = True,
    ) -> Any:
        """As Keras calls it: ``y_pred`` is the whole answer."""
        return self.loss_of(y_pred)

    def compute_metrics(self, x: Any, y: Any, y_pred: Any, sample_weight: Any = None) -> Any:
        """Update the measure."""
        self.measure.update_state(y_pred["truth"], y_pred["found"])
        return self.get_metrics_result()


class Trainer(Fitted):
    """Takes ``pixels``, ``truth`` and ``draws`` of ``augment``.

    ``truth`` are masks, uint8 ``(batch, size, size, 1)``. In training, images and masks are changed
    as drawn; both meet in the loss. Where the network has an image head, the cross-entropy of its
    probability that there is any opacity is added, times ``head_weight``.
    """

    def __init__(
        self, network: keras.Model, loss: Loss, *, augmented: bool, head_weight: float
    ) -> None:
        super().__init__(network, "trainer", OpacityIou(), augmented=augmented)
        answers = {"found": network.output}
        if IMAGE_HEAD in {layer.name for layer in network.layers}:
            answers["image"] = network.get_layer(IMAGE_HEAD).output
        self._answers = keras.Model(network.input, answers)
        self._loss, self._head_weight = loss, head_weight

    def call(self, x: dict[str, Any], training: bool = False) -> dict[str, Any]:
        """The masks as they were shown, what was found, and the image head's probability."""
        pixels, mask = x["pixels"], x["truth"]
        if training and self._augmented:
            pixels, mask = augment(pixels, mask, x["draws"])
        truth = ops.concatenate([1 - mask, mask], axis=-1)
        return {"truth": truth, **self._answers(pixels, training=training)}

    def loss_of(self, answer: dict[str, Any]) -> Any:
        """The loss of the masks, and of the image head, of which each device bears its part."""
        loss = self._loss(answer["truth"], answer["found"])
        if "image" in answer:
            any_opacity = ops.max(ops.cast(answer["truth"][..., 1], "float32"), axis=(1, 2))
            head = ops.reshape(ops.cast(answer["image"], "float32"), (-1, 1))
            entropy = keras.losses.binary_crossentropy(any_opacity[:, None], head)
            loss = loss + self._head_weight * mean(entropy)
        return loss / parts() if parts() > 1 else loss
