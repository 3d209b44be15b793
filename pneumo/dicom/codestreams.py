"""What a codestream says of itself, read without decoding it, and checked against the header.

A JPEG of 40 kB may claim 65,500 x 65,500 pixels and cost 6 GB, so sizes are compared first.
"""

from dataclasses import dataclass

from pneumo.dicom.guards import Layout, check_size
from pneumo.dicom.refusal import refuse, require

SOI, EOI = b"\xff\xd8", b"\xff\xd9"
J2K_START = b"\xff\x4f\xff\x51"  # SOC, SIZ: ISO 15444-1 A.4, A.5
BASELINE, LOSSLESS, JPEG_LS = (0xC0, 0xC1, 0xC2), 0xC3, 0xF7  # ISO 10918-1 B.1, ISO 14495-1 C
FRAME_MARKERS = {*range(0xC0, 0xD0), JPEG_LS} - {0xC4, 0xC8, 0xCC}
MOST_TILES = 4096


@dataclass(frozen=True)
class Shape:
    """Rows, columns and components of a codestream, bits of a sample, and its SOF marker."""

    rows: int
    columns: int
    components: int
    precision: int
    signed: bool = False
    process: int = 0


def jpeg_shape(data: bytes) -> Shape:
    """Read the frame header of a JPEG or JPEG-LS codestream (ISO 10918-1 B.2.2)."""
    at = 2
    while data.startswith(SOI) and at + 10 <= len(data) and data[at] == 0xFF:
        marker, length = data[at + 1], int.from_bytes(data[at + 2 : at + 4], "big")
        if marker in FRAME_MARKERS:
            rows, columns = (int.from_bytes(data[at + n : at + n + 2], "big") for n in (5, 7))
            return Shape(rows, columns, data[at + 9], data[at + 4], process=marker)
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
    return Shape(y - top, x - left, components, (depth & 0x7F) + 1, signed=bool(depth & 0x80))


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


def check_end(data: bytes, kind: str) -> None:
    """Refuse, as ``truncated``, a codestream without its end marker, padding aside."""
    if not data.rstrip(b"\0\xff ").endswith(EOI):
        refuse("truncated", f"the {kind} codestream ends without its end marker")
