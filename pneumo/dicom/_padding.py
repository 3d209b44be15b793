"""Pixels that fill a picture's border and are no part of it (PS3.3 C.7.5.1.1.2)."""

from collections.abc import Callable
from dataclasses import dataclass

import numpy as np

from pneumo.dicom._contrast import has_contrast
from pneumo.dicom._display import PADDING, Display
from pneumo.dicom._header import named
from pneumo.dicom._transforms import values_of

SMALLEST_PICTURE, LARGE, INSIDE = 0.02, 0.5, 0.01
BLUR = 1 / 64
"""How far lossy compression may move a value of padding, as a share of the range."""

BLOCK_PX = 8


@dataclass(frozen=True)
class Padding:
    """Which pixels of a picture are padding: those of ``codes``, bool ``(2 ** bits,)``.

    With ``at_edges`` only those from which a straight line of others leads to the picture's edge.
    """

    codes: np.ndarray
    at_edges: bool

    def within(self, pixels: np.ndarray) -> np.ndarray:
        """Where padding is in a picture of codes: bool, ``(rows, columns)``."""
        padded = self.codes[pixels]
        return from_edges(padded) if self.at_edges else padded


def padding_codes(
    display: Display, bits: int, *, signed: bool, blur: float = 0
) -> np.ndarray | None:
    """The codes that a header calls padding, and those within ``blur``: bool, ``(2 ** bits,)``."""
    if display.padding is None:
        return None
    low, high = display.padding
    values = values_of(bits, signed=signed)
    return (values >= low - blur) & (values <= high + blur)


def find_padding(
    sample: np.ndarray,
    display: Display,
    bits: int,
    *,
    signed: bool,
    note: Callable[[str, str], None],
) -> Padding | None:
    """The padding of a picture, judged by a ``sample`` of its codes, ``(rows, columns)``.

    Lossy compression moves values, so there padding is what is near its value and at the edges;
    so it is where more than 1 % of the picture has the value inside. None where there is none, and
    where what is left would be no picture, or what goes is most of the picture and shows something.
    Whatever is doubtful is noted.
    """
    blur = BLUR * (1 << bits) if display.lossy else 0
    codes = padding_codes(display, bits, signed=signed, blur=blur)
    if codes is None:
        return None
    padded, outer = codes[sample], from_edges(codes[sample])
    at_edges = display.lossy or (padded & ~outer).mean() > INSIDE
    where = outer if at_edges else padded
    share = where.mean()
    nothing_left = share > 1 - SMALLEST_PICTURE or (share > 0 and not has_contrast(sample[~where]))
    if nothing_left or (share > LARGE and has_contrast(sample[where])):
        if has_contrast(sample):
            note("padding", f"{named(PADDING)} is that of {share:.0%} of the picture: not used")
        return None
    if at_edges and not display.lossy:
        note("padding", f"{named(PADDING)} is a value of the picture, too: black at its edges only")
    elif share > LARGE:
        note("padding", f"{named(PADDING)} is that of {share:.0%} of the picture, drawn black")
    return Padding(codes, at_edges)


def from_edges(padded: np.ndarray) -> np.ndarray:
    """The pixels of ``padded`` from which a straight line of them leads to an edge: bool.

    Around a convex picture, such as a turned rectangle or a disc, those are all.
    """
    reached = np.zeros_like(padded)
    for axis in (0, 1):
        reached |= np.logical_and.accumulate(padded, axis)
        reached |= np.flip(np.logical_and.accumulate(np.flip(padded, axis), axis), axis)
    return reached


def blocks_of(where: np.ndarray) -> np.ndarray:
    """The blocks of 8 x 8 pixels that hold any of ``where``: there its edge rings after a DCT."""
    rows, columns = (-(-side // BLOCK_PX) for side in where.shape)
    whole = np.zeros((rows * BLOCK_PX, columns * BLOCK_PX), bool)
    whole[: where.shape[0], : where.shape[1]] = where
    held = whole.reshape(rows, BLOCK_PX, columns, BLOCK_PX).any(axis=(1, 3))
    wide = held.repeat(BLOCK_PX, 0).repeat(BLOCK_PX, 1)
    return wide[: where.shape[0], : where.shape[1]]
