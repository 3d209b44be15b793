"""From the bytes of a DICOM file to its header."""

from pneumo.dicom._elements import ordinary
from pneumo.dicom._header import Header
from pneumo.dicom.refusal import refuse

FIRST_GROUPS = (b"\x02\x00", b"\x08\x00", b"\x00\x08")  # (0002,xxxx), (0008,xxxx) in either order


def parse(data: bytes, *, pixels: bool = True) -> Header:
    """Read the data set of a file, with or without a preamble (PS3.10 7.1).

    Pixel Data stay encoded; without ``pixels`` they are left out. Raises Refused: ``not_dicom``,
    ``truncated``, ``inflation_bomb``, ``bad_header``.
    """
    has_preamble = data[128:132] == b"DICM"
    if not has_preamble and data[:2] not in FIRST_GROUPS:
        refuse("not_dicom", "is no DICOM file, PNG or JPEG picture")
    if has_preamble and (read := ordinary(data, pixels=pixels)):
        return Header(*read, little_endian=True)
    from pneumo.dicom._unusual import read_unusual  # it takes as long as reading 200 ordinary files

    return read_unusual(data, has_preamble=has_preamble, pixels=pixels)
