"""A radiograph that is opened and checked, its pixels still encoded."""

import re
from dataclasses import dataclass, field
from pathlib import Path

import numpy as np

from pneumo.dicom.decode import Encoded, decode, decode_eighth, encoded
from pneumo.dicom.display import Display, display
from pneumo.dicom.guards import Layout, check
from pneumo.dicom.header import Header, positive
from pneumo.dicom.parse import parse
from pneumo.dicom.pictures import Picture, is_picture, open_picture
from pneumo.dicom.refusal import Refused
from pneumo.dicom.source import file_bytes
from pneumo.dicom.transforms import apply_table, grey_table, used_codes, values_of
from pneumo.frame import Frame
from pneumo.safe import CODE

PATIENT_ID, SEX, AGE, VIEW = 0x00100020, 0x00100040, 0x00101010, 0x00185101
INSTANCE_UID = 0x00080018
SPACING, IMAGER_SPACING = 0x00280030, 0x00181164
UID = re.compile(r"[0-9.]{1,64}")  # PS3.5 9.1
GREY_LEVELS = np.arange(256, dtype=np.uint8)
LONGEST_AGE = 6  # digits


@dataclass(frozen=True)
class Facts:
    """What is known of a radiograph beside its pixels; nothing that names a person.

    ``view`` and ``sex`` are DICOM codes, blank when unknown; ``age`` is in years. ``instance_uid``
    is the SOP Instance UID. ``notes`` say what is doubtful: a code and a sentence each.
    """

    view: str = ""
    sex: str = ""
    age: float | None = None
    spacing_mm: float | None = None
    instance_uid: str = ""
    notes: dict[str, str] = field(default_factory=dict)


@dataclass(frozen=True)
class Scan:
    """A DICOM radiograph that passed every check that needs no decoding."""

    header: Header
    layout: Layout
    display: Display
    encoded: Encoded

    @property
    def frame_size(self) -> tuple[int, int]:
        """Rows and columns."""
        return self.layout.rows, self.layout.columns

    def pixels(self) -> np.ndarray:
        """Grey levels: uint8, ``(rows, columns)``, bone bright. Raises Refused."""
        codes, bits = decode(self.encoded), self.layout.stored
        if self.display.voi is None and bits > 8:
            return apply_table(codes, self._table(self._used(codes)))
        return apply_table(codes, self._table())

    def pixels_for(self, frame: Frame) -> np.ndarray:
        """``pixels``, or their means over 8 x 8 where ``frame`` averages whole blocks of these."""
        if not self._averages_blocks(frame):
            return self.pixels()
        return apply_table(decode_eighth(self.encoded), self._table())

    def _averages_blocks(self, frame: Frame) -> bool:
        """Whether grey levels are a JPEG's own samples, or their reverse, and divide by 8."""
        rows, columns = frame.shape
        whole = self.layout.rows % (8 * rows) == 0 and self.layout.columns % (8 * columns) == 0
        if not whole or not self.encoded.is_8_bit_jpeg or self.layout.stored != 8:
            return False
        table = self._table()
        return any(np.array_equal(table, levels) for levels in (GREY_LEVELS, GREY_LEVELS[::-1]))

    def _used(self, codes: np.ndarray) -> np.ndarray:
        """Which codes occur in the picture; padding is no part of it."""
        used = used_codes(codes, self.layout.stored)
        if self.display.padding is not None:
            low, high = self.display.padding
            values = values_of(self.layout.stored, signed=self.layout.signed)
            used &= (values < low) | (values > high)
        return used

    def _table(self, used: np.ndarray | None = None) -> np.ndarray:
        return grey_table(self.display, self.layout.stored, signed=self.layout.signed, used=used)

    def facts(self) -> Facts:
        """View, sex, age, spacing, and what was noted so far: ask when pixels are decoded."""
        return Facts(
            view=_code(self.header.text(VIEW)),
            sex=_code(self.header.text(SEX)),
            age=age_years(self.header.text(AGE)),
            spacing_mm=_spacing(self.header),
            instance_uid=_uid(self.header.text(INSTANCE_UID)),
            notes=dict(self.header.notes),  # last: what is read above may note something
        )


def open_scan(path: Path) -> Scan | Picture:
    """Open a DICOM file, or a PNG or JPEG picture, and check it. Raises Refused."""
    data = file_bytes(path)
    if is_picture(data):
        return open_picture(data)
    header = parse(data)
    layout = check(header)
    pixels = encoded(header, layout)
    return Scan(header, pixels.layout, display(header), pixels)


def age_years(text: str) -> float | None:
    """Years from an Age String such as 045Y or 018M (PS3.5 6.2), or a bare number."""
    units = {"Y": 1.0, "M": 1 / 12, "W": 7 / 365.25, "D": 1 / 365.25}
    digits, unit = (text[:-1], text[-1]) if text[-1:] in units else (text, "Y")
    known = digits.isascii() and digits.isdigit() and len(digits) <= LONGEST_AGE
    return int(digits) * units[unit] if known else None


def _code(text: str) -> str:
    return text if CODE.fullmatch(text) else ""


def _uid(text: str) -> str:
    return text if UID.fullmatch(text) else ""


def _spacing(header: Header) -> float | None:
    for tag in (SPACING, IMAGER_SPACING):
        try:
            found = positive(header.decimals(tag))
        except Refused:
            continue
        if found is not None:
            return found
    return None
