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
    probability that there is any opacity is added, times ``head_weight``. While its encoder is
    frozen, the rest learns from the maps that the encoder gives in use: neither its weights nor its
    batch statistics change.
    """

    def __init__(
        self, network: keras.Model, loss: Loss, *, augmented: bool, head_weight: float
    ) -> None:
        super().__init__(network, "trainer", OpacityIou(), augmented=augmented)
        answers = {"found": network.output}
        if IMAGE_HEAD in {layer.name for layer in network.layers}:
            answers["image"] = network.get_layer(IMAGE_HEAD).output
        self._answers = keras.Model(network.input, answers)
        self.frozen_epochs, self._is_frozen = 0, False
        self._loss, self._head_weight = loss, head_weight

    def freeze_at_first(self, encoder: keras.Model, epochs: int) -> None:
        """Let ``fit`` freeze ``encoder``, the network's first part, for that many epochs."""
        self.frozen_epochs, self._encoder = epochs, encoder
        self._rest = keras.Model(encoder.outputs, self._answers.output)

    def freeze(self, wanted: bool) -> None:
        """Freeze the encoder, or let it go; the next step is another program then."""
        if wanted != self._is_frozen:
            self._is_frozen = wanted
            self.make_train_function(force=True)

    def call(self, x: dict[str, Any], training: bool = False) -> dict[str, Any]:
        """The masks as they were shown, what was found, and the image head's probability."""
        pixels, mask = x["pixels"], x["truth"]
        if training and self._augmented:
            pixels, mask = augment(pixels, mask, x["draws"])
        truth = ops.concatenate([1 - mask, mask], axis=-1)
        if training and self._is_frozen:
            maps = [ops.stop_gradient(m) for m in self._encoder(pixels, training=False)]
            return {"truth": truth, **self._rest(maps, training=True)}
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
