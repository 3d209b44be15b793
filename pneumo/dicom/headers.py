"""What the header of a radiograph says of it, without its pixels."""

from pathlib import Path

from pneumo.dicom._guards import COLUMNS, MODALITY, PHOTOMETRIC_INTERPRETATION, ROWS, STORED
from pneumo.dicom._parse import parse
from pneumo.dicom._scan import AGE, SEX, VIEW
from pneumo.dicom.read import refusals_of
from pneumo.dicom.source import file_bytes

TEXTS = {
    "Modality": MODALITY, "PhotometricInterpretation": PHOTOMETRIC_INTERPRETATION,
    "ViewPosition": VIEW, "PatientSex": SEX, "PatientAge": AGE,
}  # fmt: skip
NUMBERS = {"Rows": ROWS, "Columns": COLUMNS, "BitsStored": STORED}
TAGS = (*TEXTS, *NUMBERS)


def read_header(path: Path) -> dict[str, str | int | None]:
    """The values of ``TAGS``: texts and whole numbers, None where a tag is missing.

    Raises RadiographError for a file that is no DICOM.
    """
    with refusals_of(path):
        header = parse(file_bytes(path), pixels=False)
        numbers = {name: header.integer(tag) for name, tag in NUMBERS.items()}
        texts = {name: header.text(tag) if tag in header else None for name, tag in TEXTS.items()}
        return {**texts, **numbers}
