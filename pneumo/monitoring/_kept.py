"""Every table of verdicts that was taken in, whole, in the order in which they came.

``labels/NUMBER-SUM.json`` below the monitor's folder: the day, who brought it, and each verdict.
SUM is of the verdicts, so that the same table again is the same file, and nothing is counted twice.
"""

import json
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import date
from pathlib import Path
from typing import Any

from pneumo.base.errors import DataError
from pneumo.base.files import sha256_of, write_json
from pneumo.base.locks import alone
from pneumo.monitoring._verdicts import Verdict, rows_of
from pneumo.site.trail import record

FOLDER, STANDING = "labels", "standing"
SHORT = 16
"""Digits of an ensemble's sum that name its file."""


@dataclass(frozen=True)
class Import:
    """One table: when it came, and what it said."""

    number: int
    digest: str
    day: date
    by: str
    verdicts: list[Verdict]

    @property
    def week(self) -> str:
        """The ISO week in which it came, such as 2026-W48."""
        year, week, _ = self.day.isocalendar()
        return f"{year}-W{week:02}"


def keep(folder: Path, verdicts: Sequence[Verdict], by: str, today: date) -> tuple[Import, bool]:
    """Keep a table; with it, whether it is new. The audit trail has it once.

    A process killed between file and trail is run again.
    """
    rows = list(rows_of(verdicts))
    digest = sha256_of(rows)
    (folder / FOLDER).mkdir(parents=True, exist_ok=True, mode=0o700)
    folder.chmod(0o700)
    with alone(folder / FOLDER / ".lock"):
        before = imports(folder)
        same = [one for one in before if one.digest == digest]
        new = same[0] if same else Import(len(before) + 1, digest, today, by, list(verdicts))
        if not same:
            told = {"number": new.number, "digest": digest, "day": today.isoformat(), "by": by}
            path = folder / FOLDER / f"{new.number:06}-{digest[:16]}.json"
            write_json(path, {**told, "verdicts": rows})
        what: dict[str, Any] = {"verdicts": len(rows), "readers": len({v.reader for v in verdicts})}
        what |= {"sha256": digest, "number": new.number}
        record("labels", new.by, "readers' verdicts", what, once=f"labels {digest}")
    return new, not same


def keep_standing(folder: Path, model: str, standing: Mapping[str, Any]) -> None:
    """Keep what all verdicts say of an ensemble, for the monitor's page and the next tasks."""
    path = folder / STANDING / f"{model[:SHORT]}.json"
    path.parent.mkdir(parents=True, exist_ok=True, mode=0o700)
    write_json(path, standing)


def known_standing(folder: Path, model: str) -> dict[str, Any]:
    """What was kept of an ensemble (a sum, or its start); empty where no verdict came in."""
    path = folder / STANDING / f"{model[:SHORT]}.json"
    if not model or not path.exists():
        return {}
    found: dict[str, Any] = json.loads(path.read_text(encoding="utf-8"))
    return found


def imports(folder: Path) -> list[Import]:
    """All tables, in the order in which they came. DataError for one that is not as it was kept."""
    found = []
    for path in sorted((folder / FOLDER).glob("[0-9]*.json")):
        try:
            value = json.loads(path.read_text(encoding="utf-8"))
            if sha256_of(value["verdicts"]) != value["digest"]:
                raise ValueError("changed")
            verdicts = [Verdict(**row) for row in value["verdicts"]]
            day = date.fromisoformat(value["day"])
            found.append(Import(value["number"], value["digest"], day, value["by"], verdicts))
        except (ValueError, KeyError, TypeError):
            raise DataError(
                f"{path}: is not what was kept; bring it back, or remove it and take its table anew"
            ) from None
    return found
