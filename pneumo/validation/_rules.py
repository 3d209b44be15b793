"""What each table of a data set must satisfy: Great Expectations suites, by severity.

Great Expectations lets an empty table and NaN pass a range or a set, so rows are counted and
blanks are refused one by one. The note of an expectation is what a user reads when it fails.
"""

import os
from collections.abc import Mapping
from typing import Any

os.environ.setdefault("GX_ANALYTICS_ENABLED", "false")

import pandas as pd
from great_expectations import expectations as gxe
from great_expectations.expectations.metadata_types import FailureSeverity

from pneumo.dataset.people import nobody_named
from pneumo.dataset.rsna import CLASSES, LABEL_COLUMNS

CRITICAL, WARNING = FailureSeverity.CRITICAL, FailureSeverity.WARNING
OLDEST_YEARS = 120
SMALLEST_SIDE_PX = 64
ONE_ID = "one ID is written in several ways (case, blanks, .dcm, Unicode form)"
SHARES = {"target": (0.02, 0.8), **{f"is {name}": (0.02, 0.9) for name in CLASSES}}
"""Least and most of all images that may be positive, or of one class."""

POSITIVE: dict[str, Any] = {"row_condition": "Target == 1", "condition_parser": "pandas"}
READABLE: dict[str, Any] = {"row_condition": "readable == True", "condition_parser": "pandas"}


def suites(tables: Mapping[str, pd.DataFrame]) -> dict[str, list[Any]]:
    """The expectations on each of ``tables``, which ``columns.tables_of`` makes."""
    known = {
        "labels": _labels, "classes": _classes, "images": lambda: _images(tables["images"]),
        "headers": _headers, "people": _people, "splits": _splits, "reserved": _reserved,
    }  # fmt: skip
    return {name: known[name]() for name in tables}


def _labels() -> list[Any]:
    sides, places, lengths = LABEL_COLUMNS[1:5], LABEL_COLUMNS[1:3], LABEL_COLUMNS[3:5]
    return [
        gxe.ExpectTableRowCountToBeBetween(
            min_value=1, severity=CRITICAL, notes="the table has no row"
        ),
        _filled("patientId", "the image has no ID"),
        _filled("Target", "Target is blank"),
        _among("Target", [0, 1], "Target must be 0 or 1"),
        gxe.ExpectCompoundColumnsToBeUnique(
            column_list=list(LABEL_COLUMNS),
            ignore_row_if="never",
            severity=CRITICAL,
            notes="the row stands there more than once",
        ),
        *(_filled(side, "Target is 1, but the box has a blank", **POSITIVE) for side in sides),
        *(_between(side, "the box starts outside the image", 0, **POSITIVE) for side in places),
        *(
            _between(side, "the box has no area", 0, strict_min=True, **POSITIVE)
            for side in lengths
        ),
        _true("inside", "the box reaches outside the image"),
        _true("all_in_pixels", "all boxes are under 1 px: relative coordinates (YOLO)?"),
        _true("in_pixels", "the box is under 1 px: relative coordinates (YOLO)?"),
        _true("no_percent", "all boxes lie within 100 px: coordinates in percent?"),
        _true("blank_if_negative", "Target is 0, but there is a box"),
        _true("one_row_if_negative", "an image without box has more than one row"),
        _true("one_target", "the image is both positive and negative"),
        _true("safe_id", "an ID must be letters, digits, dot, dash or underscore"),
        _true("one_spelling", ONE_ID),
        *_written(),
    ]


def _classes() -> list[Any]:
    return [
        _filled("patientId", "the image has no ID"),
        _filled("class", "the class is blank"),
        _among("class", list(CLASSES), "the class is unknown"),
        _true("one_class", "the image has several classes"),
        _true("one_spelling", ONE_ID),
        *_written(),
        _true("labelled", "the image is not in the labels"),
        _true("rows_as_labels", "other number of rows than in the labels", WARNING),
    ]


def _images(table: pd.DataFrame) -> list[Any]:
    unknown = table.loc[~table["person_known"], "person_written"]
    return [
        gxe.ExpectTableRowCountToBeBetween(
            min_value=3, severity=CRITICAL, notes="there are fewer than 3 images, one per split"
        ),
        gxe.ExpectColumnValuesToBeUnique(
            column="patientId", severity=CRITICAL, notes="the image is there more than once"
        ),
        gxe.ExpectColumnMaxToBeBetween(
            column="target", min_value=1, severity=CRITICAL,
            notes="no image is positive (Target 1), so nothing can be learnt or tuned",
        ),
        gxe.ExpectColumnMinToBeBetween(
            column="target", max_value=0, severity=CRITICAL,
            notes="no image is negative (Target 0), so false calls cannot be told",
        ),
        _filled("class", "the image has no class"),
        _true("class_agrees", "class and Target contradict each other"),
        _true("has_file", "the labelled image has no radiograph"),
        _true("person_listed", "the image is not in the table of people"),
        _true("person_known", f"{nobody_named(unknown)}; they stay unused", WARNING),
        _true("somebody", "no image names a person; without patients.csv each counts as its own"),
        _true("few_of_person", "one person has very many images; is it a placeholder?", WARNING),
        *(
            gxe.ExpectColumnMeanToBeBetween(
                column=column, min_value=least, max_value=most, severity=WARNING,
                notes=f"the share of images is not between {least:.0%} and {most:.0%}",
            )
            for column, (least, most) in SHARES.items()
        ),
    ]  # fmt: skip


def _people() -> list[Any]:
    return [
        _filled("patientId", "the image has no ID"),
        _true("listed_once", "the image is listed more than once (but for case and blanks)"),
        _true("one_spelling", "one person is written in several ways (case, blanks)"),
        _true("one_number", "a person is written as 007, 7 or 7.0; read as one", WARNING),
        *_written(),
        _true("labelled", "the image is not in the labels", WARNING),
    ]


def _headers() -> list[Any]:
    known = {
        "Modality": ["CR", "DX"],
        "PhotometricInterpretation": ["MONOCHROME1", "MONOCHROME2"],
        "ViewPosition": ["AP", "PA"],
        "PatientSex": ["F", "M"],
    }
    return [
        _true("readable", "the file is no DICOM that can be read", WARNING),
        _true("labelled", "the radiograph is not in the labels", WARNING),
        _true("one_file", "several radiographs have one name (.dcm and .DCM)"),
        *(_filled(tag, f"{tag} is missing", WARNING, **READABLE) for tag in (*known, "age")),
        *(_among(tag, values, f"{tag} is unknown", WARNING) for tag, values in known.items()),
        *(
            _between(side, f"{side} are too few", SMALLEST_SIDE_PX, severity=WARNING)
            for side in ("Rows", "Columns")
        ),
        _between(
            "age", f"an age is over {OLDEST_YEARS}", 0, severity=WARNING, max_value=OLDEST_YEARS
        ),
    ]


def _splits() -> list[Any]:
    names = ["train", "validation", "test", "unused"]
    return [
        _filled("person", "the person is unknown"),
        _filled("split", "the split is blank"),
        _among("split", names, "the split is unknown"),
        _true("one_split_a_person", "a person is in more than one split"),
        _true("one_split_an_image", "an ID is in more than one split (but for case and blanks)"),
        _true("listed_once", "an ID is listed more than once (but for case and blanks)"),
    ]


def _reserved() -> list[Any]:
    return [_true("known", "a reserved ID is not in the labels", WARNING)]


def _written() -> list[Any]:
    return [
        _true("no_ending", "IDs carry .dcm, the names of files do not; read without it", WARNING),
        _true("as_named", "the ID is written otherwise than its file (case, blanks, Unicode form); "
              "read as the file's", WARNING),
    ]  # fmt: skip


def _true(column: str, says: str, severity: FailureSeverity = CRITICAL) -> Any:
    return _among(column, [True], says, severity)


def _among(column: str, values: list[Any], says: str, severity: FailureSeverity = CRITICAL) -> Any:
    return gxe.ExpectColumnValuesToBeInSet(
        column=column, value_set=values, severity=severity, notes=says
    )


def _filled(column: str, says: str, severity: FailureSeverity = CRITICAL, **condition: Any) -> Any:
    return gxe.ExpectColumnValuesToNotBeNull(
        column=column, severity=severity, notes=says, **condition
    )


def _between(
    column: str, says: str, least: float, *, severity: FailureSeverity = CRITICAL, **more: Any
) -> Any:
    return gxe.ExpectColumnValuesToBeBetween(
        column=column, min_value=least, severity=severity, notes=says, **more
    )
