"""A radiograph that is opened and checked, its pixels still encoded."""

import hashlib
import re
from dataclasses import dataclass, field
from pathlib import Path

import numpy as np

from pneumo.base.safe import CODE
from pneumo.detection.frame import Frame
from pneumo.dicom._decode import Encoded, decode, decode_eighth, encoded
from pneumo.dicom._display import Display, display
from pneumo.dicom._frontal import check_frontal
from pneumo.dicom._grey import grey_levels
from pneumo.dicom._guards import Layout, check
from pneumo.dicom._header import Header
from pneumo.dicom._padding import padding_codes
from pneumo.dicom._parse import parse
from pneumo.dicom._pictures import Picture, is_picture, open_picture
from pneumo.dicom._spacing import PixelSize, pixel_size
from pneumo.dicom._transforms import grey_table
from pneumo.dicom.source import file_bytes

PATIENT_ID, SEX, AGE, VIEW = 0x00100020, 0x00100040, 0x00101010, 0x00185101
INSTANCE_UID = 0x00080018
MANUFACTURER, DEVICE_MODEL = 0x00080070, 0x00081090
TAKEN = (0x00080022, 0x00080021, 0x00080020)
"""Acquisition Date, Series Date, Study Date: the first that is there."""
UID = re.compile(r"[0-9.]{1,64}")  # PS3.5 9.1
DEVICE = re.compile(r"[A-Za-z0-9 ._/()+-]{0,80}")
DAY = re.compile(r"[12][0-9]{3}-(0[1-9]|1[0-2])-(0[1-9]|[12][0-9]|3[01])")
SUM = re.compile(r"[0-9a-f]{64}")
GREY_LEVELS = np.arange(256, dtype=np.uint8)
LONGEST_AGE = 6  # digits


@dataclass(frozen=True)
class Facts:
    """What is known of a radiograph beside its pixels; nothing that names a person in clear.

    ``view`` and ``sex`` are DICOM codes, blank when unknown; ``age`` is in years. ``instance_uid``
    is the SOP Instance UID, ``device`` manufacturer and model, ``taken`` a day such as 2026-11-28,
    ``patient`` the sha256 of the Patient ID, which needs a key before it is kept: see
    ``site.sitekey``. A pixel is ``pixel_aspect`` times as high as it is wide. ``notes`` say
    what is doubtful: a code and a sentence each.
    """

    view: str = ""
    sex: str = ""
    age: float | None = None
    row_spacing_mm: float | None = None
    column_spacing_mm: float | None = None
    pixel_aspect: float = 1.0
    instance_uid: str = ""
    device: str = ""
    taken: str = ""
    patient: str = ""
    notes: dict[str, str] = field(default_factory=dict)


@dataclass(frozen=True)
class Scan:
    """A DICOM radiograph that passed every check that needs no decoding."""

    header: Header
    layout: Layout
    display: Display
    pixel_size: PixelSize
    encoded: Encoded

    @property
    def frame_size(self) -> tuple[int, int]:
        """Rows and columns."""
        return self.layout.rows, self.layout.columns

    def pixels(self) -> np.ndarray:
        """Grey levels: uint8, ``(rows, columns)``, bone bright. Raises Refused."""
        return self._grey(decode(self.encoded))

    def pixels_for(self, frame: Frame) -> np.ndarray:
        """``pixels``, or their means over 8 x 8 where ``frame`` averages whole blocks of these."""
        if not self._averages_blocks(frame):
            return self.pixels()
        return self._grey(decode_eighth(self.encoded))

    def _averages_blocks(self, frame: Frame) -> bool:
        """Whether grey levels are a JPEG's own samples, or their reverse, and divide by 8."""
        rows, columns = frame.shape
        whole = self.layout.rows % (8 * rows) == 0 and self.layout.columns % (8 * columns) == 0
        if not whole or not self.encoded.is_8_bit_jpeg or self.layout.stored != 8:
            return False
        table = grey_table(self.display, 8, signed=self.layout.signed)
        if (padding := padding_codes(self.display, 8, signed=self.layout.signed)) is not None:
            table[padding] = 0
        return any(np.array_equal(table, levels) for levels in (GREY_LEVELS, GREY_LEVELS[::-1]))

    def _grey(self, codes: np.ndarray) -> np.ndarray:
        layout, note = self.layout, self.header.note
        return grey_levels(codes, self.display, layout.stored, signed=layout.signed, note=note)

    def facts(self) -> Facts:
        """View, sex, age, size of a pixel, and the notes so far: ask when pixels are decoded."""
        return Facts(
            view=_code(self.header.text(VIEW).upper()),
            sex=_code(self.header.text(SEX)),
            age=age_years(self.header.text(AGE)),
            row_spacing_mm=self.pixel_size.row_mm,
            column_spacing_mm=self.pixel_size.column_mm,
            pixel_aspect=self.pixel_size.aspect,
            instance_uid=_uid(self.header.text(INSTANCE_UID)),
            device=_device(self.header),
            taken=_taken(self.header),
            patient=_summed(self.header.text(PATIENT_ID)),
            notes=dict(self.header.notes),  # last: what is read above may note something
        )


def open_scan(path: Path, *, frontal_only: bool = True) -> Scan | Picture:
    """Open a DICOM file, or a PNG or JPEG picture, and check it. Raises Refused.

    Without ``frontal_only`` what is said to be no frontal chest is noted, not refused.
    """
    data = file_bytes(path)
    if is_picture(data):
        return open_picture(data)
    header = parse(data)
    layout = check(header)
    check_frontal(header, frontal_only=frontal_only)
    pixels = encoded(header, layout)
    return Scan(header, pixels.layout, display(header), pixel_size(header), pixels)


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


def _device(header: Header) -> str:
    text = " ".join(f"{header.text(MANUFACTURER)} {header.text(DEVICE_MODEL)}".split())
    return text if DEVICE.fullmatch(text) else ""


def _taken(header: Header) -> str:
    """The day of a Date (DA) value, PS3.5 6.2; of ACR-NEMA's with dots, too."""
    for tag in TAKEN:
        digits = header.text(tag).replace(".", "")
        day = f"{digits[:4]}-{digits[4:6]}-{digits[6:]}"
        if DAY.fullmatch(day):
            return day
    return ""


def _summed(patient_id: str) -> str:
    return hashlib.sha256(patient_id.encode()).hexdigest() if patient_id else ""
