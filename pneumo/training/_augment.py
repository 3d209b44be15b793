"""Radiographs changed a little at every showing, on the device: geometry, contrast, blur, JPEG.

What happens to an image is drawn on the CPU, from seed and epoch alone, as a row of ``COLUMNS``;
the device only applies it. So a training that goes on after a kill sees what it would have seen.
"""

import math
from typing import TYPE_CHECKING, Any

import numpy as np
from keras import ops

if TYPE_CHECKING:
    from pneumo.base.settings import AugmentSettings

COLUMNS = ("a0", "a1", "a2", "b0", "b1", "b2", "contrast", "brightness", "blur", "jpeg")
"""Output pixel (x, y) shows input (a0 x + a1 y + a2, b0 x + b1 y + b2); contrast factor about the
middle grey; brightness in grey levels; share of a blurred copy; JPEG quantisation step."""

BLUR = np.outer([1, 4, 6, 4, 1], [1, 4, 6, 4, 1]) / 256
BLOCK = 8
LUMINANCE = np.array(
    [
        [16, 11, 10, 16, 24, 40, 51, 61], [12, 12, 14, 19, 26, 58, 60, 55],
        [14, 13, 16, 24, 40, 57, 69, 56], [14, 17, 22, 29, 51, 87, 80, 62],
        [18, 22, 37, 56, 68, 109, 103, 77], [24, 35, 55, 64, 81, 104, 113, 92],
        [49, 64, 78, 87, 103, 121, 120, 101], [72, 92, 95, 98, 112, 100, 103, 99],
    ],
    np.float32,
)  # fmt: skip
"""Quantisation of luminance at quality 50 (ITU-T T.81, table K.1)."""


def draw(
    count: int, size_px: int, settings: "AugmentSettings", chance: np.random.Generator
) -> np.ndarray:
    """What happens to ``count`` images: float32 ``(count, len(COLUMNS))``."""
    mirror = np.where(settings.flip & (chance.random(count) < 0.5), -1.0, 1.0)
    angle = np.radians(chance.uniform(-1, 1, count) * settings.rotation_deg)
    zoom = np.exp(chance.uniform(-1, 1, count) * math.log1p(settings.scale))
    shift = chance.uniform(-1, 1, (2, count)) * settings.shift * size_px
    middle = (size_px - 1) / 2
    a0, a1 = mirror * np.cos(angle) / zoom, -mirror * np.sin(angle) / zoom
    b0, b1 = np.sin(angle) / zoom, np.cos(angle) / zoom
    a2 = middle - (a0 + a1) * middle + shift[0]
    b2 = middle - (b0 + b1) * middle + shift[1]
    contrast = 1 + chance.uniform(-1, 1, count) * settings.contrast
    brightness = 255 * chance.uniform(-1, 1, count) * settings.brightness
    blur = chance.random(count) * settings.blur
    jpeg = chance.random(count) * settings.jpeg
    return np.stack([a0, a1, a2, b0, b1, b2, contrast, brightness, blur, jpeg], 1).astype("f4")


def unchanged(count: int) -> np.ndarray:
    """The rows that change nothing."""
    return np.tile(np.array([1, 0, 0, 0, 1, 0, 1, 0, 0, 0], "f4"), (count, 1))


def augment(pixels: Any, masks: Any, rows: Any) -> tuple[Any, Any]:
    """Apply ``rows`` to images and masks, uint8 ``(batch, size, size, 1)`` each, masks 0 or 1.

    What comes into view from beyond the edge is black, and no opacity.
    """
    truth = ops.image.affine_transform(
        ops.cast(masks, "float32"), _matrix(rows), interpolation="nearest", fill_mode="constant"
    )
    return augment_pixels(pixels, rows), ops.cast(truth > 0.5, "uint8")


def augment_pixels(pixels: Any, rows: Any) -> Any:
    """Apply ``rows`` to images alone, as ``augment`` does."""
    x = ops.image.affine_transform(ops.cast(pixels, "float32"), _matrix(rows), fill_mode="constant")
    contrast, brightness, blur, jpeg = (
        rows[:, COLUMNS.index(name), None, None, None]
        for name in ("contrast", "brightness", "blur", "jpeg")
    )
    x = (x - 127.5) * contrast + 127.5 + brightness
    kernel = ops.convert_to_tensor(BLUR[:, :, None, None], "float32")
    x = x + blur * (ops.conv(x, kernel, padding="same") - x)
    x = _requantised(ops.clip(x, 0, 255), jpeg)
    return ops.cast(ops.round(ops.clip(x, 0, 255)), "uint8")


def _matrix(rows: Any) -> Any:
    return ops.concatenate([rows[:, :6], ops.zeros_like(rows[:, :2])], axis=1)


def _requantised(x: Any, share: Any) -> Any:
    """Round the cosine coefficients of 8 x 8 blocks, as JPEG does, to steps of ``share`` of K.1."""
    size = x.shape[1]
    number = size // BLOCK
    cosines = ops.convert_to_tensor(_cosines(), "float32")
    blocks = ops.reshape(x - 128, (-1, number, BLOCK, number, BLOCK))
    coefficients = ops.einsum("ki,nricj,lj->nrkcl", cosines, blocks, cosines)
    table = ops.convert_to_tensor(LUMINANCE[None, None, :, None, :], "float32")
    step = ops.maximum(table * ops.reshape(share, (-1, 1, 1, 1, 1)), 1e-3)
    rounded = ops.round(coefficients / step) * step
    back = ops.einsum("ki,nrkcl,lj->nricj", cosines, rounded, cosines)
    return ops.reshape(back, (-1, size, size, 1)) + 128


def _cosines() -> np.ndarray:
    """The orthonormal cosine transform of 8 samples: ``(8, 8)``."""
    k, i = np.mgrid[:BLOCK, :BLOCK]
    rows = np.cos(math.pi * (2 * i + 1) * k / (2 * BLOCK)) * math.sqrt(2 / BLOCK)
    rows[0] /= math.sqrt(2)
    return rows
