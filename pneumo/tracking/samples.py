"""A picture of some validation radiographs with the truth and what a network says to them."""

import numpy as np
from PIL import Image
from scipy.ndimage import binary_erosion

TRUTH, FOUND = (0, 200, 80), (230, 40, 30)
SMALLEST_PX = 192


def choose(masks: np.ndarray, count: int) -> np.ndarray:
    """Places of ``count`` images, or all: half with an opacity where there are as many.

    ``masks`` are ``(n, size_px, size_px)``; the places are evenly spread, the same at every call.
    """
    positive = masks.any(axis=(1, 2))
    yes, no = np.flatnonzero(positive), np.flatnonzero(~positive)
    wanted = min(max(count - count // 2, count - len(no)), len(yes))
    return np.concatenate([_spread(yes, wanted), _spread(no, min(count - wanted, len(no)))])


def sheet(images: np.ndarray, masks: np.ndarray, maps: np.ndarray) -> Image.Image:
    """A column per image: as it is, with the outline of its opacities, and under the map.

    ``images`` are uint8, ``masks`` 0 or 1 and ``maps`` in [0, 1], all ``(n, size_px, size_px)``.
    Nothing on it names a person or a file.
    """
    grey = np.repeat(images[..., np.newaxis], 3, axis=-1)
    inside = np.stack([binary_erosion(mask) for mask in masks > 0])
    outlined = np.where(((masks > 0) & ~inside)[..., np.newaxis], np.array(TRUTH, np.uint8), grey)
    share = np.asarray(maps, np.float32)[..., np.newaxis] * 0.6
    heated = np.round(grey * (1 - share) + np.array(FOUND) * share).astype(np.uint8)
    rows = [np.concatenate(list(row), axis=1) for row in (grey, outlined, heated)]
    picture = Image.fromarray(np.concatenate(rows))
    times = -(-SMALLEST_PX // images.shape[1])
    return picture.resize((picture.width * times, picture.height * times), Image.Resampling.NEAREST)


def _spread(places: np.ndarray, count: int) -> np.ndarray:
    """``count`` of ``places``, evenly over them."""
    at = np.linspace(0, max(0, len(places) - 1), count)
    return places[at.round().astype(int)]
