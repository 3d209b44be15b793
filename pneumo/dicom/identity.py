"""What a DICOM file is, whichever way it came: a sum of its data set.

Every hop writes the file meta information anew, and may change the transfer syntax of what is not
compressed, the lengths of groups and sequences, and padding. None of that is part of the sum: a
file, its copy by C-STORE and its copy by WADO-RS have the same one, as long as no pixel is coded
anew.
"""

import hashlib
from collections.abc import Iterator
from functools import cache
from pathlib import Path
from typing import TYPE_CHECKING

from pneumo.dicom.read import refusals_of
from pneumo.dicom.refusal import refuse
from pneumo.dicom.source import file_bytes

if TYPE_CHECKING:
    from pydicom import Dataset

FIRST_GROUP = 0x0004
LENGTH_TO_END, PIXEL_DATA, TRAILING_PADDING = 0x00080001, 0x7FE00010, 0xFFFCFFFC
OFFSETS = (0x7FE00001, 0x7FE00002)
"""Extended Offset Table and its lengths, which tell of the encoding alone."""

ITEM = b"\xfe\xff\x00\xe0"
UNDEFINED = 0xFFFFFFFF
WIDTHS = {
    "AT": 2, "FL": 4, "FD": 8, "OD": 8, "OF": 4, "OL": 4, "OV": 8, "OW": 2, "SL": 4, "SS": 2,
    "SV": 8, "UL": 4, "US": 2, "UV": 8,
}  # fmt: skip
"""Bytes of a number, which is turned around in big endian (PS3.5 7.3)."""

TEXTS = frozenset(
    (
        "AE", "AS", "CS", "DA", "DS", "DT", "IS", "LO", "LT", "PN", "SH", "ST", "TM", "UC", "UI",
        "UR", "UT",
    )
)  # fmt: skip


def data_set_sum(path: Path) -> str:
    """SHA-256 of the data set of a DICOM file, of what follows group 2, as 64 hexadecimal digits.

    Elements count by tag and value, in little endian and without padding; private ones too, however
    their value representation is told. Raises RadiographError for a file that is no DICOM.
    """
    dataset = read_dataset(path)
    with refusals_of(path):
        try:
            return sum_of(dataset)
        except Exception:  # pydicom raises many kinds on a broken sequence
            refuse("bad_header", "has a sequence that cannot be read; export it anew")


def read_dataset(path: Path, *, pixels: bool = True) -> "Dataset":
    """The data set of a DICOM file, its elements not looked at yet; RadiographError for others."""
    from pneumo.dicom._unusual import read_whole

    with refusals_of(path):
        data = file_bytes(path)
        has_preamble = data[128:132] == b"DICM"
        if not has_preamble and data[:2] not in (b"\x02\0", b"\x08\0", b"\0\x08"):
            refuse("not_dicom", "is no DICOM file")
        return read_whole(data, has_preamble=has_preamble, pixels=pixels)


def sum_of(dataset: "Dataset") -> str:
    """As ``data_set_sum``, of a data set that was read and not changed."""
    sum_ = hashlib.sha256()
    for part in _parts(dataset):
        sum_.update(len(part).to_bytes(8, "big") + part)
    return sum_.hexdigest()


def _parts(dataset: "Dataset") -> Iterator[bytes]:
    for tag in sorted(dataset.keys()):
        if tag >> 16 < FIRST_GROUP or not tag & 0xFFFF or tag in (LENGTH_TO_END, *OFFSETS):
            continue
        if tag == TRAILING_PADDING:
            continue
        yield tag.to_bytes(4, "big")
        items = _items(dataset, tag)
        if items is None:
            yield _value(dataset, tag)
        else:
            for item in items:
                yield ITEM
                yield from _parts(item)
            yield b"end of items"


def _items(dataset: "Dataset", tag: int) -> "list[Dataset] | None":
    """The items of a sequence, also of one that says it is of unknown representation; else None."""
    from pydicom.sequence import Sequence
    from pydicom.values import convert_SQ

    element = dataset.get_item(tag)
    value = getattr(element, "value", None)
    if isinstance(value, Sequence):
        return list(value)
    if _representation(tag) == "SQ" or getattr(element, "VR", None) == "SQ":
        return list(dataset[tag].value or [])
    if _representation(tag) is None and isinstance(value, bytes) and value.startswith(ITEM):
        try:  # PS3.5 6.2.2: what is sent as UN is in implicit little endian
            return list(convert_SQ(value, True, True))
        except Exception:  # bytes that begin like an item and are none
            return None
    return None


def _value(dataset: "Dataset", tag: int) -> bytes:
    """An element's value in little endian, without padding."""
    element = dataset.get_item(tag)
    value, said = getattr(element, "value", None), getattr(element, "VR", None)
    if not isinstance(value, bytes):
        return _unpadded(tag, _encoded(dataset, tag))
    if tag == PIXEL_DATA and getattr(element, "length", 0) == UNDEFINED:
        return b"fragments" + b"".join(_fragments(value)).rstrip(b"\0")
    width = WIDTHS.get(said or "", 1)
    if not getattr(element, "is_little_endian", True) and width > 1:
        value = b"".join(value[at : at + width][::-1] for at in range(0, len(value), width))
    return _unpadded(tag, value)


def _unpadded(tag: int, value: bytes) -> bytes:
    known = _representation(tag)
    if known is None or known in TEXTS:
        return value.rstrip(b" \0")
    return value + b"\0" * (len(value) % 2)


def _encoded(dataset: "Dataset", tag: int) -> bytes:
    """The value of an element that pydicom has looked at, as it is written."""
    from pydicom.filebase import DicomBytesIO
    from pydicom.filewriter import write_data_element

    file = DicomBytesIO()
    file.is_little_endian, file.is_implicit_VR = True, True
    write_data_element(file, dataset[tag], dataset.get("SpecificCharacterSet"))
    return file.getvalue()[8:]


def _fragments(value: bytes) -> Iterator[bytes]:
    """The fragments of encapsulated pixel data, without the Basic Offset Table before them."""
    at, first = 0, True
    while value[at : at + 4] == ITEM:
        length = int.from_bytes(value[at + 4 : at + 8], "little")
        if not first:
            yield value[at + 8 : at + 8 + length]
        at, first = at + 8 + length, False


@cache
def _representation(tag: int) -> str | None:
    """The value representation of the dictionary (PS3.6); None for private and unknown tags."""
    from pydicom.datadict import dictionary_VR

    if tag >> 16 & 1:
        return None
    try:
        return dictionary_VR(tag)
    except KeyError:
        return None
