"""Check a data set before anything is built on it; a critical failure stops the pipeline."""

from collections.abc import Iterable
from pathlib import Path
from typing import TYPE_CHECKING, Any

import pandas as pd

from pneumo.base.errors import DataError
from pneumo.base.files import whole, write_json
from pneumo.dataset.dataset import HEADERS, IMAGES, open_tables
from pneumo.dataset.tables import read_table
from pneumo.validation.columns import WHERE, tables_of
from pneumo.validation.run_rules import check

if TYPE_CHECKING:
    from pneumo.base.settings import DataSettings

INDEX_COLUMNS = ("patientId", "person", "split")


def validate(out: Path, docs: Path, *, data: "DataSettings", index: Path | None = None) -> None:
    """Check the data set ``data.root``; write ``out`` (JSON) and the folder ``docs`` (Data Docs).

    Both hold counts, row numbers and column names, no patient's data. ``index`` (CSV or parquet,
    ``patientId, person, split``) is a division into splits to be checked too. Without radiographs
    the tables are checked alone, if RSNA's table of headers is there. Raises DataError with one
    line per critical failure, after both were written.
    """
    root = Path(data.root)
    dataset = open_tables(root)
    if not dataset.files and not (root / HEADERS).exists():
        raise DataError(f"{root / IMAGES}: holds no .dcm file; data.root must be in RSNA's format")
    reserved = dataset.reserved(data.reserved_test) if data.reserved_test else None
    tables = tables_of(dataset, _index(index), reserved)
    with whole(docs) as aside:
        facts = check(tables, aside)
    failed = [fact for fact in facts if not fact["held"]]
    write_json(
        out,
        {
            "people_known": dataset.patients is not None,
            "radiographs": len(dataset.files),
            "images": len(tables["images"]),
            "positive": int((tables["images"]["target"] == 1).sum()),
            "people": int(tables["images"]["person"].nunique()),
            "rows": {name: len(table) for name, table in tables.items()},
            "expectations": facts,
        },
    )
    _report(data.root, dataset.patients is not None, docs, failed)


def _report(root: str, people_known: bool, docs: Path, failed: list[dict[str, Any]]) -> None:
    print(f"{root}: Data Docs in {docs / 'index.html'}")
    if not people_known:
        print(f"{root}: patients.csv is missing; every image counts as a person of its own")
    for line in _lines(failed, "warning"):
        print(line)
    if critical := _lines(failed, "critical"):
        count = f"{len(critical)} critical failure{'s' if len(critical) > 1 else ''}"
        raise DataError("\n".join([f"{root}: {count}", *critical]))


def _index(path: Path | None) -> pd.DataFrame | None:
    if path is None or path.suffix != ".parquet":
        return None if path is None else read_table(path, INDEX_COLUMNS)
    try:
        return pd.read_parquet(path, columns=list(INDEX_COLUMNS))
    except (OSError, ValueError) as error:
        reason = str(error).splitlines()[0]
        raise DataError(f"{path}: is no table of splits with {INDEX_COLUMNS} ({reason})") from None


def _lines(failed: Iterable[dict[str, Any]], severity: str) -> list[str]:
    return [_line(fact) for fact in failed if fact["severity"] == severity]


def _line(fact: dict[str, Any]) -> str:
    """``critical: labels.x: the box ...: 3 rows (line 5, 9, 12)``."""
    where = f"  {fact['severity']}: {fact['table']}.{fact['column'] or 'rows'}"
    says, count = fact["says"], fact["unexpected"]
    if not count:
        return f"{where}: {says}"
    rows = ", ".join(map(str, fact["rows"])) + (", ..." if count > len(fact["rows"]) else "")
    return f"{where}: {says}: {count} row{'s' if count > 1 else ''} ({WHERE[fact['table']]} {rows})"
