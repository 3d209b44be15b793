"""``objects.csv``: a row per object, and ``refused.csv``: a row per radiograph without any."""

import csv
from collections.abc import Iterable, Mapping
from datetime import datetime
from io import StringIO
from pathlib import Path

from pneumo.base.errors import DataError
from pneumo.base.files import write_text
from pneumo.base.safe import cell, printable

INDEX, REFUSED = "objects.csv", "refused.csv"
COLUMNS = (
    "source_sop_instance_uid", "source_sum", "kind", "sop_class_uid", "sop_instance_uid",
    "series_instance_uid", "study_instance_uid", "file", "object_sum", "model", "version",
    "engine", "precision", "scored_at", "repaired", "predecessors", "latest",
)  # fmt: skip
"""Sums are of data sets (``data_set_sum``); ``model`` is the ensemble's sha256. ``repaired`` has
the keywords of what was repaired in the copy, ``predecessors`` the UIDs of reports that it names,
with ``;`` between. ``latest`` is ``yes`` for what the results said last of a radiograph, else
blank."""
MOMENT = "%Y-%m-%dT%H:%M:%S%z"
REFUSED_COLUMNS = ("file", "instance_uid", "reason", "message")

Entry = dict[str, str]
Refusal = dict[str, str]


def read_index(objects: Path) -> list[Entry]:
    """The rows of an earlier run; none where there was none. Raises DataError."""
    path = objects / INDEX
    try:
        with path.open(newline="", encoding="utf-8") as file:
            rows = list(csv.DictReader(file))
    except FileNotFoundError:
        return []
    except (OSError, csv.Error, UnicodeError):
        raise DataError(f"{printable(path)}: cannot be read; remove it and write anew") from None
    if any(None in row or None in row.values() or set(row) != set(COLUMNS) for row in rows):
        raise DataError(f"{printable(path)}: is no list of objects; remove it and write anew")
    try:
        _look_at(rows)
    except ValueError:
        raise DataError(f"{printable(path)}: is damaged; remove it and write anew") from None
    return rows


def named(row: Entry) -> list[str]:
    """The UIDs of a row's predecessors."""
    return [uid for uid in row["predecessors"].split(";") if uid]


def _look_at(rows: list[Entry]) -> None:
    """ValueError for a time that is none, and for a predecessor that is not in the list."""
    known = {row["sop_instance_uid"] for row in rows}
    for row in rows:
        datetime.strptime(row["scored_at"], MOMENT)
        if not known.issuperset(named(row)):
            raise ValueError(row["predecessors"])


def write_index(objects: Path, entries: Iterable[Entry]) -> None:
    """Write the rows in a fixed order, whole."""
    rows = sorted(entries, key=lambda row: [row[name] for name in ("kind", "sop_instance_uid")])
    rows.sort(key=lambda row: row["source_sop_instance_uid"])
    _write(objects / INDEX, COLUMNS, rows)


def write_refused(objects: Path, rows: Iterable[Mapping[str, str]]) -> None:
    """Write what got no object and why, whole."""
    _write(objects / REFUSED, REFUSED_COLUMNS, rows)


def _write(path: Path, columns: tuple[str, ...], rows: Iterable[Mapping[str, str]]) -> None:
    text = StringIO()
    table = csv.DictWriter(text, columns, lineterminator="\n")
    table.writeheader()
    table.writerows({name: cell(row[name]) for name in columns} for row in rows)
    write_text(path, text.getvalue())
