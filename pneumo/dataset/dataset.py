"""A data set in RSNA's format: its folder, its tables, one row per image.

``stage_2_train_images/<patientId>.dcm``     the radiographs
``stage_2_train_labels.csv``                 ``patientId,x,y,width,height,Target``
``stage_2_detailed_class_info.csv``          ``patientId,class``
``patients.csv``                             ``patientId,person`` and anything else
``rsna_to_nih_mapping.csv``                  in its place: ``patientId,nih_patient,mse``
``stage_2_train_images_dicom_headers.csv``   the headers, where there are no radiographs
"""

import re
import unicodedata
from collections.abc import Callable, Iterable
from dataclasses import dataclass
from pathlib import Path

import pandas as pd

from pneumo.base.errors import DataError
from pneumo.dataset.ids import Names, read_ids
from pneumo.dataset.people import one_each
from pneumo.dataset.rsna import LABEL_COLUMNS
from pneumo.dataset.tables import read_table

IMAGES, LABELS = "stage_2_train_images", "stage_2_train_labels.csv"
CLASS_INFO, PATIENTS = "stage_2_detailed_class_info.csv", "patients.csv"
MAPPING, HEADERS = "rsna_to_nih_mapping.csv", "stage_2_train_images_dicom_headers.csv"
ENDING = re.compile(r"\.dcm$", re.I)
SURE_MSE = 10.0
"""Mean squared difference of an NIH image below which it surely is RSNA's image."""


@dataclass(frozen=True)
class Dataset:
    """The tables of a data set, unchecked, and its DICOM files.

    ``patientId`` is an image's name in ``names``, which its file gives, else the table of labels;
    the column ``written`` has it as the table does.
    """

    root: Path
    labels: pd.DataFrame
    class_info: pd.DataFrame
    patients: pd.DataFrame | None
    files: list[Path]
    names: Names

    def paths(self, names: Iterable[str]) -> list[Path]:
        """The file of each image, there or not."""
        by_name = {path.stem: path for path in self.files}
        return [by_name.get(name, self.root / IMAGES / f"{name}.dcm") for name in names]

    def reserved(self, name: str | None) -> list[str]:
        """The IDs of the list ``name`` in the root, spelt by ``tables.spell``; none without it."""
        return read_ids(self.root / name, self.labels["patientId"].dropna()) if name else []

    def images(self) -> pd.DataFrame:
        """One row per labelled image, by ``patientId``: ``patientId, class, target, person``.

        ``person`` is as ``people.one_each`` gives it: missing where a placeholder stands.
        Without ``patients.csv`` every image counts as a person of its own.
        """
        table = self.labels.groupby("patientId")["Target"].max().rename("target").reset_index()
        classes = self.class_info.drop_duplicates("patientId")[["patientId", "class"]]
        table = table.merge(classes, on="patientId", how="left")
        if self.patients is None:
            return table.assign(person=table["patientId"])
        people = self.patients.assign(person=one_each(self.patients["person"]))
        people = people.drop_duplicates("patientId")[["patientId", "person"]]
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
        trouble = "is a file, not a folder" if root.exists() else "no such folder"
        raise DataError(
            f"{root}: {trouble}; set data.root in params.yaml to a folder in RSNA's format, "
            "or run `pneumo demo` for synthetic data"
        )
    labels, class_info, patients = _all(
        lambda: read_table(root / LABELS, LABEL_COLUMNS, exactly=True, numbers=LABEL_COLUMNS[1:]),
        lambda: read_table(root / CLASS_INFO, ("patientId", "class"), exactly=True),
        lambda: _people(root),
    )
    assert labels is not None
    assert class_info is not None
    files = sorted(path for path in (root / IMAGES).glob("*.*") if ENDING.search(path.name))
    written = labels["patientId"].dropna()
    names = Names([path.stem for path in files] or map(_plain, written))
    people = None if patients is None else _named(patients, names)
    return Dataset(root, _named(labels, names), _named(class_info, names), people, files, names)


def _named(table: pd.DataFrame, names: Names) -> pd.DataFrame:
    return table.assign(written=table["patientId"], patientId=names.of(table["patientId"]))


def _plain(written: str) -> str:
    """An ID without its blanks outside and its ``.dcm``, in composed Unicode."""
    return ENDING.sub("", unicodedata.normalize("NFC", written).strip())


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
    tables, faults = [], []
    for read in readers:
        try:
            tables.append(read())
        except DataError as error:
            faults.append(str(error))
    if faults:
        raise DataError("\n".join(faults))
    return tables
