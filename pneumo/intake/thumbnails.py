"""Whether a radiograph lies on its side, stands on its head, is a negative, or is mirrored.

Told from thumbnails by logistic regressions that ``profile`` fits; only products are needed here.
"""

import numpy as np
from PIL import Image

SIDE = 32
WAYS = tuple((quarters, negative) for negative in (False, True) for quarters in range(4))
"""The classes of the orientation head: quarter turns, and whether grey levels are reversed; the
first is upright."""

LEAST_SPREAD = 1.0
"""Grey levels of standard deviation below which a thumbnail shows nothing."""


def thumbnail(radiograph: np.ndarray) -> np.ndarray:
    """A picture, uint8 ``(rows, columns)``, by area averages: float64 ``(SIDE, SIDE)``."""
    small = Image.fromarray(radiograph).resize((SIDE, SIDE), Image.Resampling.BOX)
    return np.asarray(small, np.float64)


def normalised(small: np.ndarray) -> np.ndarray:
    """Thumbnails ``(..., SIDE, SIDE)`` of mean 0 and deviation 1 each, so brightness says nothing.

    One that shows nothing becomes 0.
    """
    centred = small - small.mean(axis=(-2, -1), keepdims=True)
    spread = centred.std(axis=(-2, -1), keepdims=True)
    return np.where(spread < LEAST_SPREAD, 0.0, centred / np.maximum(spread, LEAST_SPREAD))


def turned(small: np.ndarray, way: tuple[int, bool]) -> np.ndarray:
    """Normalised thumbnails ``(..., SIDE, SIDE)`` turned, and reversed, as ``way`` says."""
    quarters, negative = way
    found = np.rot90(small, quarters, axes=(-2, -1))
    return -found if negative else found


def turned_probability(small: np.ndarray, weights: np.ndarray, biases: np.ndarray) -> np.ndarray:
    """How probable it is that thumbnails ``(n, SIDE, SIDE)``, normalised, are not upright: ``(n)``.

    ``weights`` are ``(len(WAYS), SIDE * SIDE)``.
    """
    scores = small.reshape(len(small), -1) @ weights.T + biases
    scores -= scores.max(axis=1, keepdims=True)
    shares = np.exp(scores)
    return 1 - shares[:, 0] / shares.sum(axis=1)


def mirror_score(small: np.ndarray, weights: np.ndarray) -> np.ndarray:
    """Log-odds that normalised thumbnails ``(n, SIDE, SIDE)`` have the heart on the usual side."""
    difference = small - small[..., ::-1]
    return difference.reshape(len(small), -1) @ weights
