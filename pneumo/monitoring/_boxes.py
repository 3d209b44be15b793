"""Boxes that readers drew: read from what they wrote, and cut to the radiograph they are on.

A box is ``[x, y, width, height]`` in pixels of the stored radiograph, from its upper left corner
(PS3.3 C.18.6.1.1). A reader may draw beyond the edge; what reaches outside is cut off when the size
of the radiograph is known.
"""

from collections.abc import Sequence
from math import dist, hypot, isfinite

Box = Sequence[float]

FARTHEST_PX = 1e5
NO_PLACE = "a box has a number that is no place in a radiograph"
SMALLEST_PX = 1.0
"""A side of a box is longer: what is not was drawn by accident, or is in shares of the sides."""


class NoBoxError(ValueError):
    """What a reader drew has no place or no area; the message says which, in words."""


def box_of(sides: Sequence[object]) -> list[float]:
    """A box from four numbers, or their texts. NoBoxError for what is none."""
    try:
        x, y, width, height = (float(side) for side in sides)  # type: ignore[arg-type]
    except (TypeError, ValueError, OverflowError):
        raise NoBoxError("boxes must be JSON of x, y, width, height in pixels") from None
    return _checked(x, y, x + width, y + height, (width, height))


def box_around(kind: str, numbers: Sequence[float]) -> list[float]:
    """The box around a region of a report (PS3.3 C.18.6.1.2). NoBoxError.

    ``kind`` is its Graphic Type, ``numbers`` its Graphic Data: column, row, column, row, ...
    """
    points = list(zip(numbers[::2], numbers[1::2], strict=False))
    if len(numbers) % 2 or len(points) < 2 or len(points) != POINTS.get(kind, len(points)):
        raise NoBoxError(f"a region has {len(numbers)} numbers, which its kind does not take")
    if not all(map(isfinite, numbers)):
        raise NoBoxError(NO_PLACE)
    if kind == "CIRCLE":  # the centre, and a point on the edge
        (x, y), radius = points[0], dist(*points)
        return _checked(x - radius, y - radius, x + radius, y + radius)
    if kind == "ELLIPSE":  # the ends of one axis, then of the other
        (a, b, c, d) = points
        x, y = (a[0] + b[0]) / 2, (a[1] + b[1]) / 2
        half_width = hypot(a[0] - b[0], c[0] - d[0]) / 2
        half_height = hypot(a[1] - b[1], c[1] - d[1]) / 2
        return _checked(x - half_width, y - half_height, x + half_width, y + half_height)
    xs, ys = zip(*points, strict=True)
    return _checked(min(xs), min(ys), max(xs), max(ys))


POINTS = {"CIRCLE": 2, "ELLIPSE": 4}
"""How many points a kind of region has; others have two or more."""


def inside(box: Box, rows: int, columns: int) -> list[float] | None:
    """What of a box lies on a radiograph; None where that is nothing, or a sliver."""
    x, y, width, height = box
    left, top = max(x, 0.0), max(y, 0.0)
    right, bottom = min(x + width, float(columns)), min(y + height, float(rows))
    if right - left <= SMALLEST_PX or bottom - top <= SMALLEST_PX:
        return None
    if (left, top, right, bottom) == (x, y, x + width, y + height):
        return list(box)  # to the last bit
    return [left, top, right - left, bottom - top]


def _checked(
    left: float, top: float, right: float, bottom: float, sides: Sequence[float] = ()
) -> list[float]:
    width, height = sides or (right - left, bottom - top)
    if not all(isfinite(v) and abs(v) < FARTHEST_PX for v in (left, top, right, bottom)):
        raise NoBoxError(NO_PLACE)
    if width <= SMALLEST_PX or height <= SMALLEST_PX:
        raise NoBoxError("a box has no area: its width and height must be above 1 px")
    return [left, top, width, height]
