"""What one reader says of each radiograph: a table that is whole on disk after each change.

The columns that `pneumo monitor labels` takes, and what the page needs beside them: ``file`` and
``comment`` as JSON texts, so that no spreadsheet takes them for a formula; ``revision``, counted
up by each change; ``seen_at``, when the answer was first shown; ``saved_at``. A row without a
verdict says only that the radiograph was looked at, and `labels` passes over it.
"""

import csv
import json
import math
from collections.abc import Callable, Mapping
from dataclasses import asdict, dataclass, fields, replace
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

from pneumo.base.errors import DataError
from pneumo.base.locks import alone
from pneumo.base.safe import printable
from pneumo.reading._tables import write_table

VERDICTS = ("opacity", "clear", "unsure")
MOST_BOXES, LONGEST_COMMENT = 100, 4000
SIDES = ("x", "y", "width", "height")
Box = dict[str, float]


@dataclass(frozen=True)
class Reading:
    """A row. ``verdict`` is one of ``VERDICTS`` or blank; boxes are in pixels of the file.

    ``ai_seen`` is that of the verdict and its boxes, ``yes`` or ``no``; a comment alone, added
    when the answer was shown, does not change it.
    """

    content: str = ""
    file: str = ""
    reader: str = ""
    verdict: str = ""
    boxes: tuple[tuple[float, float, float, float], ...] = ()
    ai_seen: str = "no"
    why: str = ""
    comment: str = ""
    revision: int = 0
    seen_at: str = ""
    saved_at: str = ""
    person: str = ""

    def told(self) -> dict[str, Any]:
        """As the page is told."""
        return {
            "verdict": self.verdict or None,
            "boxes": [dict(zip(SIDES, box, strict=True)) for box in self.boxes],
            "comment": self.comment,
            "revision": self.revision,
            "ai_seen": self.ai_seen == "yes",
            "saved_at": self.saved_at or None,
        }


COLUMNS = tuple(field.name for field in fields(Reading))


class Stale(Exception):  # noqa: N818
    """A change of a revision that is no longer the last one, which is ``stored``."""

    def __init__(self, stored: Reading) -> None:
        super().__init__()
        self.stored = stored


class Readings:
    """The table of one reader at ``path``. Others may write into the same file: each keeps the
    rows of the others, and a lock lets one write at a time."""

    def __init__(self, path: Path, reader: str, key: str = "content") -> None:
        """``key`` is the column that names a radiograph: ``content`` or ``file``. DataError for a
        file that is there and is none of ours."""
        self.path, self.reader, self.key = path, reader, key
        path.parent.mkdir(parents=True, exist_ok=True, mode=0o700)
        self.load()

    def load(self) -> dict[str, Reading]:
        """What this reader has said, by the column ``key``, as it is on disk now."""
        return {
            getattr(row, self.key): row
            for row in read_readings(self.path)
            if row.reader == self.reader
        }

    def see(self, of: Reading, at: str) -> None:
        """Note that the answer on a radiograph is shown to the reader now, unless it was before."""

        def seen(stored: Reading | None) -> Reading:
            if stored and stored.seen_at:
                return stored
            return replace(stored or of, seen_at=at)

        self._change(of, seen)

    def save(self, said: Reading, revision: int) -> Reading:
        """Keep what is said of a radiograph; ``revision`` is the one it changes, 0 without any.

        Raises Stale when another window, or process, has changed it since.
        """

        def saved(stored: Reading | None) -> Reading:
            before = stored or Reading()
            if before.revision != revision:
                raise Stale(before)
            same = before.revision and (said.verdict, said.boxes) == (before.verdict, before.boxes)
            seen = "yes" if before.seen_at or said.ai_seen == "yes" else "no"
            return replace(
                said,
                ai_seen=before.ai_seen if same else seen,
                revision=revision + 1,
                seen_at=before.seen_at,
                saved_at=now(),
            )

        return self._change(said, saved)

    def _change(self, of: Reading, change: Callable[[Reading | None], Reading]) -> Reading:
        with alone(self.path.with_name(f".{self.path.name}.lock")):
            rows = read_readings(self.path)
            mine = {(row.reader, getattr(row, self.key)): n for n, row in enumerate(rows)}
            place = mine.get((self.reader, getattr(of, self.key)))
            stored = None if place is None else rows[place]
            new = change(stored)
            if new is stored:
                return new
            new = replace(new, reader=self.reader)
            if place is None:
                rows.append(new)
            else:
                rows[place] = new
            write_table(self.path, COLUMNS, [_cells(row) for row in rows])
        return new


def now() -> str:
    """The time in UTC to the second: ``2026-11-28T14:37:13Z``."""
    return datetime.now(UTC).strftime("%Y-%m-%dT%H:%M:%SZ")


def boxes_of(said: Any, rows: int | None, columns: int | None) -> tuple[Any, ...]:
    """Boxes as a page gives them, cut at the radiograph's edges. ValueError says what is wrong."""
    if not isinstance(said, list) or len(said) > MOST_BOXES:
        raise ValueError(f"boxes must be a list of {MOST_BOXES} at most")
    return tuple(_box(item, rows, columns) for item in said)


def read_readings(path: Path) -> list[Reading]:
    """The rows of a table; none where there is no file. DataError for one that is not ours."""
    try:
        with path.open(encoding="utf-8-sig", newline="") as stream:
            rows = csv.DictReader(stream)
            if missing := [name for name in COLUMNS if name not in (rows.fieldnames or ())]:
                raise DataError(
                    f"{printable(path)}: is no table of readings (it lacks {missing[0]}); "
                    "name another file"
                )
            return [_read(row) for row in rows]
    except FileNotFoundError:
        return []
    except (ValueError, TypeError, KeyError, csv.Error):
        raise DataError(
            f"{printable(path)}: a row is not as it was written; mend it, or name another file"
        ) from None


def _read(row: Mapping[str, str]) -> Reading:
    boxes = json.loads(row["boxes"] or "[]")
    if row["verdict"] not in ("", *VERDICTS):
        raise ValueError
    return Reading(
        **{
            **{name: row[name] or "" for name in COLUMNS},
            "file": json.loads(row["file"] or '""'),
            "comment": json.loads(row["comment"] or '""'),
            "boxes": tuple(_box(box, None, None) for box in boxes),
            "revision": int(row["revision"] or 0),
        }
    )


def _cells(row: Reading) -> list[Any]:
    boxes = [dict(zip(SIDES, box, strict=True)) for box in row.boxes]
    told = asdict(row) | {
        "file": json.dumps(row.file),
        "comment": json.dumps(row.comment) if row.comment else "",
        "boxes": json.dumps(boxes) if boxes else "",
    }
    return [told[name] for name in COLUMNS]


def _box(item: Any, rows: int | None, columns: int | None) -> tuple[float, float, float, float]:
    try:
        x, y, width, height = (_number(item[side]) for side in SIDES)
    except (KeyError, TypeError):
        raise ValueError("a box must have x, y, width, height in pixels") from None
    x, y, right, bottom = max(x, 0.0), max(y, 0.0), x + width, y + height
    right = min(right, columns or 1e5)
    bottom = min(bottom, rows or 1e5)
    x, y = round(x, 2), round(y, 2)
    across, down = round(right - x, 2), round(bottom - y, 2)
    if min(across, down, width, height) <= 0:
        raise ValueError("a box must have an area, and lie on the radiograph")
    return x, y, across, down


def _number(value: Any) -> float:
    if isinstance(value, bool) or not isinstance(value, int | float):
        raise TypeError
    if abs(value) > 1e5 or not math.isfinite(value):
        raise ValueError("a box's numbers must be finite, in pixels of the radiograph")
    return float(value)
