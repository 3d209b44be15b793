"""Headers that need pydicom: implicit, big endian, deflated, with sequences, or damaged."""

import logging
import re
import warnings
import zlib
from collections import deque
from collections.abc import Iterator
from contextlib import contextmanager
from io import BytesIO

import pydicom
from pydicom.dataset import Dataset
from pydicom.errors import InvalidDicomError
from pydicom.filereader import _read_file_meta_info, read_dataset, read_preamble

from pneumo.dicom._elements import END, end_of_items, walked
from pneumo.dicom._header import Header
from pneumo.dicom._syntaxes import BIG_ENDIAN, DEFLATED, EXPLICIT, IMPLICIT
from pneumo.dicom.refusal import Refused, refuse

LARGEST_INFLATED_BYTES = 256 * 2**20
FRAGMENTS = re.compile(rb"\xe0\x7f\x10\0(OB|OW|UN)\0\0\xff{4}(?=\xfe\xff\0\xe0)")  # Pixel Data

# pydicom's warnings show values of tags, which may be a patient's.
logging.getLogger("pydicom").setLevel(logging.CRITICAL)
warnings.filterwarnings("ignore", module="pydicom")


def read_unusual(data: bytes, *, has_preamble: bool, pixels: bool) -> Header:
    """Read the data set of any DICOM file; as ``parse`` says."""
    with _faults_of(data, has_preamble):
        return _header(_dataset(data, has_preamble, pixels))


def read_whole(data: bytes, *, has_preamble: bool, pixels: bool) -> Dataset:
    """The data set of any DICOM file as pydicom has it, elements still raw; as ``parse`` says."""
    with _faults_of(data, has_preamble):
        return _dataset(data, has_preamble, pixels)


@contextmanager
def _faults_of(data: bytes, has_preamble: bool) -> Iterator[None]:
    """Refuse what pydicom cannot read in the block."""
    try:
        yield
    except (Refused, MemoryError):
        raise
    except InvalidDicomError:
        refuse("not_dicom", "is no DICOM file, PNG or JPEG picture")
    except EOFError:
        refuse("truncated", "ends inside its header; the file was cut off: send it anew")
    except Exception:  # pydicom raises many kinds on a broken file
        refuse("bad_header", f"{_where(data)}; the file is damaged: export it anew")


def _dataset(data: bytes, has_preamble: bool, pixels: bool) -> Dataset:
    data = _mended(data)
    deflated = DEFLATED.encode() in data
    if deflated and (dataset := _inflated(data, pixels)) is not None:
        return dataset
    dataset = pydicom.dcmread(BytesIO(data), force=not has_preamble, stop_before_pixels=not pixels)
    if not len(dataset):  # what pydicom makes of a file that ends inside an element
        reason = "truncated" if has_preamble else "not_dicom"
        refuse(reason, "ends inside an element; the file was cut off: send it anew")
    return dataset


def _where(data: bytes) -> str:
    """Where the header cannot be read any more, as far as its elements can be walked."""
    tag, at = walked(data)
    group, number = tag >> 16, tag & 0xFFFF
    return f"at byte {at:,}, after ({group:04X},{number:04X}), begins no element that can be read"


def _mended(data: bytes) -> bytes:
    """Encapsulated pixel data as pydicom takes them: of a known VR, and with their delimiter."""
    last = next(iter(deque(FRAGMENTS.finditer(data), 1)), None)  # an icon's come before
    end, after = end_of_items(data, last.end()) if last else (-1, -1)
    if last is None or end < 0 or (last[1] != b"UN" and data[end:after] == END):
        return data
    return data[: last.start(1)] + b"OB" + data[last.end(1) : end] + END + data[after:]


def _inflated(data: bytes, pixels: bool) -> Dataset | None:
    """The data set of a deflated file (PS3.5 A.5); None when its syntax is another one."""
    file = BytesIO(data)
    read_preamble(file, force=True)
    meta = _read_file_meta_info(file)
    if meta.get("TransferSyntaxUID") != DEFLATED:
        return None
    inflater = zlib.decompressobj(-zlib.MAX_WBITS)
    try:
        inflated = inflater.decompress(data[file.tell() :], LARGEST_INFLATED_BYTES)
    except zlib.error:
        refuse("truncated", "deflated data are damaged")
    if inflater.unconsumed_tail:
        refuse("inflation_bomb", f"inflates to more than {LARGEST_INFLATED_BYTES:,} bytes")
    if not inflater.eof:
        refuse("truncated", "ends inside its deflated data")
    stop = None if pixels else (lambda tag, vr, length: tag == 0x7FE00010)
    dataset = read_dataset(BytesIO(inflated), False, True, stop_when=stop)
    dataset.file_meta = meta
    return dataset


def _header(dataset: Dataset) -> Header:
    meta = getattr(dataset, "file_meta", None) or {}
    declared = str(meta.get("TransferSyntaxUID", "") or "")
    implicit, little = dataset.original_encoding
    actual = IMPLICIT if implicit else EXPLICIT
    if not declared:
        declared = actual if little else BIG_ENDIAN
    return Header(dataset, declared, little is not False)
