"""From the bytes of a DICOM file to its header, inflated within bounds."""

import zlib
from io import BytesIO

import pydicom
from pydicom.dataset import Dataset
from pydicom.errors import InvalidDicomError
from pydicom.filereader import _read_file_meta_info, read_dataset, read_preamble
from pydicom.uid import (
    DeflatedExplicitVRLittleEndian,
    ExplicitVRBigEndian,
    ExplicitVRLittleEndian,
    ImplicitVRLittleEndian,
)

from pneumo.dicom.header import Header
from pneumo.dicom.refusal import Refused, refuse

LARGEST_INFLATED_BYTES = 256 * 2**20
NATIVE = (ImplicitVRLittleEndian, ExplicitVRLittleEndian, ExplicitVRBigEndian)
FIRST_GROUPS = (b"\x02\x00", b"\x08\x00", b"\x00\x08")  # (0002,xxxx), (0008,xxxx) in either order


def parse(data: bytes, *, pixels: bool = True) -> Header:
    """Read the data set of a file, with or without a preamble (PS3.10 7.1).

    Pixel Data stay encoded; without ``pixels`` they are left out. Raises Refused: ``not_dicom``,
    ``truncated``, ``inflation_bomb``, ``bad_header``.
    """
    has_preamble = data[128:132] == b"DICM"
    if not has_preamble and data[:2] not in FIRST_GROUPS:
        refuse("not_dicom", "is no DICOM file, PNG or JPEG picture")
    try:
        dataset = _dataset(data, has_preamble, pixels)
        header = _header(dataset)
    except (Refused, MemoryError):
        raise
    except InvalidDicomError:
        refuse("not_dicom", "is no DICOM file, PNG or JPEG picture")
    except EOFError:
        refuse("truncated", "ends inside its header")
    except Exception as error:  # pydicom raises many kinds on a broken file
        refuse("bad_header", f"the header cannot be read ({type(error).__name__})")
    if not len(header):  # what pydicom makes of a file that ends inside an element
        reason = "truncated" if has_preamble else "not_dicom"
        refuse(reason, "ends inside an element, so that no data set can be read")
    return header


def _dataset(data: bytes, has_preamble: bool, pixels: bool) -> Dataset:
    deflated = DeflatedExplicitVRLittleEndian.encode() in data
    if deflated and (found := _inflated(data, pixels)) is not None:
        return found
    return pydicom.dcmread(BytesIO(data), force=not has_preamble, stop_before_pixels=not pixels)


def _inflated(data: bytes, pixels: bool) -> Dataset | None:
    """The data set of a deflated file (PS3.5 A.5); None when its syntax is another one."""
    file = BytesIO(data)
    read_preamble(file, force=True)
    meta = _read_file_meta_info(file)
    if meta.get("TransferSyntaxUID") != DeflatedExplicitVRLittleEndian:
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
    actual = ImplicitVRLittleEndian if implicit else ExplicitVRLittleEndian
    if not declared:
        declared = str(actual if little else ExplicitVRBigEndian)
    return Header(dataset, declared, little is not False)
