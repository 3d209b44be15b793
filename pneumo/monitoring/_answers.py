"""What an ensemble answered on each radiograph, as the finished parts of results have it."""

from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Protocol

import pyarrow.parquet as pq

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
    scored_at: str = ""

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
                    scored_at=part.scored_at,
                )
    return found


def newest(answers: Answers) -> str:
    """The sum of the ensemble that answered last; blank where nothing was answered.

    After a rollback that is not the one with the highest version.
    """
    last = {
        model: max((answer.scored_at, answer.version) for answer in mine.values())
        for model, mine in answers.items()
        if mine
    }
    return max(last, key=lambda model: (last[model], model), default="")


def _rows(path: Path) -> list[dict[str, Any]]:
    there = set(pq.read_schema(path).names)
    rows: list[dict[str, Any]] = pq.read_table(
        path, columns=[name for name in WANTED if name in there]
    ).to_pylist()
    return rows
