"""Objects of ours that tell of findings (``pneumo dicom write``), told from radiographs."""

from pathlib import Path
from typing import TYPE_CHECKING

from pneumo.base.errors import RadiographError

if TYPE_CHECKING:
    from pydicom import Dataset

MANUFACTURER, MODEL_NAME = "pneumo", "pneumo findings"
KINDS = {
    "sr": "1.2.840.10008.5.1.4.1.1.88.33",
    "gsps": "1.2.840.10008.5.1.4.1.1.11.1",
    "sc": "1.2.840.10008.5.1.4.1.1.7",
}
"""The objects by name: Comprehensive SR, Grayscale Softcopy Presentation State, Secondary Capture
(PS3.4 B.5)."""

UID_ROOT = "2.25."  # PS3.5 B.2: a UUID as a whole number
META_BYTES = 2048
"""Within these a file names its SOP class."""


def ours(dataset: "Dataset") -> bool:
    """Whether a data set is such an object: by manufacturer, model, class and root of its UID.

    Needs SOP Class UID, SOP Instance UID, Manufacturer and Manufacturer's Model Name.
    """
    return (
        str(dataset.get("Manufacturer", "")) == MANUFACTURER
        and str(dataset.get("ManufacturerModelName", "")) == MODEL_NAME
        and str(dataset.get("SOPClassUID", "")) in KINDS.values()
        and str(dataset.get("SOPInstanceUID", "")).startswith(UID_ROOT)
    )


def is_ours(path: Path) -> bool:
    """Whether a file holds such an object; what cannot be read, and a link, does not."""
    try:
        if path.is_symlink() or not path.is_file():
            return False
        with path.open("rb") as file:
            begin = file.read(META_BYTES)
    except OSError:
        return False
    if begin[128:132] != b"DICM" or not any(kind.encode() in begin for kind in KINDS.values()):
        return False
    from pneumo.dicom.identity import read_dataset

    try:
        return ours(read_dataset(path, pixels=False))
    except RadiographError:
        return False
