"""From a file to an 8-bit picture in which bone is bright. Training and scoring read here."""

from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path

import numpy as np
from PIL import Image

from pneumo.base.errors import RadiographError
from pneumo.base.safe import printable
from pneumo.detection.frame import Frame
from pneumo.dicom._pictures import Picture
from pneumo.dicom._scan import PATIENT_ID, Facts, Scan, open_scan
from pneumo.dicom.refusal import Refused

READING = 2
"""Raised when pixels or notes of some file change: what was scored before is scored anew."""


@dataclass(frozen=True)
class Radiograph:
    """A radiograph as it is looked at: ``pixels`` is uint8, bone bright, and as high as wide.

    Where those of the file are oblong, the side along which they are longer is enlarged;
    ``stored_size`` has the file's rows and columns. ``patient_id`` is text from outside: it belongs
    in no message, path or table cell as it is.
    """

    pixels: np.ndarray
    patient_id: str
    view: str
    sex: str
    age: float | None
    row_spacing_mm: float | None
    column_spacing_mm: float | None
    stored_size: tuple[int, int]
    notes: dict[str, str] = field(default_factory=dict)
    """What is doubtful: a code and a sentence each."""

    @property
    def frame_size(self) -> tuple[int, int]:
        """Rows and columns of ``pixels``."""
        return int(self.pixels.shape[0]), int(self.pixels.shape[1])

    @property
    def spacing_mm(self) -> float | None:
        """Side of a pixel of ``pixels``."""
        if self.row_spacing_mm is None or self.column_spacing_mm is None:
            return None
        oblong = self.frame_size != self.stored_size
        return min(self.row_spacing_mm, self.column_spacing_mm) if oblong else self.row_spacing_mm


@dataclass(frozen=True)
class Square:
    """A radiograph as a network takes it: ``pixels`` is uint8 ``(size_px, size_px)``.

    ``rows`` and ``columns`` are those of the file, in whose pixels boxes are told.
    """

    pixels: np.ndarray
    rows: int
    columns: int
    facts: Facts

    @property
    def frame(self) -> Frame:
        """Where the radiograph lies in the square."""
        return Frame(self.rows, self.columns, len(self.pixels), self.facts.pixel_aspect)


def read_radiograph(path: Path, *, frontal_only: bool = True) -> Radiograph:
    """Read one chest radiograph: a DICOM file, or a PNG or JPEG picture.

    Stored values pass modality LUT or rescale, VOI LUT or window (PS3.3 C.11.1, C.11.2), and
    inversion of MONOCHROME1, in this order. Raises RadiographError with a reason code for any
    other file; what its header says is no frontal chest radiograph for presentation is read with a
    note without ``frontal_only``. It decodes in this process: read untrusted files with
    ``read_squares``.
    """
    with refusals_of(path):
        scan = open_scan(path, frontal_only=frontal_only)
        pixels = scan.pixels()
        facts = facts_of(scan)
        return Radiograph(
            pixels=squared(pixels, facts.pixel_aspect),
            patient_id=scan.header.text(PATIENT_ID) if isinstance(scan, Scan) else "",
            view=facts.view,
            sex=facts.sex,
            age=facts.age,
            row_spacing_mm=facts.row_spacing_mm,
            column_spacing_mm=facts.column_spacing_mm,
            stored_size=scan.frame_size,
            notes=facts.notes,
        )


def read_square(path: Path, size_px: int, *, frontal_only: bool = True) -> Square:
    """``fit(read_radiograph(path).pixels, size_px)`` within 1 grey level on average, 6 at most.

    Faster where a JPEG's blocks are averaged whole. Raises RadiographError.
    """
    with refusals_of(path):
        scan = open_scan(path, frontal_only=frontal_only)
        aspect = scan.pixel_size.aspect if isinstance(scan, Scan) else 1.0
        frame = Frame(*scan.frame_size, size_px, aspect)
        pixels = scan.pixels_for(frame) if isinstance(scan, Scan) else scan.pixels()
        return Square(_fit(pixels, frame), frame.rows, frame.columns, facts_of(scan))


def fit(pixels: np.ndarray, size_px: int) -> np.ndarray:
    """Scale a picture into a square by area averaging, centred on black.

    ``pixels`` is uint8 ``(rows, columns)``, as high as wide; returns uint8 ``(size_px, size_px)``.
    ``Frame`` maps boxes the same way.
    """
    return _fit(pixels, Frame(pixels.shape[0], pixels.shape[1], size_px))


def squared(pixels: np.ndarray, pixel_aspect: float) -> np.ndarray:
    """Enlarge a picture, uint8 ``(rows, columns)``, along the longer side of its pixels.

    They are ``pixel_aspect`` times as high as wide, and become square.
    """
    rows, columns = pixels.shape
    size = round(rows * max(pixel_aspect, 1)), round(columns / min(pixel_aspect, 1))
    return pixels if size == pixels.shape else _scaled(pixels, *size)


def facts_of(scan: Scan | Picture) -> Facts:
    """View, sex, age, size of a pixel, which a PNG or JPEG picture lacks; and the notes so far."""
    return scan.facts() if isinstance(scan, Scan) else Facts(notes=dict(scan.notes))


@contextmanager
def refusals_of(path: Path) -> Iterator[None]:
    """Name the file in what the block refuses: RadiographError."""
    where = printable(path)
    try:
        yield
    except Refused as refused:
        raise RadiographError(where, refused.reason, printable(refused.message)) from None
    except MemoryError:
        raise RadiographError(where, "out_of_memory", "needs too much memory") from None


def _fit(pixels: np.ndarray, frame: Frame) -> np.ndarray:
    rows, columns = frame.shape
    if pixels.shape != (rows, columns):
        pixels = _scaled(pixels, rows, columns)
    square = np.zeros((frame.size_px, frame.size_px), np.uint8)
    top, left = frame.offset
    square[top : top + rows, left : left + columns] = pixels
    return square


def _scaled(pixels: np.ndarray, rows: int, columns: int) -> np.ndarray:
    return np.asarray(Image.fromarray(pixels).resize((columns, rows), Image.Resampling.BOX))
