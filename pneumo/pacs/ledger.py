"""What is done, in SQLite: a row per radiograph, a row per object of ours, a cursor per peer.

A radiograph is known by its SOP Instance UID, the sum of its data set and its scorer; the last two
are blank until they are known. A state moves only after its effect is on disk or acknowledged, so
whoever was killed in between does the same again: every effect may be done twice and counts once.
"""

import shutil
import sqlite3
import time
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from pathlib import Path
from typing import Any

from pneumo.base.errors import DataError
from pneumo.base.locks import alone

STATES = ("seen", "fetched", "scored", "written", "sent", "confirmed", "refused")

SCHEMA = """
CREATE TABLE IF NOT EXISTS radiographs (
    sop TEXT NOT NULL, data_set_sum TEXT NOT NULL DEFAULT '', scorer TEXT NOT NULL DEFAULT '',
    sop_class TEXT NOT NULL, series TEXT NOT NULL, study TEXT NOT NULL, peer TEXT NOT NULL,
    state TEXT NOT NULL, reason TEXT NOT NULL DEFAULT '', file TEXT NOT NULL DEFAULT '',
    content TEXT NOT NULL DEFAULT '', tries INTEGER NOT NULL DEFAULT 0,
    due REAL NOT NULL DEFAULT 0, seen_at TEXT NOT NULL, scored_at TEXT NOT NULL DEFAULT '',
    moved_at TEXT NOT NULL,
    PRIMARY KEY (sop, data_set_sum, scorer)
);
CREATE TABLE IF NOT EXISTS objects (
    sop TEXT PRIMARY KEY, source TEXT NOT NULL, source_sum TEXT NOT NULL, scorer TEXT NOT NULL,
    kind TEXT NOT NULL, sop_class TEXT NOT NULL, series TEXT NOT NULL, study TEXT NOT NULL,
    file TEXT NOT NULL, data_set_sum TEXT NOT NULL, peer TEXT NOT NULL, state TEXT NOT NULL,
    reason TEXT NOT NULL DEFAULT '', tries INTEGER NOT NULL DEFAULT 0,
    due REAL NOT NULL DEFAULT 0, moved_at TEXT NOT NULL, absences INTEGER NOT NULL DEFAULT 0
);
CREATE INDEX IF NOT EXISTS radiographs_by_state ON radiographs (state);
CREATE INDEX IF NOT EXISTS objects_by_state ON objects (state);
CREATE INDEX IF NOT EXISTS objects_by_source ON objects (source, source_sum, scorer);
CREATE INDEX IF NOT EXISTS objects_by_series ON objects (series);
CREATE TABLE IF NOT EXISTS left_alone (
    series TEXT NOT NULL, reason TEXT NOT NULL, instances INTEGER NOT NULL,
    PRIMARY KEY (series, reason)
);
CREATE TABLE IF NOT EXISTS cursors (peer TEXT PRIMARY KEY, cursor TEXT NOT NULL);
CREATE TABLE IF NOT EXISTS closed (peer TEXT PRIMARY KEY, key TEXT NOT NULL, message TEXT NOT NULL,
    until REAL NOT NULL);
"""

Row = dict[str, Any]


class Ledger:
    """The rows; every change is one transaction, on the disk when it returns."""

    def __init__(self, folder: Path) -> None:
        folder.mkdir(mode=0o700, parents=True, exist_ok=True)
        self._connection = sqlite3.connect(
            folder / "ledger.sqlite", isolation_level=None, timeout=30
        )
        self._connection.row_factory = sqlite3.Row
        try:
            self._connection.execute("PRAGMA synchronous = FULL")
            self._connection.executescript(f"BEGIN IMMEDIATE; {SCHEMA} COMMIT;")
            columns = {row["name"] for row in self.rows("PRAGMA table_info(objects)")}
            if "absences" not in columns:  # a ledger of before
                self.change(("ALTER TABLE objects ADD absences INTEGER NOT NULL DEFAULT 0", ()))
        except sqlite3.DatabaseError as error:
            if isinstance(error, sqlite3.OperationalError):  # a full disk, a lock: told elsewhere
                raise
            raise DataError(
                f"{folder / 'ledger.sqlite'}: is no ledger; bring it back from a copy, or move it "
                "away: everything is then seen, scored and sent again, which doubles nothing"
            ) from None

    def close(self) -> None:
        """Let go of the file."""
        self._connection.close()

    def rows(self, question: str, *values: Any) -> list[Row]:
        """What a SELECT finds."""
        return [dict(row) for row in self._connection.execute(question, values)]

    def change(self, *steps: tuple[str, Sequence[Any]]) -> None:
        """Do all of these statements, or none."""
        self._connection.execute("BEGIN IMMEDIATE")
        try:
            for line, values in steps:
                self._connection.execute(line, values)
            self._connection.execute("COMMIT")
        except BaseException:
            if self._connection.in_transaction:
                self._connection.execute("ROLLBACK")
            raise

    def counts(self) -> dict[str, int]:
        """Radiographs by state, all states named."""
        found = {
            row["state"]: row["n"]
            for row in self.rows("SELECT state, count(*) AS n FROM radiographs GROUP BY state")
        }
        return {state: found.get(state, 0) for state in STATES}


@contextmanager
def opened(folder: Path) -> Iterator[Ledger]:
    """The ledger of a site, for one command at a time; another waits."""
    folder.mkdir(mode=0o700, parents=True, exist_ok=True)
    with alone(folder / "lock"):
        for left in folder.glob(".aside.*"):  # of a command that was killed
            shutil.rmtree(left, ignore_errors=True)
        ledger = Ledger(folder)
        try:
            yield ledger
        finally:
            ledger.close()


@contextmanager
def looked_at(folder: Path) -> Iterator[Ledger]:
    """The ledger of a site to read, whatever command works on it."""
    ledger = Ledger(folder)
    try:
        yield ledger
    finally:
        ledger.close()


def now() -> str:
    """The time for a row, in UTC, to the second."""
    return time.strftime("%Y-%m-%dT%H:%M:%SZ", time.gmtime())


def insert(table: str, values: Mapping[str, Any], *, over: bool = False) -> tuple[str, list[Any]]:
    """A statement that adds a row; of one whose key is there, it stays, or goes with ``over``."""
    marks = ", ".join("?" * len(values))
    known = "REPLACE" if over else "IGNORE"
    line = f"INSERT OR {known} INTO {table} ({', '.join(values)}) VALUES ({marks})"  # noqa: S608
    return line, list(values.values())


def update(
    table: str, values: Mapping[str, Any], where: Mapping[str, Any]
) -> tuple[str, list[Any]]:
    """A statement that changes the rows of which ``where`` holds."""
    setting = ", ".join(f"{name} = ?" for name in values)
    asked = " AND ".join(f"{name} = ?" for name in where)
    line = f"UPDATE {table} SET {setting} WHERE {asked}"  # noqa: S608
    return line, [*values.values(), *where.values()]
