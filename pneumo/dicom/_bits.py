"""The bits of a cell that hold a pixel, and what is in the others (PS3.5 8.1.1).

Cutting off bits that a pixel needs would fold bright into dark, so bits outside Bits Stored are
cleared only where they cannot be a part of pixels.
"""

import numpy as np

from pneumo.dicom._guards import OVERLAY_BIT, PIXEL_DATA, STORED, Layout
from pneumo.dicom._header import named
from pneumo.dicom.refusal import refuse

SAMPLE_ROWS = 256
ROUGHER = 4  # times: swapped bytes are some ten times as rough
SWAPPED = f"the bytes of {named(PIXEL_DATA)} are in swapped order; export the file anew"


def aligned(cells: np.ndarray, layout: Layout) -> np.ndarray:
    """Cells as codes of ``layout.stored`` bits: shifted down from ``high_bit``, other bits cleared.

    ``cells`` are uint8 or uint16, ``(rows, columns)``. Bits outside may be the same in all cells,
    an overlay (``layout.overlays``), or copies of the sign. Raises Refused, ``bits_differ``, for
    any others, and for swapped bytes.
    """
    width = 8 * cells.itemsize
    shifted = layout.high_bit >= layout.stored
    if layout.stored < width and (shifted or int(cells.max()) >> layout.stored):
        cells = _cleared(cells, layout)
    if layout.stored == 16 and has_swapped_bytes(cells, signed=layout.signed):
        refuse("bits_differ", SWAPPED)
    return cells


def has_swapped_bytes(cells: np.ndarray, *, signed: bool) -> bool:
    """Whether 16-bit cells, ``(rows, columns)``, make a much smoother picture with bytes swapped.

    In a radiograph's true order high bytes change slowly from pixel to pixel and low bytes fast.
    """
    some = cells[:: max(1, cells.shape[0] // SAMPLE_ROWS)]
    kind = np.dtype("i2" if signed else "u2")
    as_stored, swapped = _roughness(some.view(kind)), _roughness(some.byteswap().view(kind))
    return as_stored > ROUGHER * swapped > 0


def _cleared(cells: np.ndarray, layout: Layout) -> np.ndarray:
    spare = layout.high_bit + 1 - layout.stored
    inside = ((1 << layout.stored) - 1) << spare
    outside = ~inside & ((1 << 8 * cells.itemsize) - 1)
    varying = int(np.bitwise_or.reduce(cells, None) & ~np.bitwise_and.reduce(cells, None))
    strange = varying & outside & ~layout.overlays
    if strange and not (layout.signed and _is_sign(cells, layout.high_bit, strange)):
        _refuse_bits(cells, layout, strange)
    return (cells >> spare if spare else cells) & ((1 << layout.stored) - 1)


def _is_sign(cells: np.ndarray, high_bit: int, bits: int) -> bool:
    """Whether ``bits`` are copies of the sign, which is at ``high_bit``."""
    if bits & ((1 << high_bit) - 1):
        return False
    negative = (cells >> high_bit & 1).astype(bool)
    return bool(np.where(negative, cells & bits == bits, cells & bits == 0).all())


def _refuse_bits(cells: np.ndarray, layout: Layout, strange: int) -> None:
    if cells.itemsize == 2 and has_swapped_bytes(cells, signed=layout.signed):
        refuse("bits_differ", SWAPPED)
    bits = [str(bit) for bit in range(16) if strange >> bit & 1]
    refuse(
        "bits_differ",
        f"{named(STORED)} is {layout.stored} and High Bit {layout.high_bit}, but bit "
        f"{', '.join(bits)} of {named(PIXEL_DATA)} varies and no {named(OVERLAY_BIT)} claims it; "
        "correct Bits Stored and High Bit",
    )


def _roughness(values: np.ndarray) -> float:
    """Mean difference of neighbours in a row, as a share of the whole range."""
    wide = values.astype(np.int32)
    extent = int(wide.max()) - int(wide.min())
    return float(np.abs(np.diff(wide, axis=1)).mean()) / extent if extent else 0.0
