"""From pixel data to stored values, one named decoder per encoding.

pydicom's own choice would take python-gdcm first, which one damaged codestream can crash.
"""

from collections.abc import Callable
from dataclasses import replace
from typing import NoReturn

import imagecodecs
import numpy as np
import simplejpeg

from pneumo.dicom import _codestreams as streams
from pneumo.dicom._bits import aligned
from pneumo.dicom._encoding import Encoded, encoded
from pneumo.dicom._guards import PIXEL_DATA, REPRESENTATION, Layout
from pneumo.dicom._header import named
from pneumo.dicom._native import native, rle
from pneumo.dicom.refusal import Refused, refuse

__all__ = ["Encoded", "decode", "decode_eighth", "deep_jpeg", "encoded", "jpeg_8_bit"]

FILLER = b"\x55" * 64
HARMLESS = "Invalid SOS parameters"  # a wrong spectral range, ignored in sequential JPEG


def decode(pixels: Encoded) -> np.ndarray:
    """Stored values as unsigned codes of ``layout.stored`` bits, ``(rows, columns)``.

    uint8 or uint16; a signed value is its two's complement. Raises Refused: ``truncated``,
    ``size_differs``, ``bits_differ``, ``bad_codestream``, ``cannot_decode``.
    """
    if pixels.encoding == "none":
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


def _decoder(pixels: Encoded) -> Callable[[bytes], np.ndarray]:
    if pixels.encoding == "JPEG 2000":
        return imagecodecs.jpeg2k_decode
    if pixels.encoding == "JPEG-LS":
        return imagecodecs.jpegls_decode
    return jpeg_8_bit if pixels.is_8_bit_jpeg else deep_jpeg


def _codes(values: np.ndarray, layout: Layout, shape: streams.Shape) -> np.ndarray:
    """Samples of a codestream as codes of ``layout.stored`` bits (PS3.5 8.1.1, 8.2)."""
    width = 8 * values.itemsize
    if shape.signed and not layout.signed and int(values.min()) < 0:
        said = f"{named(REPRESENTATION)} is 0, unsigned, but samples of the codestream are below 0"
        refuse("bits_differ", f"{said}; correct it")
    if layout.signed and not shape.signed:  # the sign fills the bits above
        shift = width - shape.precision
        values = (values << shift).view(f"i{values.itemsize}") >> shift
    if shape.precision <= layout.stored:  # bits that no pixel uses are cut off already
        layout = replace(layout, high_bit=layout.stored - 1)
    return aligned(values.view(f"u{values.itemsize}"), layout)


def _undecodable(error: Exception) -> NoReturn:
    refuse("cannot_decode", f"{named(PIXEL_DATA)} cannot be decoded ({type(error).__name__})")
