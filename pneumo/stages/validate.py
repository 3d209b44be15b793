"""Check a data set before anything is built on it; a critical failure stops the pipeline."""

from collections.abc import Iterable
from pathlib import Path
from typing import TYPE_CHECKING, Any

import pandas as pd

from pneumo.dataset import Dataset, open_dataset
from pneumo.dicom.headers import read_headers
from pneumo.errors import DataError
from pneumo.expectations import check
from pneumo.files import whole, write_json

if TYPE_CHECKING:
    from pneumo.settings import DataSettings


def validate(out: Path, docs: Path, *, data: "DataSettings") -> None:
    """Check the data set ``data.root``; write ``out`` (JSON) and the folder ``docs`` (Data Docs).

    Both hold counts and column names, no patient's data. Raises DataError with one line per
    critical failure, after both were written.
    """
    dataset = open_dataset(Path(data.root))
    with whole(docs) as aside:
        facts = check(tables_of(dataset), aside)
    failed = [fact for fact in facts if not fact["held"]]
    write_json(out, {"people_known": dataset.patients is not None, "expectations": facts})
    if dataset.patients is None:
        print(f"{data.root}: patients.csv is missing; every image counts as a person of its own")
    for line in _lines(failed, "warning"):
        print(line)
    if critical := _lines(failed, "critical"):
        raise DataError("\n".join([f"{data.root}: {len(critical)} critical failures", *critical]))


def tables_of(dataset: Dataset) -> dict[str, pd.DataFrame]:
    """The tables that are checked, with derived columns where a rule spans columns or tables."""
    headers = read_headers(dataset.files)
    return {
        "labels": _labels(dataset.labels, headers),
        "images": _images(dataset),
        "headers": _headers(headers, dataset.labels),
    }


def _labels(labels: pd.DataFrame, headers: pd.DataFrame) -> pd.DataFrame:
    sizes = headers.set_index("patientId")[["Rows", "Columns"]].astype(float)
    rows, columns = (labels["patientId"].map(sizes[side]) for side in ("Rows", "Columns"))
    sides = labels[["x", "y", "width", "height"]]
    outside = (sides["x"] + sides["width"] > columns) | (sides["y"] + sides["height"] > rows)
    return labels.assign(
        inside=~outside,
        blank_if_negative=(labels["Target"] == 1) | sides.isna().all(axis=1),
    )


def _images(dataset: Dataset) -> pd.DataFrame:
    images = dataset.images()
    targets = dataset.labels.groupby("patientId")["Target"].nunique()
    files = {path.stem for path in dataset.files}
    return images.assign(
        one_target=images["patientId"].map(targets) == 1,
        class_agrees=(images["class"] == "Lung Opacity") == (images["target"] == 1),
        has_file=images["patientId"].isin(files),
        person_known=images["person"].notna(),
    )


def _headers(headers: pd.DataFrame, labels: pd.DataFrame) -> pd.DataFrame:
    years = headers["PatientAge"].astype("string").str.extract(r"^0*(\d+)Y?$")[0]
    return headers.assign(
        labelled=headers["patientId"].isin(labels["patientId"]), age=pd.to_numeric(years)
    )


def _lines(failed: Iterable[dict[str, Any]], severity: str) -> list[str]:
    return [
        f"  {severity}: {fact['table']}.{fact['column'] or 'rows'}: {fact['expectation']} failed"
        + (f" for {fact['unexpected']} rows" if fact["unexpected"] else "")
        for fact in failed
        if fact["severity"] == severity
    ]
