"""What a data set must satisfy, as Great Expectations suites, and the Data Docs about it."""

import os
import tempfile
import warnings
from collections.abc import Mapping
from pathlib import Path
from shutil import copytree
from typing import Any

import pandas as pd

os.environ.setdefault("GX_ANALYTICS_ENABLED", "false")

import great_expectations as gx
from great_expectations import expectations as gxe
from great_expectations.core.validation_definition import ValidationDefinition
from great_expectations.expectations.metadata_types import FailureSeverity

from pneumo.rsna import CLASSES, LABEL_COLUMNS

CRITICAL, WARNING = FailureSeverity.CRITICAL, FailureSeverity.WARNING
OLDEST_YEARS = 120


def suites() -> dict[str, list[Any]]:
    """The expectations on each table that ``tables_of`` in ``stages/validate`` makes.

    Great Expectations lets an empty table and NaN pass a range, so rows are counted and blanks
    refused one by one.
    """
    return {"labels": _labels(), "images": _images(), "headers": _headers()}


def _labels() -> list[Any]:
    boxes: dict[str, Any] = {
        "row_condition": "Target == 1",
        "condition_parser": "pandas",
        "severity": CRITICAL,
    }
    return [
        gxe.ExpectTableRowCountToBeBetween(min_value=1, severity=CRITICAL),
        gxe.ExpectColumnValuesToNotBeNull(column="patientId", severity=CRITICAL),
        gxe.ExpectColumnValuesToBeInSet(column="Target", value_set=[0, 1], severity=CRITICAL),
        gxe.ExpectCompoundColumnsToBeUnique(column_list=list(LABEL_COLUMNS), severity=CRITICAL),
        *(
            gxe.ExpectColumnValuesToNotBeNull(column=side, **boxes)
            for side in ("x", "y", "width", "height")
        ),
        *(
            gxe.ExpectColumnValuesToBeBetween(column=side, min_value=0, **boxes)
            for side in ("x", "y")
        ),
        *(
            gxe.ExpectColumnValuesToBeBetween(column=side, min_value=0, strict_min=True, **boxes)
            for side in ("width", "height")
        ),
        gxe.ExpectColumnValuesToBeInSet(column="inside", value_set=[True], severity=CRITICAL),
        gxe.ExpectColumnValuesToBeInSet(
            column="blank_if_negative", value_set=[True], severity=CRITICAL
        ),
    ]


def _images() -> list[Any]:
    facts = ("one_target", "class_agrees", "has_file", "person_known")
    return [
        gxe.ExpectTableRowCountToBeBetween(min_value=3, severity=CRITICAL),
        gxe.ExpectColumnValuesToBeUnique(column="patientId", severity=CRITICAL),
        gxe.ExpectColumnValuesToBeInSet(column="class", value_set=list(CLASSES), severity=CRITICAL),
        gxe.ExpectColumnValuesToNotBeNull(column="class", severity=CRITICAL),
        *(
            gxe.ExpectColumnValuesToBeInSet(column=fact, value_set=[True], severity=CRITICAL)
            for fact in facts
        ),
        gxe.ExpectColumnMeanToBeBetween(
            column="target", min_value=0.02, max_value=0.8, severity=WARNING
        ),
    ]


def _headers() -> list[Any]:
    known = {
        "Modality": ["CR", "DX"],
        "PhotometricInterpretation": ["MONOCHROME1", "MONOCHROME2"],
        "ViewPosition": ["AP", "PA"],
        "PatientSex": ["F", "M"],
    }
    return [
        gxe.ExpectColumnValuesToBeInSet(column="readable", value_set=[True], severity=WARNING),
        gxe.ExpectColumnValuesToBeInSet(column="labelled", value_set=[True], severity=WARNING),
        *(
            gxe.ExpectColumnValuesToBeInSet(column=tag, value_set=values, severity=WARNING)
            for tag, values in known.items()
        ),
        *(
            gxe.ExpectColumnValuesToBeBetween(column=tag, min_value=64, severity=WARNING)
            for tag in ("Rows", "Columns")
        ),
        gxe.ExpectColumnValuesToBeBetween(
            column="age", min_value=0, max_value=OLDEST_YEARS, severity=WARNING
        ),
    ]


def check(tables: Mapping[str, pd.DataFrame], docs: Path) -> list[dict[str, Any]]:
    """Run the suites on ``tables`` and write Data Docs to the folder ``docs``.

    Returns one dict per expectation: ``table, expectation, column, severity, held, unexpected``
    (a count; no value of the data is kept). ``docs`` holds an ``index.html``.
    """
    with tempfile.TemporaryDirectory() as folder, warnings.catch_warnings():
        warnings.simplefilter("ignore")
        context = gx.get_context(mode="file", project_root_dir=folder)
        context.variables.progress_bars = {"globally": False}  # type: ignore[assignment]
        found = [
            fact for name, items in suites().items() for fact in _run(context, name, items, tables)
        ]
        context.build_data_docs()
        copytree(Path(folder) / "gx/uncommitted/data_docs/local_site", docs)
    return found


def _run(
    context: Any, name: str, items: list[Any], tables: Mapping[str, pd.DataFrame]
) -> list[dict[str, Any]]:
    source = context.data_sources.add_pandas(name)
    batch = source.add_dataframe_asset(name).add_batch_definition_whole_dataframe(name)
    suite = context.suites.add(gx.ExpectationSuite(name=name, expectations=items))
    definition = context.validation_definitions.add(
        ValidationDefinition(name=name, data=batch, suite=suite)
    )
    checkpoint = context.checkpoints.add(
        gx.Checkpoint(
            name=name,
            validation_definitions=[definition],
            actions=[],
            result_format={"result_format": "BASIC", "partial_unexpected_count": 0},
        )
    )
    result = checkpoint.run(batch_parameters={"dataframe": tables[name]})
    return [_fact(name, item) for run in result.run_results.values() for item in run.results]


def _fact(table: str, item: Any) -> dict[str, Any]:
    config = item.expectation_config
    column = config.kwargs.get("column") or ", ".join(config.kwargs.get("column_list", []))
    unexpected = item.result.get("unexpected_count")
    return {
        "table": table,
        "expectation": config.type,
        "column": column,
        "severity": str(getattr(config.severity, "value", config.severity)),
        "held": bool(item.success),
        "unexpected": None if unexpected is None else int(unexpected),
    }
