"""A rectangle, and where a radiograph lies in a network's square input. Standard library only."""

from dataclasses import dataclass, replace

STATED_FOR_PX = 1024 * 1024
"""Pixels of a radiograph of the challenge, for which an area is stated."""


@dataclass(frozen=True)
class Box:
    """A rectangle in pixels, ``(x, y)`` its upper left corner, confidence in [0, 1]."""

    x: float
    y: float
    width: float
    height: float
    confidence: float = 1.0

    @property
    def area(self) -> float:
        """Area in square pixels."""
        return self.width * self.height

    def shrunk(self, across: float, down: float) -> "Box":
        """The box with a share ``across`` of its width and ``down`` of its height taken off.

        Its centre stays.
        """
        return replace(
            self,
            x=self.x + self.width * across / 2,
            y=self.y + self.height * down / 2,
            width=self.width * (1 - across),
            height=self.height * (1 - down),
        )


@dataclass(frozen=True)
class Frame:
    """Where a radiograph of ``rows`` x ``columns`` lies in a square input of ``size_px``.

    The radiograph is scaled by area averaging until its longer side fills the square and is
    centred; the rest is black. A pixel of the original is ``pixel_aspect`` times as high as it is
    wide; those of the square are as high as wide. Boxes map to the square and back without
    rounding.
    """

    rows: int
    columns: int
    size_px: int
    pixel_aspect: float = 1.0

    @property
    def scale(self) -> float:
        """Widths of an original pixel per pixel of the square."""
        return max(self.rows * self.pixel_aspect, self.columns) / self.size_px

    @property
    def shape(self) -> tuple[int, int]:
        """Rows and columns that the scaled radiograph takes in the square, at least 1."""
        rows, columns = self.rows * self.pixel_aspect / self.scale, self.columns / self.scale
        return max(1, round(rows)), max(1, round(columns))

    @property
    def offset(self) -> tuple[int, int]:
        """Rows above and columns left of the scaled radiograph."""
        rows, columns = self.shape
        return (self.size_px - rows) // 2, (self.size_px - columns) // 2

    def area_px(self, stated: float) -> float:
        """An area stated for 1024 x 1024 pixels, as the same share of this radiograph's pixels."""
        return stated * (self.rows * self.columns) / STATED_FOR_PX

    def to_square(self, box: Box) -> Box:
        """Map a box in original pixels to pixels of the square."""
        (top, left), (down, across) = self.offset, self._scales()
        return replace(
            box,
            x=box.x / across + left,
            y=box.y / down + top,
            width=box.width / across,
            height=box.height / down,
        )

    def to_original(self, box: Box) -> Box:
        """Map a box in pixels of the square to original pixels, cut at the radiograph's edges."""
        (top, left), (down, across) = self.offset, self._scales()
        x, y = (box.x - left) * across, (box.y - top) * down
        right = min(x + box.width * across, self.columns)
        bottom = min(y + box.height * down, self.rows)
        x, y = max(x, 0.0), max(y, 0.0)
        return replace(box, x=x, y=y, width=max(right - x, 0.0), height=max(bottom - y, 0.0))

    def _scales(self) -> tuple[float, float]:
        rows, columns = self.shape
        return self.rows / rows, self.columns / columns
