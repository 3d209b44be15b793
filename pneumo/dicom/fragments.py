"""Encapsulated pixel data: from fragments to the codestream of the one frame (PS3.5 A.4)."""

from pneumo.dicom.guards import PIXEL_DATA
from pneumo.dicom.header import named
from pneumo.dicom.refusal import refuse

ITEM, END = b"\xfe\xff\x00\xe0", b"\xfe\xff\xdd\xe0"  # (FFFE,E000), (FFFE,E0DD), little endian
MOST_FRAGMENTS = 100_000


def codestream(data: bytes) -> bytes:
    """Join the fragments of one frame. Raises Refused: ``bad_fragments``, ``truncated``,
    ``multi_frame``, ``empty_pixels``.
    """
    table, *fragments = items(data)
    if len(table) > 4:
        refuse("multi_frame", f"the offset table lists {len(table) // 4} frames; it must be one")
    if len(table) % 4 or (table and table != b"\0\0\0\0"):
        refuse("bad_fragments", "the offset table does not point at the first fragment")
    if not any(fragments):
        refuse("empty_pixels", f"{named(PIXEL_DATA)} holds no fragment")
    return fragments[0] if len(fragments) == 1 else b"".join(fragments)


def items(data: bytes) -> list[bytes]:
    """The items of encapsulated pixel data, the offset table first."""
    found: list[bytes] = []
    at = 0
    while at < len(data):
        mark, length = data[at : at + 4], int.from_bytes(data[at + 4 : at + 8], "little")
        if mark == END:
            break
        if mark != ITEM or len(found) > MOST_FRAGMENTS:
            refuse("bad_fragments", f"{named(PIXEL_DATA)} is no sequence of fragments")
        if at + 8 + length > len(data):
            refuse("truncated", f"a fragment says {length:,} bytes; {len(data) - at - 8:,} follow")
        found.append(data[at + 8 : at + 8 + length])
        at += 8 + length
    if not found:
        refuse("empty_pixels", f"{named(PIXEL_DATA)} holds no fragment")
    return found
