"""Small changes to a radiograph that should not change what is found on it.

``train`` saves what each network says to a sample of changed test radiographs, so that
``evaluate`` can tell how stable the ensemble is without loading a network.
"""

import io
from collections.abc import Callable
from dataclasses import dataclass

import numpy as np
from PIL import Image

SAMPLE = 32
SHIFT, CONTRAST, JPEG_QUALITY = 0.02, 1.15, 50


@dataclass(frozen=True)
class Perturbation:
    """A change of radiographs, and the way back for maps of the changed ones.

    Both take and return ``(n, size_px, size_px)``: ``change`` uint8, ``restore`` any type.
    """

    what: str
    change: Callable[[np.ndarray], np.ndarray]
    restore: Callable[[np.ndarray], np.ndarray] = lambda maps: maps


def sample(count: int) -> np.ndarray:
    """Places of at most ``SAMPLE`` of ``count`` test images, spread evenly; the same each time."""
    return np.unique(np.linspace(0, count - 1, min(SAMPLE, count)).round().astype(int))


def mirrored(values: np.ndarray) -> np.ndarray:
    """Left and right exchanged."""
    return values[..., ::-1]


def shifted(values: np.ndarray, share: float = SHIFT) -> np.ndarray:
    """Moved right and down by ``share`` of the side, at least a pixel (left and up if negative).

    What leaves is lost; the edge is repeated where nothing comes from.
    """
    size = values.shape[-1]
    step = int(np.copysign(max(1, round(abs(share) * size)), share))
    source = np.clip(np.arange(size) - step, 0, size - 1)
    return values[:, source][:, :, source]


def contrasted(images: np.ndarray, factor: float = CONTRAST) -> np.ndarray:
    """Grey levels spread by ``factor`` about each image's mean, cut at black and white."""
    mean = images.mean(axis=(1, 2), keepdims=True)
    return np.rint(mean + (images - mean) * factor).clip(0, 255).astype(np.uint8)


def compressed(images: np.ndarray, quality: int = JPEG_QUALITY) -> np.ndarray:
    """Stored as JPEG once more, and read back."""
    return np.stack([_compressed(image, quality) for image in images])


def _compressed(image: np.ndarray, quality: int) -> np.ndarray:
    file = io.BytesIO()
    Image.fromarray(np.ascontiguousarray(image)).save(file, "jpeg", quality=quality)
    return np.asarray(Image.open(file))


PERTURBATIONS = {
    "flip": Perturbation("left and right exchanged", mirrored, mirrored),
    "shift": Perturbation(
        f"moved by {SHIFT:.0%} of the side", shifted, lambda maps: shifted(maps, -SHIFT)
    ),
    "contrast": Perturbation(f"contrast x {CONTRAST}", contrasted),
    "jpeg": Perturbation(f"stored again as JPEG, quality {JPEG_QUALITY}", compressed),
}
