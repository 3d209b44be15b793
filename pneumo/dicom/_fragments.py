"""Encapsulated pixel data: from fragments to the codestream of the one frame (PS3.5 A.4).

pydicom's ``encaps`` gives a fragment that was cut off as if it were whole.
"""

from pneumo.dicom._codestreams import begins
from pneumo.dicom._guards import PIXEL_DATA
from pneumo.dicom._header import Header, named
from pneumo.dicom.refusal import refuse

ITEM, END = b"\xfe\xff\x00\xe0", b"\xfe\xff\xdd\xe0"  # (FFFE,E000), (FFFE,E0DD), little endian
NO_TABLE = b"\1"
MOST_FRAGMENTS = 100_000


def codestream(header: Header) -> bytes:
    """Join the fragments of one frame. Raises Refused: ``bad_fragments``, ``truncated``,
    ``multi_frame``, ``empty_pixels``.

    The offset table of one frame says nothing that its fragments do not, so a wrong one is noted.
    """
    table, *fragments = items(header.raw(PIXEL_DATA))
    if begins(table):
        table, fragments = NO_TABLE, [table, *fragments]
    fragments = [fragment for fragment in fragments if fragment]
    if not fragments:
        refuse("empty_pixels", f"{named(PIXEL_DATA)} holds no fragment")
    listed, begun = len(table) // 4, sum(begins(fragment) for fragment in fragments)
    if begun > 1 or (listed > 1 and len(fragments) > 1 and not begun):
        refuse(
            "multi_frame", f"{named(PIXEL_DATA)} holds {max(begun, listed)} frames; it must be 1"
        )
    if table not in (b"", b"\0\0\0\0"):
        header.note("offset_table", "the Basic Offset Table is wrong; the one frame is read whole")
    return fragments[0] if len(fragments) == 1 else b"".join(fragments)


def items(data: bytes) -> list[bytes]:
    """The items of encapsulated pixel data, the offset table first."""
    parts: list[bytes] = []
    at = 0
    while at < len(data):
        mark, length = data[at : at + 4], int.from_bytes(data[at + 4 : at + 8], "little")
        if mark == END:
            break
        if mark != ITEM or len(parts) > MOST_FRAGMENTS:
            said = f"at byte {at:,} of {named(PIXEL_DATA)}, in its fragments, begins no fragment"
            refuse("bad_fragments", f"{said}; the file is damaged: export it anew")
        if at + 8 + length > len(data):
            refuse("truncated", f"a fragment says {length:,} bytes; {len(data) - at - 8:,} follow")
        parts.append(data[at + 8 : at + 8 + length])
        at += 8 + length
    if not parts:
        refuse("empty_pixels", f"{named(PIXEL_DATA)} holds no fragment")
    return parts
