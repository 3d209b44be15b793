"""The rows of a folder of results, as objects need them."""

import csv
import json
import math
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path

from pneumo.base.errors import DataError
from pneumo.base.safe import printable
from pneumo.detection.boxes import Box
from pneumo.intake.look import REVIEWS

TABLE, TIMES = "predictions.csv", "times.csv"
NEEDED = ("instance_uid", "status", "rows", "columns", "probability", "boxes", "model_version",
          "model_sha256")  # fmt: skip


@dataclass(frozen=True)
class Row:
    """A scored file: what was found, by which model, and when. Boxes are in stored pixels."""

    file: str
    content: str
    instance_uid: str
    rows: int
    columns: int
    probability: float
    boxes: tuple[Box, ...]
    model: str
    version: str
    digest: str
    engine: str
    precision: str
    scored_at: datetime
    review: str = ""
    """Why a radiologist should look at it first, in words; blank: no reason."""

    @property
    def positive(self) -> bool:
        """Whether an opacity was called."""
        return bool(self.boxes)

    @property
    def software(self) -> list[str]:
        """What scored it beside the model's sum, as Software Versions tells it."""
        return [f"model {self.version or '0'}", *filter(None, (self.engine, self.precision))]


def scored_rows(results: Path) -> Iterator[Row]:
    """The rows of what was scored, copies of a file aside. Raises DataError."""
    where = results / TABLE
    try:
        times = _times(results)
        with where.open(newline="", encoding="utf-8") as file:
            table = csv.DictReader(file)
            if missing := [name for name in NEEDED if name not in (table.fieldnames or ())]:
                raise DataError(f"{printable(where)}: has no column {missing[0]}; score anew")
            changed = datetime.fromtimestamp(int(where.stat().st_mtime), UTC)
            for cells in table:
                if cells["status"] == "scored" and not cells.get("duplicate_of"):
                    at = times.get(cells.get("content") or "", changed)
                    yield _row(cells, at, f"{printable(where)}, line {table.line_num}")
    except FileNotFoundError:
        raise DataError(f"{printable(where)}: is not there; name a folder of results") from None
    except (OSError, csv.Error, UnicodeError) as error:
        raise DataError(f"{printable(where)}: cannot be read ({type(error).__name__})") from None


def _times(results: Path) -> dict[str, datetime]:
    """Content -> when it was scored; results of before there were times have the table's own."""
    path = results / TIMES
    if not path.exists():
        return {}
    try:
        with path.open(newline="", encoding="utf-8") as file:
            return {
                row["content"]: datetime.strptime(row["scored_at"], "%Y-%m-%dT%H:%M:%S%z")
                for row in csv.DictReader(file)
            }
    except (KeyError, ValueError, TypeError):
        raise DataError(f"{printable(path)}: is damaged; run `pneumo score` again") from None


def _review(codes: str, reasons: str) -> str:
    """What is odd about the radiograph itself; whether it is uncertain may depend on its batch."""
    said = [REVIEWS[code] for code in codes.split(";") if code in REVIEWS]
    return "; ".join(words for words in said if words != REVIEWS["uncertain"] or words in reasons)


def _row(cells: Mapping[str, str], scored_at: datetime, where: str) -> Row:
    try:
        row = Row(
            file=cells.get("file") or "",
            content=cells.get("content") or "",
            instance_uid=cells["instance_uid"] or "",
            rows=int(cells["rows"]),
            columns=int(cells["columns"]),
            probability=float(cells["probability"]),
            boxes=tuple(Box(**box) for box in json.loads(cells["boxes"] or "[]")),
            model=cells.get("model") or "",
            version=cells["model_version"] or "",
            digest=cells["model_sha256"] or "",
            engine=cells.get("engine") or "",
            precision=cells.get("precision") or "",
            scored_at=scored_at,
            review=_review(cells.get("review") or "", cells.get("review_reason") or ""),
        )
    except (ValueError, TypeError):
        raise DataError(f"{where}: is no row of results; run `pneumo score` again") from None
    numbers = [row.probability, *(n for b in row.boxes for n in (b.x, b.y, b.width, b.height))]
    if not all(map(math.isfinite, numbers)) or any(
        b.width <= 0 or b.height <= 0 for b in row.boxes
    ):
        raise DataError(f"{where}: holds a box or a probability that is none")
    return row
