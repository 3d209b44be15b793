"""The values behind the grey levels, for a person who chooses the window: NumPy only."""

from collections.abc import Callable
from dataclasses import dataclass

import numpy as np

from pneumo.dicom._display import Display, Lut, Window
from pneumo.dicom._grey import Settled, settled, used_in_picture
from pneumo.dicom._transforms import looked_up, rescaled, values_of


@dataclass(frozen=True)
class Values:
    """``pixels``: uint16 ``(rows, columns)``, brighter is higher; a pixel is white by the share
    ``(value - centre) / width + 0.5``, cut to [0, 1] (PS3.3 C.11.2.1.3.2, LINEAR_EXACT)."""

    pixels: np.ndarray
    centre: float
    width: float


def values_in(
    codes: np.ndarray,
    display: Display,
    bits: int,
    *,
    signed: bool,
    note: Callable[[str, str], None],
) -> Values:
    """Every pixel after modality LUT or rescale, and VOI LUT, in whole steps from the lowest.

    With the window that a picture starts with: the header's, else the range that ``grey_levels``
    draws. A SIGMOID is given as the line of its slope at the centre. MONOCHROME1 is turned over,
    padding is 0. Raises Refused: ``no_contrast``.
    """
    shown = settled(codes, display, bits, signed=signed, note=note)
    values, step = _levels(shown.display, bits, signed)
    low, high = _range(codes, shown, bits, values)
    if display.inverted:
        values, low, high = -values, -high, -low
    least = values.min()
    table = np.rint((values - least) / step).astype(np.uint16)
    width = max((high - low) / step, 1.0)
    return Values(_placed(codes, table, shown), ((low + high) / 2 - least) / step, width)


def _levels(display: Display, bits: int, signed: bool) -> tuple[np.ndarray, float]:
    """The value of every code, float64 ``(2 ** bits,)``, and how far two neighbours are apart."""
    values = rescaled(values_of(bits, signed=signed), display)
    if isinstance(display.voi, Lut):
        return looked_up(values, display.voi), 1.0
    return values, 1.0 if display.modality is not None else abs(display.slope)


def _range(codes: np.ndarray, shown: Settled, bits: int, values: np.ndarray) -> tuple[float, float]:
    """The values that are black and white."""
    voi = shown.display.voi
    if isinstance(voi, Lut):
        return 0.0, float((1 << voi.bits) - 1)
    if isinstance(voi, Window):
        exact = voi.function != "LINEAR"  # PS3.3 C.11.2.1.2.1
        centre, width = (voi.centre, voi.width) if exact else (voi.centre - 0.5, voi.width - 1)
        return centre - width / 2, centre + width / 2
    if bits > 8:
        used = used_in_picture(codes, bits, shown.padding)
        values = values[used] if used.any() else values
    return float(values.min()), float(values.max())


def _placed(codes: np.ndarray, table: np.ndarray, shown: Settled) -> np.ndarray:
    padding = shown.padding
    if padding is None:
        return table[codes]
    if not padding.at_edges:
        return np.where(padding.codes, 0, table).astype(np.uint16)[codes]
    return np.where(padding.within(codes), 0, table[codes]).astype(np.uint16)
