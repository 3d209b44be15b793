"""The headers of many radiographs as a table, without their pixels."""

from collections.abc import Iterable
from pathlib import Path

import pandas as pd
import pydicom

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
        dataset = pydicom.dcmread(path, stop_before_pixels=True, specific_tags=list(TAGS))
        values = {tag: dataset.get(tag) for tag in TAGS}
    except Exception:  # pydicom raises many kinds on a broken file
        return {"patientId": path.stem, "readable": False}
    return {"patientId": path.stem, "readable": True, **values}
