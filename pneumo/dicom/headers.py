"""The headers of many radiographs as a table, without their pixels."""

from collections.abc import Iterable
from pathlib import Path

import pandas as pd

from pneumo.dicom.guards import (
    COLUMNS,
    MODALITY,
    PHOTOMETRIC_INTERPRETATION,
    ROWS,
    STORED,
)
from pneumo.dicom.parse import parse
from pneumo.dicom.refusal import Refused
from pneumo.dicom.scan import AGE, SEX, VIEW
from pneumo.dicom.source import file_bytes

TEXTS = {
    "Modality": MODALITY, "PhotometricInterpretation": PHOTOMETRIC_INTERPRETATION,
    "ViewPosition": VIEW, "PatientSex": SEX, "PatientAge": AGE,
}  # fmt: skip
NUMBERS = {"Rows": ROWS, "Columns": COLUMNS, "BitsStored": STORED}
TAGS = (
    "Modality", "PhotometricInterpretation", "Rows", "Columns", "BitsStored",
    "ViewPosition", "PatientSex", "PatientAge",
)  # fmt: skip


def read_headers(files: Iterable[Path]) -> pd.DataFrame:
    """One row per file: ``patientId`` (from the file's name), ``readable``, and ``TAGS``.

    A file that is no DICOM has ``readable`` False and nothing else.
    """
    return pd.DataFrame([_header(path) for path in files], columns=["patientId", "readable", *TAGS])


def _header(path: Path) -> dict:
    try:
        header = parse(file_bytes(path), pixels=False)
        numbers = {name: header.integer(tag) for name, tag in NUMBERS.items()}
    except (Refused, MemoryError):
        return {"patientId": path.stem, "readable": False}
    texts = {name: header.text(tag) if tag in header else None for name, tag in TEXTS.items()}
    return {"patientId": path.stem, "readable": True, **texts, **numbers}
