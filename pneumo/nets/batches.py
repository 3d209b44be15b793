"""Training and validation images in batches, straight from the memory-mapped arrays."""

from typing import Any

import keras
import numpy as np


class Batches(keras.utils.PyDataset):
    """Batches of ``(n, size, size, 1)`` uint8 images and ``(n, size, size, 2)`` uint8 masks.

    The channels of a mask are background and opacity. With a ``seed``, the order of the images,
    and with ``flip`` the half that is mirrored left to right, are drawn anew for every epoch
    from (seed, epoch) alone, and an incomplete last batch is left out: batch normalisation of one
    or two images misleads. Without a seed all images come, in the order of ``rows``.
    """

    def __init__(
        self,
        images: np.ndarray,
        masks: np.ndarray,
        rows: np.ndarray,
        batch_size: int,
        *,
        seed: int | None = None,
        flip: bool = False,
    ) -> None:
        super().__init__()
        self._epoch = 0
        self._images, self._masks, self._rows = images, masks, rows
        self._batch_size, self._seed, self._flip = batch_size, seed, flip

    def begin_epoch(self, epoch: int, logs: Any = None) -> None:
        """Draw order and flips for this epoch; a Keras ``on_epoch_begin`` callback."""
        self._epoch = epoch

    def __len__(self) -> int:
        full, rest = divmod(len(self._rows), self._batch_size)
        return full + bool(rest and (self._seed is None or not full))

    def __getitem__(self, index: int) -> tuple[Any, Any]:
        rows, mirrored = self._plan()
        part = slice(index * self._batch_size, (index + 1) * self._batch_size)
        images, masks = self._images[rows[part]], self._masks[rows[part]]
        turn = mirrored[part]
        images[turn], masks[turn] = images[turn, :, ::-1], masks[turn, :, ::-1]
        return images[..., np.newaxis], np.stack([1 - masks, masks], axis=-1)

    def _plan(self) -> tuple[np.ndarray, np.ndarray]:
        if self._seed is None:
            return self._rows, np.zeros(len(self._rows), bool)
        chance = np.random.default_rng([self._seed, self._epoch])
        rows = chance.permutation(self._rows)
        return rows, self._flip & (chance.random(len(rows)) < 0.5)
