"""A data set in RSNA's format: its folder, its tables, one row per image.

``stage_2_train_images/<patientId>.dcm``     the radiographs
``stage_2_train_labels.csv``                 ``patientId,x,y,width,height,Target``
``stage_2_detailed_class_info.csv``          ``patientId,class``
``patients.csv``                             ``patientId,person`` and anything else
``rsna_to_nih_mapping.csv``                  in its place: ``patientId,nih_patient,mse``
``stage_2_train_images_dicom_headers.csv``   the headers, where there are no radiographs
"""

from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path

import pandas as pd

from pneumo.errors import DataError
from pneumo.rsna import LABEL_COLUMNS
from pneumo.tables import read_table, spell

IMAGES, LABELS = "stage_2_train_images", "stage_2_train_labels.csv"
CLASS_INFO, PATIENTS = "stage_2_detailed_class_info.csv", "patients.csv"
MAPPING, HEADERS = "rsna_to_nih_mapping.csv", "stage_2_train_images_dicom_headers.csv"
SURE_MSE = 10.0
"""Mean squared difference of an NIH image below which it surely is RSNA's image."""


@dataclass(frozen=True)
class Dataset:
    """The tables of a data set as they are written, unchecked, and its DICOM files."""

    root: Path
    labels: pd.DataFrame
    class_info: pd.DataFrame
    patients: pd.DataFrame | None
    files: list[Path]

    def images(self) -> pd.DataFrame:
        """One row per labelled image, by ``patientId``: ``patientId, class, target, person``.

        Without ``patients.csv`` every image counts as a person of its own.
        """
        table = self.labels.groupby("patientId")["Target"].max().rename("target").reset_index()
        classes = self.class_info.drop_duplicates("patientId")[["patientId", "class"]]
        table = table.merge(classes, on="patientId", how="left")
        if self.patients is None:
            return table.assign(person=table["patientId"])
        people = self.patients.drop_duplicates("patientId")[["patientId", "person"]]
        return table.merge(people, on="patientId", how="left").sort_values("patientId")

    def boxes(self) -> pd.DataFrame:
        """One row per box: ``patientId, x, y, width, height`` in original pixels."""
        positive = self.labels[self.labels["Target"] == 1]
        return positive[list(LABEL_COLUMNS[:5])].sort_values(list(LABEL_COLUMNS[:5]))


def open_dataset(root: Path) -> Dataset:
    """Read the tables under ``root`` and list its DICOM files; DataError if any is missing."""
    dataset = open_tables(root)
    if not dataset.files:
        raise DataError(f"{root / IMAGES}: holds no .dcm file; data.root must be in RSNA's format")
    return dataset


def open_tables(root: Path) -> Dataset:
    """Read the tables under ``root``, with or without radiographs; DataError lists all faults."""
    if not root.is_dir():
        found = "is a file, not a folder" if root.exists() else "no such folder"
        raise DataError(
            f"{root}: {found}; set data.root in params.yaml to a folder in RSNA's format, "
            "or run `pneumo demo` for synthetic data"
        )
    labels, class_info, patients = _all(
        lambda: read_table(root / LABELS, LABEL_COLUMNS, exactly=True, numbers=LABEL_COLUMNS[1:]),
        lambda: read_table(root / CLASS_INFO, ("patientId", "class"), exactly=True),
        lambda: _people(root),
    )
    assert labels is not None
    assert class_info is not None
    files = sorted((root / IMAGES).glob("*.dcm"))
    return Dataset(root, labels, class_info, patients, files)


def read_ids(path: Path) -> list[str]:
    """The IDs of a file with one per line, with or without a first line ``patientId``.

    Blanks and case are normalised, as ``tables.spell`` does it. DataError when there is none.
    """
    try:
        lines = path.read_text(encoding="utf-8-sig").splitlines()
    except (OSError, UnicodeDecodeError) as error:
        raise DataError(f"{path}: cannot be read as a list of IDs ({error})") from None
    ids = spell(pd.Series([line.strip(' \t",;') for line in lines], dtype="string"))
    found = [name for name in ids if name and name != "patientid"]
    if not found:
        raise DataError(f"{path}: holds no ID; it must have one per line")
    return sorted(set(found))


def _people(root: Path) -> pd.DataFrame | None:
    """Who is on which image, from ``patients.csv`` or the mapping to the NIH's images."""
    if (root / PATIENTS).exists():
        return read_table(root / PATIENTS, ("patientId", "person"))
    if not (root / MAPPING).exists():
        return None
    columns = ("patientId", "nih_patient", "mse")
    table = read_table(root / MAPPING, columns, numbers=("nih_patient", "mse"))
    numbers = table["nih_patient"].astype("Int64").astype("string").str.zfill(8)
    return table.assign(person=numbers.where(table["mse"] < SURE_MSE))


def _all(*readers: Callable[[], pd.DataFrame | None]) -> list[pd.DataFrame | None]:
    """What the readers give; DataError with the faults of all of them."""
    found, faults = [], []
    for read in readers:
        try:
            found.append(read())
        except DataError as error:
            faults.append(str(error))
    if faults:
        raise DataError("\n".join(faults))
    return found
