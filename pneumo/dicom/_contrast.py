"""Whether a picture shows anything: how many grey levels it is made of."""

import numpy as np

from pneumo.dicom.refusal import refuse

COVERED = 0.95
FEWEST_LEVELS = 16
SAMPLE_PX = 64


def thinned(pixels: np.ndarray) -> np.ndarray:
    """Every n-th pixel of a picture across and down, so that its sides keep ``SAMPLE_PX`` or more.

    Shares of a picture are measured on it in microseconds.
    """
    across, down = (max(1, side // SAMPLE_PX) for side in pixels.shape)
    return pixels[::across, ::down]


def levels(values: np.ndarray) -> int:
    """How many values, the most frequent ones, make up 95 % of ``values``.

    A radiograph has a hundred and more. A blank has 1, with or without burned-in text, and 2 with a
    collimated border; so the rule looks at shares and not at the range, which text alone can fill.
    """
    if values.dtype == np.uint8:
        counts = np.bincount(values.ravel(), minlength=256)
        counts.sort()
    else:
        counts = np.sort(np.unique(values, return_counts=True)[1])
    covered = np.cumsum(counts[::-1])
    return int(np.searchsorted(covered, COVERED * values.size)) + 1


def has_contrast(values: np.ndarray, fewest: int = FEWEST_LEVELS) -> bool:
    """Whether ``values`` are those of a picture, and not of a blank or nearly so."""
    return values.size > 0 and levels(values) >= fewest


def check_contrast(grey: np.ndarray, bits: int = 8) -> None:
    """Refuse, as ``no_contrast``, a picture of grey levels that shows next to nothing.

    One of fewer than 8 ``bits`` must have three eighths of the levels that it can have.
    """
    fewest = min(FEWEST_LEVELS, max(3, 3 * 2**bits // 8))
    if not has_contrast(grey, fewest):
        refuse(
            "no_contrast",
            f"95 % of its pixels share {levels(grey) if grey.size else 0} of {2**bits} grey levels;"
            f" a radiograph's have {fewest} or more",
        )
