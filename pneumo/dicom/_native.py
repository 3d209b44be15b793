"""Pixel data that are not compressed, or run-length encoded, as stored values."""

from itertools import pairwise

import imagecodecs
import numpy as np

from pneumo.dicom._bits import aligned
from pneumo.dicom._guards import PIXEL_DATA, Layout
from pneumo.dicom._header import named
from pneumo.dicom.refusal import refuse, require

RLE_HEADER_BYTES = 64
PADDED_BLOCK = 512  # bytes
PADDING = 2  # bytes that the padding of an odd segment may decode to


def native(data: bytes, layout: Layout, *, little_endian: bool) -> np.ndarray:
    """Uncompressed cells as codes of ``layout.stored`` bits, ``(rows, columns)`` (PS3.5 8.1.1).

    Padding up to one row, or one block of a disk, is passed over.
    Raises Refused: ``truncated``, ``size_differs``, ``bits_differ``.
    """
    cells = layout.rows * layout.columns
    expected = cells * layout.allocated // 8
    row_bytes = expected // layout.rows
    require(
        [
            (
                len(data) >= expected,
                "truncated",
                f"{named(PIXEL_DATA)} is {len(data):,} bytes; {layout.rows} x {layout.columns} "
                f"pixels of {layout.allocated} bits need {expected:,}",
            ),
            (
                len(data) <= expected + max(row_bytes, PADDED_BLOCK),
                "size_differs",
                f"{named(PIXEL_DATA)} is {len(data):,} bytes, but {layout.rows} x "
                f"{layout.columns} pixels of {layout.allocated} bits are {expected:,}",
            ),
        ]
    )
    kind = "u1" if layout.allocated == 8 else "<u2" if little_endian else ">u2"
    values = np.frombuffer(data, kind, cells).reshape(layout.rows, layout.columns)
    return aligned(values.astype(kind.lstrip("<>"), copy=False), layout)


def rle(data: bytes, layout: Layout) -> np.ndarray:
    """Decode RLE Lossless (PS3.5 annex G): one segment per byte of a cell, high byte first.

    Raises Refused: ``bad_codestream``, ``size_differs``, ``truncated``, ``bits_differ``.
    """
    segments = _segments(data, layout.allocated // 8)
    planes = [_plane(segment, layout) for segment in segments]
    values = planes[0]
    if len(planes) == 2:
        values = planes[0].astype(np.uint16) << 8 | planes[1]
    return aligned(values, layout)


def _segments(data: bytes, count: int) -> list[bytes]:
    words = [int.from_bytes(data[at : at + 4], "little") for at in range(0, RLE_HEADER_BYTES, 4)]
    starts = [*words[1 : 1 + count], len(data)]
    require(
        [
            (len(data) > RLE_HEADER_BYTES, "truncated", "RLE data end inside their header"),
            (
                words[0] == count,
                "bad_codestream",
                f"RLE data have {words[0]} segments; {8 * count} bits need {count}",
            ),
            (
                starts[0] == RLE_HEADER_BYTES and starts == sorted(starts),
                "bad_codestream",
                "RLE segments do not follow one another",
            ),
        ]
    )
    return [data[start:end] for start, end in pairwise(starts)]


def _plane(segment: bytes, layout: Layout) -> np.ndarray:
    """Decode a segment into exactly ``rows * columns`` bytes, whatever it holds."""
    size = layout.rows * layout.columns
    try:
        plane = np.frombuffer(imagecodecs.packbits_decode(segment, out=size + PADDING), np.uint8)
    except RuntimeError as error:
        if "TOO_SMALL" in str(error):
            refuse("size_differs", f"an RLE segment holds more than the {size:,} bytes needed")
        refuse("truncated", "an RLE segment ends inside a run")
    if plane.size < size:
        refuse("truncated", f"an RLE segment holds {plane.size:,} bytes; {size:,} are needed")
    return plane[:size].reshape(layout.rows, layout.columns)
