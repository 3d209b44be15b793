"""The tables that are checked: with a column per rule that spans cells, rows or tables.

The index of each table is the line in its file (of the labels for ``images``; the number of the
file, in order of names, for ``headers`` of radiographs), so that a fault can be found again.
"""

import re
from collections.abc import Sequence
from pathlib import Path

import pandas as pd

from pneumo.base.progress import track
from pneumo.dataset.dataset import HEADERS, Dataset
from pneumo.dataset.people import crowded, is_known, person_key
from pneumo.dataset.rsna import CLASSES
from pneumo.dataset.tables import read_table, spell
from pneumo.dicom.headers import TAGS
from pneumo.dicom.workers import Rejected, read_headers

RSNA_SIDE_PX = 1024
"""Rows and columns of the challenge's images, whose table of headers does not tell."""

PERCENT = 100
PERCENT_IMAGES, PERCENT_SIDE_PX = 3, 200
"""Boxes of so many images of such a side that all lie within 100 are shares in percent."""

SAFE_ID = re.compile(r"[0-9A-Za-z][0-9A-Za-z._-]{0,127}")
"""IDs become names of files, so they may not climb out of a folder."""

WHERE = {
    "labels": "line",
    "classes": "line",
    "images": "line of the labels",
    "people": "line",
    "headers": "file by name, or line",
    "splits": "row",
    "reserved": "ID by name",
}
"""What the row numbers of each table count."""


def tables_of(
    dataset: Dataset, index: pd.DataFrame | None = None, reserved: list[str] | None = None
) -> dict[str, pd.DataFrame]:
    """The tables of a data set, and if given of its splits and reserved IDs, to be checked."""
    headers = headers_of(dataset)
    images = dataset.images()
    tables = {
        "labels": _labels(dataset.labels, headers),
        "classes": _classes(dataset),
        "images": _images(dataset, images, headers),
        "headers": _headers(headers, dataset.labels),
    }
    if dataset.patients is not None:
        tables["people"] = _people(dataset.patients, images)
    if index is not None:
        tables["splits"] = _splits(index)
    if reserved is not None:
        known = pd.Series(reserved).isin(spell(images["patientId"]))
        tables["reserved"] = pd.DataFrame({"known": known}).rename(index=lambda n: n + 1)
    return tables


def headers_of(dataset: Dataset) -> pd.DataFrame:
    """One row per radiograph, from the files, or from RSNA's table where there are none.

    ``patientId, readable`` and the tags of ``dicom.headers``; without files no sizes.
    """
    if dataset.files:
        return _read_headers(dataset.files)
    columns = ("Filename", "Modality", "PatientAge", "PatientSex", "ViewPosition")
    table = read_table(dataset.root / HEADERS, columns, numbers=("PatientAge",))
    names = dataset.names.of(table["Filename"])
    return table.reindex(columns=list(TAGS)).assign(
        patientId=names.astype(object), readable=True, PhotometricInterpretation="MONOCHROME2",
        Rows=RSNA_SIDE_PX, Columns=RSNA_SIDE_PX,
    )  # fmt: skip


def _read_headers(files: Sequence[Path]) -> pd.DataFrame:
    """The headers of files, numbered from 1; where one is no DICOM, ``readable`` is False."""
    answers = track(read_headers(files), len(files), "Reading headers")
    rows = [
        {"readable": False} if isinstance(answer, Rejected) else {"readable": True, **answer}
        for answer in answers
    ]
    table = pd.DataFrame(rows, columns=["readable", *TAGS], index=range(1, len(files) + 1))
    return table.assign(patientId=[path.stem for path in files])


def _labels(labels: pd.DataFrame, headers: pd.DataFrame) -> pd.DataFrame:
    sizes = headers.drop_duplicates("patientId").set_index("patientId")[["Rows", "Columns"]]
    sizes = sizes.apply(pd.to_numeric, errors="coerce")
    rows, columns = (labels["patientId"].map(sizes[side]) for side in ("Rows", "Columns"))
    sides = labels[["x", "y", "width", "height"]]
    outside = (sides["x"] + sides["width"] > columns) | (sides["y"] + sides["height"] > rows)
    targets = labels.groupby("patientId")["Target"].nunique()
    return labels.assign(
        **_pixels(labels, rows, columns),
        **_written(labels),
        safe_id=labels["patientId"].map(_is_safe),
        one_spelling=_one_each(labels["written"], spell(labels["written"])),
        inside=~outside,
        blank_if_negative=(labels["Target"] != 0) | sides.isna().all(axis=1),
        one_target=labels["patientId"].isna() | (labels["patientId"].map(targets) == 1),
        one_row_if_negative=(labels["Target"] == 1) | ~labels["patientId"].duplicated(),
    )


def _pixels(labels: pd.DataFrame, rows: pd.Series, columns: pd.Series) -> dict[str, pd.Series]:
    """Whether boxes are in pixels: one by one, or, where none is, all together."""
    positive = labels["Target"] == 1
    sides = labels[["x", "y", "width", "height"]]
    within = (sides >= 0).all(axis=1) & (sides[["width", "height"]] > 0).all(axis=1) & positive
    under = (sides[["width", "height"]] < 1).any(axis=1) | (sides <= 1).all(axis=1)
    shares, small = within & under, within & (sides <= PERCENT).all(axis=1)
    all_shares = bool(positive.any() and shares[positive].all())
    large = (rows > PERCENT_SIDE_PX) & (columns > PERCENT_SIDE_PX)
    enough = labels.loc[positive, "patientId"].nunique() >= PERCENT_IMAGES
    percent = not all_shares and enough and bool((small & large)[positive].all())
    return {
        "all_in_pixels": ~(shares & all_shares),
        "in_pixels": ~(shares & (not all_shares)),
        "no_percent": ~(small & percent),
    }


def _written(table: pd.DataFrame) -> dict[str, pd.Series]:
    """Whether the IDs of a table are written as the images are named."""
    ids, written = table["patientId"], table["written"]
    same = (ids == written) | written.isna()
    ending = written.str.strip().str.casefold().str.endswith(".dcm") & ~same
    return {"no_ending": ~ending.fillna(False).astype(bool), "as_named": same | ending}


def _classes(dataset: Dataset) -> pd.DataFrame:
    table = dataset.class_info
    rows = dataset.labels["patientId"].value_counts()
    own = table["patientId"].map(table["patientId"].value_counts())
    return table.assign(
        **_written(table),
        one_class=_one_each(table["class"], table["patientId"]),
        one_spelling=_one_each(table["written"], spell(table["written"])),
        labelled=table["patientId"].isin(dataset.labels["patientId"]),
        rows_as_labels=(own == 1) | (own == table["patientId"].map(rows)),
    )


def _images(dataset: Dataset, images: pd.DataFrame, headers: pd.DataFrame) -> pd.DataFrame:
    lines = dataset.labels.reset_index().groupby("patientId")["line"].min()
    listed = dataset.patients["patientId"] if dataset.patients is not None else images["patientId"]
    inside = images["patientId"].isin(listed)
    people = dataset.patients if dataset.patients is not None else images
    said = people.drop_duplicates("patientId").set_index("patientId")["person"]
    table = images.assign(
        class_agrees=(images["class"] == CLASSES[2]) == (images["target"] == 1),
        has_file=images["patientId"].isin(headers["patientId"]),
        person_listed=inside,
        person_known=~inside | images["person"].notna(),
        person_written=images["patientId"].map(said),
        somebody=bool(images["person"].notna().any()),
        few_of_person=~crowded(images["person"]),
        **{f"is {name}": (images["class"] == name).astype(float) for name in CLASSES},
    )
    return table.set_index(table["patientId"].map(lines).rename("line"))


def _people(patients: pd.DataFrame, images: pd.DataFrame) -> pd.DataFrame:
    people = patients["person"].where(is_known(patients["person"]))
    return patients.assign(
        **_written(patients),
        listed_once=~spell(patients["patientId"]).duplicated(keep=False),
        one_spelling=_one_each(people, spell(people)),
        one_number=_one_each(spell(people), person_key(people)),
        labelled=patients["patientId"].isin(images["patientId"]),
    )


def _headers(headers: pd.DataFrame, labels: pd.DataFrame) -> pd.DataFrame:
    text = headers.assign(
        **{tag: headers[tag].map(str, na_action="ignore").replace("", None) for tag in TAGS}
    )
    age = text["PatientAge"].astype("string").str.extract(r"^0*(\d+)(?:\.0+)?([YMWD]?)$")
    years = pd.to_numeric(age[0]).where(age[1].isin(["", "Y"]), 0).where(age[0].notna())
    return text.assign(
        labelled=headers["patientId"].isin(labels["patientId"]),
        one_file=~headers["patientId"].duplicated(keep=False),
        age=years.astype(float),
        **{side: pd.to_numeric(text[side], errors="coerce") for side in ("Rows", "Columns")},
    )


def _splits(index: pd.DataFrame) -> pd.DataFrame:
    table = index.set_index(pd.RangeIndex(1, len(index) + 1))
    own = table["person"] == table["patientId"]  # nobody knows who it is
    person = person_key(table["person"]).mask(own, spell(table["patientId"]))
    return table.assign(
        person=person,
        one_split_a_person=_one_each(table["split"], person),
        one_split_an_image=_one_each(table["split"], spell(table["patientId"])),
        listed_once=~spell(table["patientId"]).duplicated(keep=False),
    )


def _one_each(values: pd.Series, keys: pd.Series) -> pd.Series:
    """Whether the rows of a key hold one value; true where the key or the value is missing."""
    return values.isna() | keys.isna() | (keys.map(values.groupby(keys).nunique()) <= 1)


def _is_safe(name: object) -> bool:
    return not isinstance(name, str) or SAFE_ID.fullmatch(name) is not None
