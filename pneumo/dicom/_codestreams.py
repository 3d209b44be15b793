"""What a codestream says of itself, read without decoding it, and checked against the header.

A JPEG of 40 kB may claim 65,500 x 65,500 pixels and cost 6 GB, so sizes are compared first.
"""

import re
from dataclasses import dataclass

from pneumo.dicom._guards import Layout, check_size
from pneumo.dicom._syntaxes import Encoding
from pneumo.dicom.refusal import refuse, require

SOI, EOI = b"\xff\xd8", b"\xff\xd9"
J2K_START = b"\xff\x4f\xff\x51"  # SOC, SIZ: ISO 15444-1 A.4, A.5
JP2_START = b"\0\0\0\x0cjP  "  # ISO 15444-1 I.5.1
SOT, COD = b"\xff\x90", b"\xff\x52"
STARTS = (SOI + b"\xff", J2K_START, JP2_START)
BASELINE, LOSSLESS, JPEG_LS = (0xC0, 0xC1, 0xC2), 0xC3, 0xF7  # ISO 10918-1 B.1, ISO 14495-1 C
FRAME_MARKERS = {*range(0xC0, 0xD0), JPEG_LS} - {0xC4, 0xC8, 0xCC}
IN_SCAN = re.compile(rb"\xff[\xc0-\xcf\xd8-\xfe]")  # a marker, but for restarts and stuffing
PADDING = b"\0\xff "
MOST_TILES = 4096


@dataclass(frozen=True)
class Shape:
    """Rows, columns and components of a codestream, bits of a sample, and its SOF marker.

    ``lossy`` samples are not exactly those that were encoded.
    """

    rows: int
    columns: int
    components: int
    precision: int
    signed: bool = False
    process: int = 0
    lossy: bool = False


def begins(data: bytes) -> bool:
    """Whether a JPEG, JPEG-LS or JPEG 2000 codestream begins here."""
    return data.startswith(STARTS)


def encoding_of(data: bytes) -> Encoding | None:
    """What a codestream is by its own markers; None where it has none, as RLE.

    Raises Refused: ``bad_codestream``, and ``unsupported_syntax`` for other processes of JPEG.
    """
    if not begins(data):
        return None
    if not data.startswith(SOI):
        return "JPEG 2000"
    process = jpeg_shape(data).process
    if process in BASELINE:
        return "JPEG"
    if process == LOSSLESS:
        return "JPEG lossless"
    if process != JPEG_LS:
        said = f"the JPEG codestream is of process SOF{process - 0xC0}, which is not read"
        refuse("unsupported_syntax", f"{said}; use baseline or lossless JPEG")
    return "JPEG-LS"


def jpeg_shape(data: bytes) -> Shape:
    """Read the frame header of a JPEG or JPEG-LS codestream (ISO 10918-1 B.2.2)."""
    at = 2
    while data.startswith(SOI) and at + 10 <= len(data) and data[at] == 0xFF:
        marker, length = data[at + 1], int.from_bytes(data[at + 2 : at + 4], "big")
        if marker in FRAME_MARKERS:
            rows, columns = (int.from_bytes(data[at + n : at + n + 2], "big") for n in (5, 7))
            components, precision, lossy = data[at + 9], data[at + 4], marker in BASELINE
            return Shape(rows, columns, components, precision, process=marker, lossy=lossy)
        at += 1 if marker == 0xFF else 2 + length
    refuse("bad_codestream", "pixel data hold no JPEG frame header")


def j2k_shape(data: bytes) -> Shape:
    """Read the SIZ segment of a JPEG 2000 codestream (ISO 15444-1 A.5.1), bare or in a JP2 file."""
    at = data.find(J2K_START, 0, 4096)
    if at < 0 or at + 45 > len(data):
        refuse("bad_codestream", "pixel data hold no JPEG 2000 image size")
    x, y, left, top, tile_x, tile_y = (
        int.from_bytes(data[at + n : at + n + 4], "big") for n in range(8, 32, 4)
    )
    if not tile_x or not tile_y or -(-x // tile_x) * -(-y // tile_y) > MOST_TILES:
        refuse("bad_codestream", f"JPEG 2000 tiles of {tile_x} x {tile_y} for {x} x {y} pixels")
    depth = data[at + 42]
    components = int.from_bytes(data[at + 40 : at + 42], "big")
    style = data.find(COD, at, data.find(SOT, at))  # its last byte but the precincts: A.6.1
    lossy = style > 0 and data[style + 13 : style + 14] == b"\0"
    signed, precision = bool(depth & 0x80), (depth & 0x7F) + 1
    return Shape(y - top, x - left, components, precision, signed=signed, lossy=lossy)


def check_shape(shape: Shape, layout: Layout, kind: str) -> None:
    """Refuse a codestream that disagrees with Rows, Columns or Bits Allocated, or has colours."""
    check_size(shape.rows, shape.columns, f"the {kind} codestream")
    require(
        [
            (
                (shape.rows, shape.columns) == (layout.rows, layout.columns),
                "size_differs",
                f"the {kind} codestream is {shape.rows} x {shape.columns}, but (0028,0010) Rows x "
                f"(0028,0011) Columns say {layout.rows} x {layout.columns}",
            ),
            (
                shape.components == 1,
                "colour",
                f"the {kind} codestream has {shape.components} components; it must have 1",
            ),
            (
                2 <= shape.precision <= layout.allocated,
                "bits_differ",
                f"the {kind} codestream has {shape.precision} bits a sample, but (0028,0100) "
                f"Bits Allocated is {layout.allocated}",
            ),
        ]
    )


def to_end(data: bytes, kind: str) -> tuple[bytes, int]:
    """A codestream to its end marker, and how many bytes followed that are no padding.

    Raises Refused, ``truncated``, where there is no end marker.
    """
    if data.rstrip(PADDING).endswith(EOI):
        return data, 0
    end = _j2k_end(data) if kind == "JPEG 2000" else _jpeg_end(data)
    if end < 0:
        refuse("truncated", f"the {kind} codestream has no end marker; the file was cut off")
    return data[:end], len(data) - end


def _jpeg_end(data: bytes) -> int:
    """Where a JPEG or JPEG-LS codestream ends, by its markers; -1 where it does not."""
    at = len(SOI)
    while marker := IN_SCAN.search(data, at):
        at = marker.end()
        if marker.group() == EOI:
            return at
        at += int.from_bytes(data[at : at + 2], "big")
    return -1


def _j2k_end(data: bytes) -> int:
    """Where a JPEG 2000 codestream ends, by the lengths of its tile parts (ISO 15444-1 A.4.2)."""
    at = data.find(J2K_START) + len(SOI)
    while (marker := data[at : at + 2]).startswith(b"\xff") and marker != EOI:
        length = int.from_bytes(data[at + 2 : at + 4], "big") + 2
        if marker == SOT:
            length = int.from_bytes(data[at + 6 : at + 10], "big")
            length = length or data.find(EOI, at) - at  # 0: the last, to the end
        if length <= 0:
            return -1
        at += length
    return at + len(EOI) if marker == EOI else -1
