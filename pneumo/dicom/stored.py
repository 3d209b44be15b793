"""Stored values of a radiograph, as they are before any of them is looked at."""

from pathlib import Path
from typing import NamedTuple

import numpy as np

from pneumo.dicom._decode import decode
from pneumo.dicom._scan import Scan, open_scan
from pneumo.dicom.read import refusals_of
from pneumo.dicom.refusal import refuse


class Stored(NamedTuple):
    """``values``: uint8, uint16, int8 or int16 ``(rows, columns)``, of ``bits`` bits."""

    values: np.ndarray
    bits: int
    signed: bool


def read_stored(path: Path) -> Stored:
    """The stored values of a radiograph, of any view, with nothing that lay beside them in a file.

    Bits outside Bits Stored are cleared, or copies of the sign. Raises RadiographError. It decodes
    in this process.
    """
    with refusals_of(path):
        scan = open_scan(path, frontal_only=False)
        if not isinstance(scan, Scan):
            refuse("not_dicom", "is no DICOM file")
        codes, layout = decode(scan.encoded), scan.layout
        if not layout.signed:
            return Stored(codes, layout.stored, False)
        width = codes.dtype.itemsize * 8
        shift = width - layout.stored
        values = (codes << shift).view(f"i{codes.dtype.itemsize}") >> shift
        return Stored(values, layout.stored, True)
