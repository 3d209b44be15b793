"""A radiograph at full resolution, for a person who looks at it and chooses the window."""

from dataclasses import dataclass
from pathlib import Path

import numpy as np

from pneumo.dicom._decode import decode
from pneumo.dicom._scan import Facts, Scan, open_scan
from pneumo.dicom._values import Values, values_in
from pneumo.dicom.read import facts_of, refusals_of


@dataclass(frozen=True)
class Full:
    """``pixels``: uint16 ``(rows, columns)``, those of the file, bone bright.

    White is the share ``(value - centre) / width + 0.5`` at first. Pictures have 8 bits.
    """

    pixels: np.ndarray
    centre: float
    width: float
    facts: Facts


def read_full(path: Path) -> Full:
    """Read a radiograph of any view, as ``read_radiograph`` does, but for the window.

    Raises RadiographError. It decodes in this process: ask a ``workers.Reader`` for untrusted ones.
    """
    with refusals_of(path):
        scan = open_scan(path, frontal_only=False)
        found = _values(scan) if isinstance(scan, Scan) else None
        if found is None:
            found = Values(scan.pixels().astype(np.uint16), 127.5, 255.0)
        return Full(found.pixels, found.centre, found.width, facts_of(scan))


def _values(scan: Scan) -> Values:
    layout, note = scan.layout, scan.header.note
    codes = decode(scan.encoded)
    return values_in(codes, scan.display, layout.stored, signed=layout.signed, note=note)
