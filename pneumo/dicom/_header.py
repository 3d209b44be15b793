"""The elements of a DICOM data set, read from their raw bytes.

pydicom turns an element into Python objects when it is asked for, which takes longer than decoding
a JPEG at 1/8 scale and raises many kinds of exceptions; the few tags needed here are read as they
are stored.
"""

import math
import re
from typing import TYPE_CHECKING, Literal, NoReturn

from pneumo.dicom._elements import UNDEFINED, Element, Elements
from pneumo.dicom.refusal import refuse

if TYPE_CHECKING:
    from pydicom.dataelem import DataElement, RawDataElement
    from pydicom.dataset import Dataset

LONGEST_TEXT = 1024
MOST_DIGITS = 7
NUMERIC = re.compile(r"[-+0-9.,eE_\\ ]{1,24}")
THOUSANDS = re.compile(r"[-+]?[1-9][0-9]{0,2},[0-9]{3}")


class Header:
    """Tags of one data set; ``syntax`` is its Transfer Syntax UID, blank when it names none."""

    def __init__(self, dataset: "Dataset | Elements", syntax: str, little_endian: bool):
        self._dataset, self.syntax, self.little_endian = dataset, syntax, little_endian
        self.notes: dict[str, str] = {}
        """What is doubtful, though the file is read: a code and a sentence each."""

    def note(self, code: str, message: str) -> None:
        """Mark the radiograph as doubtful; the first sentence of a code counts."""
        self.notes.setdefault(code, message)

    def __contains__(self, tag: int) -> bool:
        return tag in self._dataset

    def __len__(self) -> int:
        return len(self._dataset)

    def raw(self, tag: int) -> bytes:
        """The bytes of an element as they are stored; none where it is missing or a sequence.

        Raises Refused, ``truncated``, where fewer follow than it says: pydicom takes what there is.
        """
        element = self._element(tag)
        value = None if element is None else element.value
        said = getattr(element, "length", 0)
        if isinstance(value, bytes) and said != UNDEFINED and len(value) < said:
            refuse("truncated", f"{named(tag)} says {said:,} bytes; {len(value):,} follow")
        return bytes(value) if isinstance(value, bytes | bytearray) else b""

    def has_value(self, tag: int) -> bool:
        """Whether an element is there and not blank."""
        return bool(self.raw(tag).strip(b" \0"))

    def text(self, tag: int) -> str:
        """A text without its padding, at most ``LONGEST_TEXT`` long."""
        return self.raw(tag)[:LONGEST_TEXT].decode("latin-1").strip(" \0")

    def integer(self, tag: int, default: int | None = None) -> int | None:
        """A whole number (US, SS, UL, SL or IS); ``default`` where it is missing or blank.

        Raises Refused, ``bad_header``, when there is something else.
        """
        value = self.raw(tag)
        if not value.strip(b" ") or (self._vr(tag) == "IS" and not self.has_value(tag)):
            return default
        if self._vr(tag) in ("IS", "DS"):
            numbers = self.decimals(tag)
            if numbers and numbers[0].is_integer():
                return int(numbers[0])
            return self._strange(tag, f"is {number(self.text(tag))}, which is no whole number")
        if len(value) not in (2, 4):
            return self._strange(tag, f"has {len(value)} bytes; a whole number has 2 or 4")
        return int.from_bytes(value, self._order(tag), signed=self.is_signed(tag))

    def decimals(self, tag: int) -> list[float]:
        """Decimal strings, which may be NaN or infinite; none where they are missing or blank.

        A blank value before others is NaN. A comma in place of the decimal point is read as one,
        with a note, unless it may part thousands. Raises Refused, ``bad_header``, when there is
        something else.
        """
        texts = self.text(tag).rstrip("\\ \0").split("\\") if self.has_value(tag) else []
        if any("," in text for text in texts):
            texts = [self._pointed(tag, text) for text in texts]
        try:
            if any("_" in text for text in texts):  # to Python 5_00 is 500
                raise ValueError
            return [float(text) if text.strip(" \0") else math.nan for text in texts]
        except ValueError:
            shown = "\\".join(texts)
            return self._strange(tag, f"is {number(shown)}, which is no decimal number")

    def _pointed(self, tag: int, text: str) -> str:
        """A number with a point for its decimal comma, which PS3.5 6.2 does not know."""
        if THOUSANDS.fullmatch(text.strip()):
            return self._strange(tag, f"is '{text.strip()}', whose comma may part thousands")
        if text.count(",") != 1 or "." in text:
            return text
        self.note("decimal_comma", f"{named(tag)} has a decimal comma; it is read as a point")
        return text.replace(",", ".")

    def decimal(self, tag: int, default: float) -> float:
        """The first of ``decimals``; ``default`` where there is none."""
        return next(iter(self.decimals(tag)), default)

    def items(self, tag: int) -> list["Header"]:
        """The items of a sequence; Refused, ``bad_header``, when there is something else."""
        if tag not in self._dataset:
            return []
        try:
            items = list(self._dataset[tag].value or [])
            return [self._within(item) for item in items]
        except Exception:  # pydicom raises many kinds on a broken sequence
            return self._strange(tag, "is a sequence whose items cannot be told apart")

    def _within(self, item: "Dataset") -> "Header":
        inner = Header(item, self.syntax, self.little_endian)
        inner.notes = self.notes
        return inner

    def words(self, tag: int) -> list[int]:
        """16-bit numbers, unsigned."""
        value, order = self.raw(tag), self._order(tag)
        pairs = (value[at : at + 2] for at in range(0, len(value) - 1, 2))
        return [int.from_bytes(pair, order) for pair in pairs]

    def is_signed(self, tag: int) -> bool:
        """Whether an element's VR is that of signed numbers."""
        return self._vr(tag) in ("SS", "SL")

    def is_words(self, tag: int) -> bool:
        """Whether an element says that it holds 16-bit words."""
        return self._vr(tag) == "OW"

    def is_undefined(self, tag: int) -> bool:
        """Whether an element has no length of its own, as encapsulated pixel data have none."""
        return getattr(self._element(tag), "length", 0) == UNDEFINED

    def _element(self, tag: int) -> "RawDataElement | DataElement | Element | None":
        try:
            return self._dataset.get_item(tag)
        except Exception:  # pydicom raises many kinds on an unknown representation
            return self._strange(tag, "has a value representation that DICOM does not know")

    def _vr(self, tag: int) -> str:
        element = self._element(tag)
        declared = getattr(element, "VR", None)
        return IMPLICIT.get(tag, "US") if declared in (None, "UN") else declared

    def _order(self, tag: int) -> Literal["little", "big"]:
        return "little" if getattr(self._element(tag), "is_little_endian", True) else "big"

    def _strange(self, tag: int, fault: str) -> NoReturn:
        refuse("bad_header", f"{named(tag)} {fault}; correct it")


def number(text: str) -> str:
    """What stands for a number, as a message may show it: quoted, or only its length.

    Seven digits are too few for a date of birth, and other text may be a name.
    """
    shown = NUMERIC.fullmatch(text) and sum(mark.isdigit() for mark in text) <= MOST_DIGITS
    return f"'{text}'" if shown else f"a text of {len(text)} characters"


def named(tag: int) -> str:
    """A tag as messages show it: number and name."""
    name = NAMES[tag & 0xFF00FFFF if tag >> 24 == 0x60 else tag]  # a group for each overlay
    return f"({tag >> 16:04X},{tag & 0xFFFF:04X}) {name}"


IMPLICIT = {0x00280008: "IS"}  # tags asked for as integers that are not US (PS3.6)

NAMES = {
    0x00080008: "Image Type", 0x00080016: "SOP Class UID", 0x00080068: "Presentation Intent Type",
    0x00080100: "Code Value", 0x00080104: "Code Meaning", 0x00080119: "Long Code Value",
    0x00081030: "Study Description", 0x0008103E: "Series Description",
    0x00082111: "Derivation Description", 0x00082218: "Anatomic Region Sequence",
    0x00180015: "Body Part Examined", 0x00181030: "Protocol Name",
    0x00181400: "Acquisition Device Processing Description",
    0x00181401: "Acquisition Device Processing Code", 0x00200020: "Patient Orientation",
    0x00540220: "View Code Sequence", 0x00540222: "View Modifier Code Sequence",
    0x00182010: "Nominal Scanned Pixel Spacing", 0x00280034: "Pixel Aspect Ratio",
    0x00080060: "Modality", 0x00100020: "Patient ID", 0x00100040: "Patient's Sex",
    0x00101010: "Patient's Age", 0x00181164: "Imager Pixel Spacing", 0x00185101: "View Position",
    0x00280002: "Samples per Pixel",
    0x00280004: "Photometric Interpretation", 0x00280008: "Number of Frames", 0x00280010: "Rows",
    0x00280011: "Columns", 0x00280030: "Pixel Spacing", 0x00280100: "Bits Allocated",
    0x00280101: "Bits Stored", 0x00280102: "High Bit", 0x00280103: "Pixel Representation",
    0x00281050: "Window Center", 0x00281051: "Window Width", 0x00281052: "Rescale Intercept",
    0x00281053: "Rescale Slope", 0x00281056: "VOI LUT Function",
    0x00283000: "Modality LUT Sequence", 0x00283002: "LUT Descriptor", 0x00283006: "LUT Data",
    0x00283010: "VOI LUT Sequence", 0x00280120: "Pixel Padding Value",
    0x00280121: "Pixel Padding Range Limit", 0x20500020: "Presentation LUT Shape",
    0x60000100: "Overlay Bits Allocated", 0x60000102: "Overlay Bit Position",
    0x00020010: "Transfer Syntax UID", 0x7FE00010: "Pixel Data",
}  # fmt: skip
"""The names of the tags that messages may show (PS3.6); pydicom's dictionary is slow to import."""
