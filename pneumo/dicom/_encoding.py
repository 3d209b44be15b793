"""In which encoding pixel data are: as the transfer syntax says, or as they show themselves.

Gateways rewrite pixel data and leave the Transfer Syntax UID as it was. A codestream's own markers
tell what it is, so these count, and the radiograph is marked.
"""

from dataclasses import dataclass, replace

import numpy as np

from pneumo.dicom import _codestreams as streams
from pneumo.dicom._fragments import ITEM, codestream
from pneumo.dicom._guards import PIXEL_DATA, Layout
from pneumo.dicom._header import Header, named
from pneumo.dicom._native import RLE_HEADER_BYTES
from pneumo.dicom._syntaxes import ENCODINGS, Encoding
from pneumo.dicom.refusal import refuse

SYNTAX = 0x00020010


@dataclass(frozen=True)
class Encoded:
    """Checked pixel data that are not decoded yet. ``shape`` is a codestream's own.

    ``layout`` is the header's, but for the bits of lossy samples, which may exceed Bits Stored.
    """

    data: bytes
    layout: Layout
    encoding: Encoding
    little_endian: bool = True
    shape: streams.Shape | None = None

    @property
    def is_8_bit_jpeg(self) -> bool:
        """Whether libjpeg-turbo can decode it at a smaller scale."""
        shape = self.shape
        return shape is not None and shape.process in streams.BASELINE and shape.precision == 8


def encoded(header: Header, layout: Layout) -> Encoded:
    """Take pixel data out of the header and check what they say of themselves.

    Raises Refused: ``unsupported_syntax``, ``bad_fragments``, ``bad_codestream``, ``truncated``,
    ``multi_frame``, ``empty_pixels``, ``size_differs``, ``bits_differ``, ``colour``.
    """
    declared = ENCODINGS.get(header.syntax)
    if declared is None:
        refuse("unsupported_syntax", f"{_said(header)}, which is not read; {ANEW}")
    stream = _stream(header, layout, declared)
    actual = "none" if stream is None else _encoding(header, stream, layout, declared)
    if actual != declared:
        shown = "not compressed" if actual == "none" else actual
        said = f"{_said(header)}, but {named(PIXEL_DATA)} is {shown}"
        header.note("transfer_syntax", f"{said}; it is read as that")
    if stream is None:
        return Encoded(_cells(header, layout), layout, actual, header.little_endian)
    if actual == "RLE":
        return Encoded(stream, layout, actual)
    shape = streams.j2k_shape(stream) if actual == "JPEG 2000" else streams.jpeg_shape(stream)
    streams.check_shape(shape, layout, actual)
    stream, more = streams.to_end(stream, actual)
    if more:
        said = f"{more:,} bytes follow the end of the {actual} codestream; they are passed over"
        header.note("trailing_bytes", said)
    return Encoded(stream, _with_own_bits(layout, shape), actual, shape=shape)


def _stream(header: Header, layout: Layout, declared: Encoding) -> bytes | None:
    """The codestream of the one frame; None for pixels that are not encoded."""
    data, cells = header.raw(PIXEL_DATA), layout.rows * layout.columns
    native_bytes = cells * layout.allocated // 8
    in_items = data.startswith(ITEM)
    shows = in_items or streams.begins(data)
    if not header.is_undefined(PIXEL_DATA):
        if declared == "none" and (len(data) >= native_bytes or not shows):
            return None
        if not in_items and native_bytes <= len(data) <= native_bytes + 1:
            return None
        if shows and not in_items:
            return data
    if not in_items:
        refuse(
            "bad_fragments",
            f"{_said(header)}, but {named(PIXEL_DATA)} is neither in fragments nor "
            f"{layout.rows} x {layout.columns} pixels of {layout.allocated} bits without "
            f"compression: {len(data):,} bytes, not {native_bytes:,}; {ANEW}",
        )
    return codestream(header)


def _encoding(header: Header, stream: bytes, layout: Layout, declared: Encoding) -> Encoding:
    shown = streams.encoding_of(stream)
    if shown is None and _is_rle(stream, layout):
        shown = "RLE"
    if shown is None and declared == "none":
        said = f"{_said(header)}, but {named(PIXEL_DATA)} is in fragments"
        refuse("bad_fragments", f"{said} that hold no codestream that is known; {ANEW}")
    return shown or declared


def _is_rle(stream: bytes, layout: Layout) -> bool:
    """Whether there is a header of as many segments as a cell has bytes (PS3.5 G.5)."""
    count = layout.allocated // 8
    words = [int.from_bytes(stream[at : at + 4], "little") for at in range(0, RLE_HEADER_BYTES, 4)]
    return words[:2] == [count, RLE_HEADER_BYTES] and not any(words[1 + count :])


def _cells(header: Header, layout: Layout) -> bytes:
    data = header.raw(PIXEL_DATA)
    if not header.little_endian and layout.allocated == 8 and header.is_words(PIXEL_DATA):
        return np.frombuffer(data, "u2", len(data) // 2).byteswap().tobytes()  # PS3.5 8.2
    return data


def _with_own_bits(layout: Layout, shape: streams.Shape) -> Layout:
    """Bits of a lossy codestream's samples: JPEG has 8 or 12, and edges overshoot Bits Stored."""
    own = (1 << shape.precision) - 1
    plain = not layout.signed and layout.high_bit + 1 == layout.stored and not layout.overlays & own
    if shape.lossy and plain and shape.precision > layout.stored > 8:
        return replace(layout, stored=shape.precision, high_bit=shape.precision - 1)
    return layout


def _said(header: Header) -> str:
    return f"{named(SYNTAX)} is {_name(header.syntax)}"


def _name(syntax: str) -> str:
    from pydicom.uid import UID  # slow to import, and seldom needed

    if UID(syntax).is_transfer_syntax:
        return str(UID(syntax).name)
    is_number = len(syntax) <= 64 and not syntax.strip("0123456789.")
    return syntax if is_number else f"a text of {len(syntax)} characters"


ANEW = "export the file anew, uncompressed or with a lossless JPEG"
