"""Grey levels as a table over all codes that a pixel can hold: NumPy only.

A table of at most 65,536 entries is computed once in float64 and looked up, so a plate of
36 megapixels needs no array of floats.
"""

import numpy as np

from pneumo.dicom._display import Display, Lut, Window

BLOCK_PX = 1 << 20


def values_of(bits: int, *, signed: bool) -> np.ndarray:
    """The value of every code of ``bits`` bits: float64, ``(2 ** bits,)``."""
    values = np.arange(1 << bits, dtype=np.float64)
    return np.where(values >= 1 << (bits - 1), values - (1 << bits), values) if signed else values


def grey_table(
    display: Display, bits: int, *, signed: bool, used: np.ndarray | None = None
) -> np.ndarray:
    """The grey level of every code: uint8, ``(2 ** bits,)``, bone bright.

    Without window and VOI LUT the codes that are ``used`` (bool, ``(2 ** bits,)``; None: all) span
    0 to 255. With one, its own output range does.
    """
    values = rescaled(values_of(bits, signed=signed), display)
    if isinstance(display.voi, Window):
        share = windowed(values, display.voi)
    elif isinstance(display.voi, Lut):
        share = looked_up(values, display.voi) / ((1 << display.voi.bits) - 1)
    else:
        share = spanned(values, values if used is None or not used.any() else values[used])
    grey = np.rint(share * 255).astype(np.uint8)
    return 255 - grey if display.inverted else grey


def rescaled(values: np.ndarray, display: Display) -> np.ndarray:
    """Modality LUT, or slope and intercept (PS3.3 C.11.1)."""
    if display.modality is not None:
        return looked_up(values, display.modality)
    return values * display.slope + display.intercept


def looked_up(values: np.ndarray, lut: Lut) -> np.ndarray:
    """Entries of a table; values beyond its ends take its first or last entry."""
    places = np.clip(np.floor(values) - lut.first, 0, lut.entries.size - 1)
    return lut.entries[places.astype(np.intp)].astype(np.float64)


def windowed(values: np.ndarray, window: Window) -> np.ndarray:
    """The share of white in [0, 1] that a window gives (PS3.3 C.11.2.1.2, C.11.2.1.3)."""
    centre, width = window.centre, window.width
    if window.function == "SIGMOID":
        return 1 / (1 + np.exp(np.clip(-4 * (values - centre) / width, -700, 700)))
    if window.function == "LINEAR":
        centre, width = centre - 0.5, width - 1
    if width == 0:
        return (values > centre).astype(np.float64)
    return np.clip((values - centre) / width + 0.5, 0, 1)


def spanned(values: np.ndarray, within: np.ndarray) -> np.ndarray:
    """Share of the range of ``within``, in [0, 1]; 0 where that is a single value."""
    low, high = within.min(), within.max()
    return np.clip((values - low) / (high - low), 0, 1) if high > low else np.zeros_like(values)


def used_codes(codes: np.ndarray, bits: int) -> np.ndarray:
    """Which codes occur in a picture: bool, ``(2 ** bits,)``."""
    used = np.zeros(1 << bits, bool)
    for block in _blocks(codes):
        used[block] = True
    return used


def apply_table(codes: np.ndarray, table: np.ndarray) -> np.ndarray:
    """Look every code up: uint8, ``(rows, columns)``, in little more memory than the result."""
    if table.size == 256 and np.array_equal(table, np.arange(256)):
        return codes.astype(np.uint8, copy=False)
    grey = np.empty(codes.shape, np.uint8)
    for source, target in zip(_blocks(codes), _blocks(grey), strict=True):
        target[:] = table[source]
    return grey


def _blocks(pixels: np.ndarray) -> list[np.ndarray]:
    rows = max(1, BLOCK_PX // pixels.shape[1])
    return [pixels[at : at + rows] for at in range(0, pixels.shape[0], rows)]
