"""Training and validation images in batches, straight from the memory-mapped arrays."""

import time
from concurrent.futures import Future, ThreadPoolExecutor
from typing import TYPE_CHECKING, Any

import keras
import numpy as np

from pneumo.training._augment import draw, unchanged

if TYPE_CHECKING:
    from pneumo.base.settings import AugmentSettings

AHEAD = 4
"""Batches that are built while the device computes."""

VALIDATION_BATCH_SIZE = 32
"""Images per inference step, as published: without gradients they fit where 16 are learnt from."""


class Batches(keras.utils.PyDataset):
    """Batches of ``pixels``, uint8 ``(n, size, size, 1)``, their ``truth`` and ``draws`` of each.

    ``truth`` of an image is a mask, uint8 0 or 1 of the same shape, or the number of its class.

    With a ``seed``, the order of the images, and with ``augment`` what happens to each of them, are
    drawn anew for every epoch from (seed, epoch) alone, and an incomplete last batch is left out:
    batch normalisation of one or two images misleads. Without a seed all images come, in the order
    of ``rows``, as they are. ``positive_share`` of the images of an epoch have an opacity; None:
    all images come once. The next ``AHEAD`` batches are built by a thread. ``waits`` tells when
    each batch of this epoch was asked for and when handed over, in seconds of ``time.monotonic``.
    """

    def __init__(
        self,
        images: np.ndarray,
        truth: np.ndarray,
        rows: np.ndarray,
        batch_size: int,
        *,
        seed: int | None = None,
        augment: "AugmentSettings | None" = None,
        positive_share: float | None = None,
    ) -> None:
        super().__init__()
        self._images, self._truth, self._rows = images, truth, rows
        self.batch_size, self._seed, self._augment = batch_size, seed, augment
        self._share = positive_share
        if positive_share is not None:
            self._positive = np.array([truth[row].any() for row in rows], bool)
        self._thread = ThreadPoolExecutor(1, "batches")
        self.begin_epoch(0)

    def begin_epoch(self, epoch: int, logs: Any = None) -> None:
        """Draw what this epoch shows; a Keras ``on_epoch_begin`` callback."""
        self._ahead: dict[int, Future] = {}
        self.waits: dict[int, tuple[float, float]] = {}
        count = len(self._rows)
        self._shown, self._draws = self._rows, unchanged(count)
        if self._seed is None:
            return
        chance = np.random.default_rng([self._seed, epoch])
        self._shown = chance.permutation(self._sampled(chance))
        if self._augment is not None:
            self._draws = draw(count, self._images.shape[1], self._augment, chance)

    def __len__(self) -> int:
        full, rest = divmod(len(self._rows), self.batch_size)
        return full + bool(rest and (self._seed is None or not full))

    def __getitem__(self, index: int) -> tuple[Any]:
        asked, ready = time.monotonic(), self._ahead.pop(index, None)
        for later in range(index + 1, min(index + 1 + AHEAD, len(self))):
            if later not in self._ahead:
                self._ahead[later] = self._thread.submit(self._built, *self._wanted(later))
        batch = ready.result() if ready else self._built(*self._wanted(index))
        self.waits[index] = (asked, time.monotonic())
        return (batch,)

    def _wanted(self, index: int) -> tuple[np.ndarray, np.ndarray]:
        """The rows of a batch of this epoch, and their draws."""
        part = slice(index * self.batch_size, (index + 1) * self.batch_size)
        return self._shown[part], self._draws[part]

    def _built(self, rows: np.ndarray, draws: np.ndarray) -> dict[str, np.ndarray]:
        pixels, truth = self._images[rows][..., np.newaxis], self._truth[rows][..., np.newaxis]
        return {"pixels": pixels, "truth": truth, "draws": draws}

    def _sampled(self, chance: np.random.Generator) -> np.ndarray:
        """As many rows as there are, some more than once where a class is to be shown more."""
        if self._share is None or self._positive.all() or not self._positive.any():
            return self._rows
        yes = round(self._share * len(self._rows))
        positive, rest = self._rows[self._positive], self._rows[~self._positive]
        return np.concatenate(
            [_cycled(positive, yes, chance), _cycled(rest, len(self._rows) - yes, chance)]
        )


def fed(batches: keras.utils.PyDataset) -> Any:
    """``batches`` in the form in which ``fit`` is quickest; its epochs see the same either way.

    With TensorFlow, Keras has the reading ahead of a ``PyDataset`` tuned by a thread that looks
    after 10, 20, 40 ms and so on, up to a minute. TensorFlow 2.21 lets an epoch's iterator go when
    that thread looks next, so that an epoch takes up to twice as long. Nothing is to be tuned here.
    """
    if keras.backend.backend() != "tensorflow":
        return batches
    import tensorflow as tf

    signature = tf.nest.map_structure(
        lambda values: tf.TensorSpec((None, *values.shape[1:]), values.dtype), batches[0]
    )
    options = tf.data.Options()
    options.autotune.enabled = False
    data = tf.data.Dataset.from_generator(
        lambda: (batches[number] for number in range(len(batches))), output_signature=signature
    )
    counted = data.apply(tf.data.experimental.assert_cardinality(len(batches)))
    return counted.prefetch(1).with_options(options)


def _cycled(rows: np.ndarray, count: int, chance: np.random.Generator) -> np.ndarray:
    """``count`` of ``rows``: each as often as any other, or once more."""
    rounds = -(-count // len(rows))
    return np.concatenate([rows[:0], *(chance.permutation(rows) for _ in range(rounds))])[:count]
