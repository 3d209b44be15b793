"""From pixel data to stored values, one named decoder per transfer syntax.

pydicom's own choice would take python-gdcm first, which one damaged codestream can crash.
"""

from collections.abc import Callable
from dataclasses import dataclass
from typing import NoReturn

import imagecodecs
import numpy as np
import simplejpeg

from pneumo.dicom import codestreams as streams
from pneumo.dicom.fragments import codestream
from pneumo.dicom.guards import PIXEL_DATA, Layout
from pneumo.dicom.header import Header, named
from pneumo.dicom.native import native, rle
from pneumo.dicom.refusal import Refused, refuse
from pneumo.dicom.syntaxes import ENCAPSULATED, JPEG_2000, JPEG_LS, NATIVE, RLE

FILLER = b"\x55" * 64
HARMLESS = "Invalid SOS parameters"  # a wrong spectral range, ignored in sequential JPEG


@dataclass(frozen=True)
class Encoded:
    """Checked pixel data that are not decoded yet. ``shape`` is a codestream's own."""

    data: bytes
    layout: Layout
    syntax: str
    little_endian: bool
    shape: streams.Shape | None = None

    @property
    def is_8_bit_jpeg(self) -> bool:
        """Whether libjpeg-turbo can decode it at a smaller scale."""
        shape = self.shape
        return shape is not None and shape.process in streams.BASELINE and shape.precision == 8


def encoded(header: Header, layout: Layout) -> Encoded:
    """Take pixel data out of the header and check what they say of themselves."""
    data, syntax = header.raw(PIXEL_DATA), header.syntax
    if syntax in NATIVE:
        if header.is_undefined(PIXEL_DATA):
            refuse("bad_fragments", f"{named(PIXEL_DATA)} is in fragments, but of no compression")
        if not header.little_endian and layout.allocated == 8 and header.is_words(PIXEL_DATA):
            data = np.frombuffer(data, "u2", len(data) // 2).byteswap().tobytes()  # PS3.5 8.2
        return Encoded(data, layout, syntax, header.little_endian)
    if syntax not in ENCAPSULATED:
        said = f"(0002,0010) Transfer Syntax UID is {_name(syntax)}"
        refuse("unsupported_syntax", f"{said}; it is not read")
    data = codestream(data)
    shape = None if syntax == RLE else _checked(data, layout, syntax)
    return Encoded(data, layout, syntax, True, shape)


def decode(pixels: Encoded) -> np.ndarray:
    """Stored values as unsigned codes of ``layout.stored`` bits, ``(rows, columns)``.

    uint8 or uint16; a signed value is its two's complement. Raises Refused: ``truncated``,
    ``size_differs``, ``bits_differ``, ``bad_codestream``, ``cannot_decode``.
    """
    if pixels.syntax in NATIVE:
        return native(pixels.data, pixels.layout, little_endian=pixels.little_endian)
    if pixels.shape is None:
        return rle(pixels.data, pixels.layout)
    try:
        values = _decoder(pixels)(pixels.data)
    except (Refused, MemoryError):
        raise
    except Exception as error:  # decoders raise many kinds on broken pixel data
        _undecodable(error)
    if values.shape != (pixels.layout.rows, pixels.layout.columns):
        refuse("size_differs", f"{named(PIXEL_DATA)} decodes to another size than it says")
    return _codes(values, pixels.layout, pixels.shape)


def decode_eighth(pixels: Encoded) -> np.ndarray:
    """Means of blocks of 8 x 8 pixels of an 8-bit JPEG: uint8, ``(rows / 8, columns / 8)``.

    A block's mean is its DC coefficient, so the inverse DCT is left out; it equals decoding in
    full and averaging within rounding. Rows and columns must be multiples of 8.
    """
    rows, columns = pixels.layout.rows // 8, pixels.layout.columns // 8
    try:
        return jpeg_8_bit(pixels.data, min_height=rows, min_width=columns)
    except MemoryError:
        raise
    except Exception as error:
        _undecodable(error)


def jpeg_8_bit(data: bytes, **scale: int) -> np.ndarray:
    """Decode an 8-bit JPEG as grey; ValueError also where libjpeg would only warn."""
    try:
        return simplejpeg.decode_jpeg(data, "gray", **scale)[..., 0]
    except ValueError as error:
        if HARMLESS not in str(error):
            raise
    return simplejpeg.decode_jpeg(data, "gray", strict=False, **scale)[..., 0]


def deep_jpeg(data: bytes) -> np.ndarray:
    """Decode a lossless or 12-bit JPEG; Refused where its scan ends before the picture does.

    The decoder fills up what is missing and only warns. It takes bytes before the end marker for
    the rest of the picture, if there is one; a whole scan is not changed by them.
    """
    values, end = imagecodecs.jpeg8_decode(data), data.rindex(streams.EOI)
    longer = data[:end] + FILLER + data[end:]
    if not np.array_equal(values, imagecodecs.jpeg8_decode(longer)):
        refuse("truncated", f"{named(PIXEL_DATA)}: the JPEG's scan ends before the picture does")
    return values


def _name(syntax: str) -> str:
    from pydicom.uid import UID  # slow to import, and seldom needed

    if UID(syntax).is_transfer_syntax:
        return str(UID(syntax).name)
    is_number = len(syntax) <= 64 and not syntax.strip("0123456789.")
    return syntax if is_number else f"a text of {len(syntax)} characters"


def _checked(data: bytes, layout: Layout, syntax: str) -> streams.Shape:
    kind = "JPEG 2000" if syntax in JPEG_2000 else "JPEG-LS" if syntax in JPEG_LS else "JPEG"
    shape = streams.j2k_shape(data) if syntax in JPEG_2000 else streams.jpeg_shape(data)
    streams.check_shape(shape, layout, kind)
    streams.check_end(data, kind)
    return shape


def _decoder(pixels: Encoded) -> Callable[[bytes], np.ndarray]:
    process = pixels.shape.process if pixels.shape else 0
    if pixels.syntax in JPEG_2000:
        return imagecodecs.jpeg2k_decode
    if pixels.syntax in JPEG_LS and process == streams.JPEG_LS:
        return imagecodecs.jpegls_decode
    if process == streams.LOSSLESS or process in streams.BASELINE:
        return jpeg_8_bit if pixels.is_8_bit_jpeg else deep_jpeg
    refuse("unsupported_syntax", f"the codestream's process is SOF {process:#x}; it is not read")


def _codes(values: np.ndarray, layout: Layout, shape: streams.Shape) -> np.ndarray:
    """Samples of a codestream as codes of ``layout.stored`` bits (PS3.5 8.1.1, 8.2).

    Samples that need more bits are refused, since cutting them would fold bright into dark.
    """
    kind, mask = np.dtype(f"u{values.itemsize}"), (1 << layout.stored) - 1
    spare = layout.high_bit + 1 - layout.stored
    if spare and shape.precision > layout.stored:
        return (values.view(kind) >> spare) & mask
    if not shape.signed and int(values.max()) <= mask:
        return values
    if layout.signed and not shape.signed:  # the sign fills the bits above
        shift = 8 * values.itemsize - shape.precision
        values = (values << shift).view(f"i{values.itemsize}") >> shift
    low = -((mask + 1) // 2) if layout.signed else 0
    if int(values.min()) < low or int(values.max()) > low + mask:
        refuse("bits_differ", f"samples need more than (0028,0101) Bits Stored, {layout.stored}")
    return values.view(kind) & mask


def _undecodable(error: Exception) -> NoReturn:
    refuse("cannot_decode", f"{named(PIXEL_DATA)} cannot be decoded ({type(error).__name__})")
