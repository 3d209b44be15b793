"""How large a pixel is, and how high for its width (PS3.3 10.7.1.3, C.7.6.3.1.7)."""

import math
from typing import NamedTuple

from pneumo.dicom._header import Header, named
from pneumo.dicom.refusal import Refused, refuse

SPACINGS = (0x00280030, 0x00181164, 0x00182010)
"""Pixel Spacing, Imager Pixel Spacing, Nominal Scanned Pixel Spacing: the first there is counts."""
ASPECT_RATIO = 0x00280034
EQUAL = 0.01
"""Shares by which height and width may differ in a square pixel: rounded decimals do."""
LARGEST_ASPECT = 4.0

Pair = tuple[float, float]


class PixelSize(NamedTuple):
    """Millimetres between rows (down) and between columns (across), where they are told.

    ``aspect`` is a pixel's height over its width, exactly 1 where both are equal within ``EQUAL``.
    """

    row_mm: float | None = None
    column_mm: float | None = None
    aspect: float = 1.0


def pixel_size(header: Header) -> PixelSize:
    """The size of a radiograph's pixels; a spacing that cannot be used is noted and passed over.

    Pixel Aspect Ratio counts where there is no spacing. Tags that contradict one another are noted.
    Raises Refused, ``bad_spacing``, for pixels more than four times as long one way as the other.
    """
    told = {tag: pair for tag in SPACINGS if (pair := _spacing(header, tag))}
    shapes = dict(told)
    if ratio := _pair(header, ASPECT_RATIO):
        shapes[ASPECT_RATIO] = ratio
    if not shapes:
        return PixelSize()
    first, *others = shapes
    aspect = _aspect(first, shapes[first])
    for tag in others:
        height, width = shapes[tag]
        if abs(height / width / aspect - 1) > 2 * EQUAL:
            said = f"{named(first)} and {named(tag)} tell different shapes of a pixel"
            header.note("pixel_shape", f"{said}; the first counts")
    row_mm, column_mm = told.get(first, (None, None))
    return PixelSize(row_mm, column_mm, aspect)


def _aspect(tag: int, pair: Pair) -> float:
    ratio = pair[0] / pair[1]
    if not 1 / LARGEST_ASPECT <= ratio <= LARGEST_ASPECT:
        refuse(
            "bad_spacing",
            f"{named(tag)} says that a pixel is {ratio:.3g} times as high as it is wide; "
            f"{1 / LARGEST_ASPECT:g} to {LARGEST_ASPECT:g} is read",
        )
    return 1.0 if abs(ratio - 1) <= EQUAL else ratio


def _spacing(header: Header, tag: int) -> Pair | None:
    """Spacing of rows and of columns; a single value counts for both."""
    return _pair(header, tag, one_is_enough=True)


def _pair(header: Header, tag: int, *, one_is_enough: bool = False) -> Pair | None:
    if tag not in header:
        return None
    try:
        numbers = header.decimals(tag)
    except Refused:
        header.note("bad_spacing", f"{named(tag)} holds no numbers; it is passed over")
        return None
    if not numbers:
        return None
    if one_is_enough and len(numbers) == 1:
        header.note("bad_spacing", f"{named(tag)} holds 1 value; it counts both ways")
        numbers *= 2
    if len(numbers) != 2 or not all(math.isfinite(n) and n > 0 for n in numbers):
        what = "2 values above 0 are due"
        header.note("bad_spacing", f"{named(tag)} is passed over: {what}")
        return None
    return numbers[0], numbers[1]
