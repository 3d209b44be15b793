"""Great Expectations: run the suites on the tables, count what fails, and build Data Docs."""

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
from great_expectations.core.validation_definition import ValidationDefinition

from pneumo.validation._rules import suites

ROW = "row"
MOST_ROWS = 5
"""Row numbers that are told of a rule that failed."""


def check(tables: Mapping[str, pd.DataFrame], docs: Path) -> list[dict[str, Any]]:
    """Run the suites on ``tables`` and write Data Docs to the folder ``docs``.

    Returns one dict per expectation: ``table, expectation, column, severity, held, says``,
    ``unexpected`` (a count) and ``rows`` (the first five of the table's index). No value of the
    data is kept. ``docs`` holds an ``index.html``.
    """
    with tempfile.TemporaryDirectory() as folder, warnings.catch_warnings():
        warnings.simplefilter("ignore")
        context = gx.get_context(mode="file", project_root_dir=folder)
        context.variables.progress_bars = {"globally": False}  # type: ignore[assignment]
        found = [
            fact
            for name, items in suites(tables).items()
            for fact in _run(context, name, items, tables[name])
        ]
        context.build_data_docs()
        copytree(Path(folder) / "gx/uncommitted/data_docs/local_site", docs)
    return found


def _run(context: Any, name: str, items: list[Any], table: pd.DataFrame) -> list[dict[str, Any]]:
    source = context.data_sources.add_pandas(name)
    batches = source.add_dataframe_asset(name).add_batch_definition_whole_dataframe(name)
    suite = context.suites.add(gx.ExpectationSuite(name=name, expectations=items))
    definition = context.validation_definitions.add(
        ValidationDefinition(name=name, data=batches, suite=suite)
    )
    checkpoint = context.checkpoints.add(
        gx.Checkpoint(
            name=name,
            validation_definitions=[definition],
            actions=[],
            result_format={"result_format": "BASIC", "partial_unexpected_count": 0},
        )
    )
    given = {"dataframe": table.assign(**{ROW: table.index}).reset_index(drop=True)}
    results = [
        item
        for run in checkpoint.run(batch_parameters=given).run_results.values()
        for item in run.results
    ]
    facts = [_fact(name, item) for item in results]
    if any(fact["unexpected"] for fact in facts):
        batch = batches.get_batch(batch_parameters=given)
        for fact, item in zip(facts, results, strict=True):
            if fact["unexpected"]:
                fact["rows"] = _rows(batch, item)
    return facts


def _rows(batch: Any, item: Any) -> list[int]:
    """Where a rule fails, by looking again; the values that are found with it are dropped here."""
    again = batch.validate(
        item.expectation_config.to_domain_obj(),
        result_format={"result_format": "COMPLETE", "unexpected_index_column_names": [ROW]},
    )
    return sorted(int(row[ROW]) for row in again.result["unexpected_index_list"])[:MOST_ROWS]


def _fact(table: str, item: Any) -> dict[str, Any]:
    config = item.expectation_config
    column = config.kwargs.get("column") or ", ".join(config.kwargs.get("column_list", []))
    unexpected = item.result.get("unexpected_count")
    return {
        "table": table,
        "expectation": config.type,
        "column": column,
        "severity": str(getattr(config.severity, "value", config.severity)),
        "says": config.notes,
        "held": bool(item.success),
        "unexpected": None if unexpected is None else int(unexpected),
        "rows": [],
    }
