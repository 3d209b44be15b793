"""A data set in RSNA's format: its folder, its tables, one row per image.

``stage_2_train_images/<patientId>.dcm``     the radiographs
``stage_2_train_labels.csv``                 ``patientId,x,y,width,height,Target``
``stage_2_detailed_class_info.csv``          ``patientId,class``
``patients.csv``                             ``patientId,person`` and anything else
"""

from dataclasses import dataclass
from pathlib import Path

import pandas as pd

from pneumo.errors import DataError
from pneumo.rsna import LABEL_COLUMNS, read_table

IMAGES, LABELS = "stage_2_train_images", "stage_2_train_labels.csv"
CLASS_INFO, PATIENTS = "stage_2_detailed_class_info.csv", "patients.csv"


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
    if not root.is_dir():
        raise DataError(
            f"{root}: no such folder; set data.root in params.yaml to a folder in RSNA's format, "
            "or run `pneumo demo` for synthetic data"
        )
    files = sorted((root / IMAGES).glob("*.dcm"))
    if not files:
        raise DataError(f"{root / IMAGES}: holds no .dcm file; data.root must be in RSNA's format")
    people = root / PATIENTS
    return Dataset(
        root=root,
        labels=read_table(root / LABELS, LABEL_COLUMNS),
        class_info=read_table(root / CLASS_INFO, ("patientId", "class")),
        patients=read_table(people, ("patientId", "person")) if people.exists() else None,
        files=files,
    )
