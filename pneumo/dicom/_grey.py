"""From codes to the grey levels that are looked at: padding, window, contrast, doubts."""

from collections.abc import Callable
from dataclasses import replace
from typing import NamedTuple

import numpy as np

from pneumo.dicom._contrast import check_contrast, has_contrast, thinned
from pneumo.dicom._display import Display, Window
from pneumo.dicom._padding import Padding, blocks_of, find_padding
from pneumo.dicom._transforms import apply_table, grey_table, used_codes

EDGE = 16
"""The border that tells black from white is so small a part of a side."""


def grey_levels(
    codes: np.ndarray,
    display: Display,
    bits: int,
    *,
    signed: bool,
    note: Callable[[str, str], None],
) -> np.ndarray:
    """What a header asks for of a picture of codes: uint8, ``(rows, columns)``, bone bright.

    Padding is black and no part of the range. A window or VOI LUT that leaves no contrast, where
    the values have some, gives way to their range. Calls ``note`` with a code and a sentence:
    ``padding``, ``window``, ``polarity``. Raises Refused: ``no_contrast``.
    """
    shown = settled(codes, display, bits, signed=signed, note=note)
    return _drawn(codes, shown.table, shown.padding)


class Settled(NamedTuple):
    """How codes are drawn: their grey levels, uint8 ``(2 ** bits,)``; the padding among them; and
    what of the header is used."""

    table: np.ndarray
    padding: Padding | None
    display: Display


def settled(
    codes: np.ndarray,
    display: Display,
    bits: int,
    *,
    signed: bool,
    note: Callable[[str, str], None],
) -> Settled:
    """What ``grey_levels`` draws a picture with. Raises Refused: ``no_contrast``."""
    sample = thinned(codes)
    padding = find_padding(sample, display, bits, signed=signed, note=note)
    picture = sample if padding is None else sample[~padding.within(sample)]
    table = _table(codes, display, bits, signed, padding)
    if display.voi is not None and not has_contrast(table[picture]):
        bare = replace(display, voi=None)
        plain = _table(codes, bare, bits, signed, padding)
        if has_contrast(plain[picture]):
            name = "window" if isinstance(display.voi, Window) else "VOI LUT"
            note("window", f"the {name} would leave no contrast; the range of the values is drawn")
            table, display = plain, bare
    check_contrast(table[picture])
    if display.doubt:
        note("polarity", f"{display.doubt}; its border is {_border(table[sample])} than its middle")
    return Settled(table, padding, display)


def _table(
    codes: np.ndarray, display: Display, bits: int, signed: bool, padding: Padding | None
) -> np.ndarray:
    """The grey level of every code. Without a window those of 9 bits and more span what is used."""
    used = None
    if display.voi is None and bits > 8:
        used = used_in_picture(codes, bits, padding)
    return grey_table(display, bits, signed=signed, used=used)


def used_in_picture(codes: np.ndarray, bits: int, padding: Padding | None) -> np.ndarray:
    """Which codes occur in the picture; padding is no part of it, nor where lossy it blurs into."""
    if padding is None:
        return used_codes(codes, bits)
    if padding.at_edges and (outside := blocks_of(padding.within(codes))).any():
        inside = ~outside
        if inside.any():
            codes = np.where(inside, codes, codes.flat[inside.argmax()])
    return used_codes(codes, bits) & ~padding.codes


def _drawn(codes: np.ndarray, table: np.ndarray, padding: Padding | None) -> np.ndarray:
    if padding is None or not table[padding.codes].any():
        return apply_table(codes, table)
    if not padding.at_edges:
        return apply_table(codes, np.where(padding.codes, 0, table).astype(np.uint8))
    return np.where(padding.within(codes), 0, apply_table(codes, table)).astype(np.uint8)


def _border(grey: np.ndarray) -> str:
    rows, columns = grey.shape
    inner = np.zeros(grey.shape, bool)
    inner[rows // EDGE : -(rows // EDGE), columns // EDGE : -(columns // EDGE)] = True
    return "darker" if np.median(grey[~inner]) < np.median(grey[inner]) else "brighter"
