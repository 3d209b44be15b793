"""``predictions``, ``rejected``, ``times`` and ``submission``, a thousand rows at a time."""

import json
from collections.abc import Iterator, Mapping
from contextlib import ExitStack, contextmanager
from pathlib import Path
from typing import IO, Any

import pandas as pd
import pyarrow as pa
import pyarrow.parquet as pq

from pneumo.base.files import whole
from pneumo.dataset.rsna import format_submission
from pneumo.detection.boxes import Box
from pneumo.scoring._rows import COLUMNS

AT_ONCE = 1024
TABLES = ("predictions.parquet", "predictions.csv", "rejected.csv", "times.csv", "submission.csv")
TIMES = ("content", "scored_at")
"""``times.csv`` says when a content was scored; ``predictions`` hold nothing that a clock changes
but how long it took."""

WHOLE = ("rows", "columns", "model_version", "order")
REAL = (
    "row_spacing_mm", "column_spacing_mm", "probability", "seconds",
    "age", "turned", "mirror", "unusual", "disagreement",
)  # fmt: skip
SCHEMA = pa.schema(
    [
        (name, pa.int64() if name in WHOLE else pa.float64() if name in REAL else pa.string())
        for name in COLUMNS
    ]
)


class Sheets:
    """The open tables; ``add`` takes a row after the other."""

    def __init__(self, parquet: Path, csv: IO[str], rejected: IO[str], times: IO[str]) -> None:
        self._parquet, self._csv, self._rejected, self._times = parquet, csv, rejected, times
        self._writer: pq.ParquetWriter | None = None
        self._rows: list[dict[str, Any]] = []
        self._lines: dict[str, str] = {}
        self._scored: list[dict[str, Any]] = []

    def add(self, row: Mapping[str, Any]) -> None:
        """Take a row of the keys ``COLUMNS``, and ``name`` where the submission has another ID."""
        self._rows.append({name: row[name] for name in COLUMNS})
        if row["status"] == "scored":
            name = row.get("name") or row["image_id"]
            self._lines[name] = _line(name, row["boxes"])
            if not row["duplicate_of"]:
                self._scored.append({key: row.get(key) for key in TIMES})
        if len(self._rows) == AT_ONCE:
            self._write()

    def close(self) -> None:
        """Write what is left, also when there was no row at all."""
        if self._rows or not self._writer:
            self._write()
        if self._writer:
            self._writer.close()

    def submission(self) -> Iterator[str]:
        """The lines of the challenge's format, by name."""
        yield format_submission({})
        for name in sorted(self._lines):
            yield self._lines[name]

    def _write(self) -> None:
        types = dict.fromkeys(WHOLE, "Int64") | dict.fromkeys(REAL, "float64")
        table = pd.DataFrame(self._rows, columns=COLUMNS).astype(types)
        arrow = pa.Table.from_pandas(table, SCHEMA, preserve_index=False)
        first = self._writer is None
        if self._writer is None:
            self._writer = pq.ParquetWriter(self._parquet, arrow.schema)
        self._writer.write_table(arrow)
        table.to_csv(self._csv, index=False, header=first)
        bad = table["status"] == "rejected"
        wanted = ["file", "reason", "message"]
        table.loc[bad, wanted].to_csv(self._rejected, index=False, header=first)
        pd.DataFrame(self._scored, columns=TIMES).to_csv(self._times, index=False, header=first)
        self._rows.clear()
        self._scored.clear()


@contextmanager
def sheets(out: Path) -> Iterator[Sheets]:
    """Tables in ``out`` to which rows are added; each of them appears whole, or not at all."""
    with ExitStack() as stack:
        parquet, csv, rejected, times, submission = (
            stack.enter_context(whole(out / name)) for name in TABLES
        )
        with _text(csv) as csv_file, _text(rejected) as rejected_file, _text(times) as times_file:
            tables = Sheets(parquet, csv_file, rejected_file, times_file)
            yield tables
            tables.close()
        with _text(submission) as file:
            file.writelines(tables.submission())


def _text(path: Path) -> IO[str]:
    return path.open("w", encoding="utf-8", newline="")


def _line(name: str, boxes: str) -> str:
    head = len(format_submission({}))
    return format_submission({name: [Box(**box) for box in json.loads(boxes)]})[head:]
