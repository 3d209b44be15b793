"""What an ensemble answered on each radiograph, as the finished parts of results have it."""

from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Protocol

import pyarrow.parquet as pq
from pyarrow import ArrowInvalid

from pneumo.base.errors import DataError

ROWS = "rows.parquet"
WANTED = (
    "content", "reason", "instance_uid", "view", "probability", "boxes", "person",
)  # fmt: skip


class Part(Protocol):
    """A finished part of results (``scoring.parts.Part``)."""

    @property
    def folder(self) -> Path:
        """Where its rows are."""

    @property
    def scorer(self) -> Any:
        """By which ensemble: ``digest`` and ``version``."""

    @property
    def scored_at(self) -> str:
        """When, in UTC; blank where it is not known."""

    @property
    def asked_at(self) -> str:
        """When its ensemble was asked last, in UTC; blank where it is not known."""


@dataclass(frozen=True, slots=True)
class Answer:
    """One radiograph, answered by one ensemble. ``person`` is blank where nobody is named.

    ``boxes`` is the JSON of the called boxes in original pixels.
    """

    content: str
    model: str
    version: int
    uid: str
    view: str
    person: str
    probability: float
    boxes: str

    @property
    def called(self) -> bool:
        """Whether an opacity was called."""
        return self.boxes != "[]"

    @property
    def who(self) -> str:
        """Whom it counts for: one without a name is a person of its own."""
        return self.person or self.content


Answers = Mapping[str, Mapping[str, Answer]]
"""Sum of the ensemble -> content -> answer."""


def answers_of(parts: Iterable[Part]) -> dict[str, dict[str, Answer]]:
    """What was answered, refused files left out; of equal rows of several parts, the first."""
    found: dict[str, dict[str, Answer]] = {}
    for part in parts:
        mine = found.setdefault(part.scorer.digest, {})
        for row in _rows(part.folder / ROWS):
            if not row["reason"] and row["content"] not in mine:
                mine[row["content"]] = Answer(
                    content=row["content"],
                    model=part.scorer.digest,
                    version=int(part.scorer.version),
                    uid=row["instance_uid"] or "",
                    view=row["view"] or "",
                    person=row.get("person") or "",
                    probability=float(row["probability"]),
                    boxes=row["boxes"] or "[]",
                )
    return found


def newest(parts: Iterable[Part]) -> str:
    """The sum of the ensemble that was asked last; blank where none was.

    After a rollback that is not the one with the highest version, and it need not have answered
    since: what it had answered before is not computed again.
    """

    def last(part: Part) -> tuple[str, int, str]:
        scorer = part.scorer
        return max(part.scored_at, part.asked_at), int(scorer.version), scorer.digest

    found = max(parts, key=last, default=None)
    return found.scorer.digest if found else ""


def _rows(path: Path) -> list[dict[str, Any]]:
    try:
        there = set(pq.read_schema(path).names)
        found = pq.read_table(path, columns=[name for name in WANTED if name in there])
    except (OSError, ArrowInvalid):
        raise DataError(f"{path}: cannot be read; run `pneumo score` again") from None
    rows: list[dict[str, Any]] = found.to_pylist()
    return rows
