"""Which radiographs are read this week: all called ones, and some of the uncalled, at random.

Whoever reads the called ones alone cannot know what was missed. Of the uncalled about
``monitor.audit_share`` are drawn, the more likely the higher their probability, since misses are
more likely there; each has a known chance between half and twice the share, so counts can be
weighted back. The draw is a function of content, week and probability: seven daily runs draw the
same. A radiograph is considered once, in the week in which it is first seen.

``draws/WEEK.parquet``: every radiograph considered that week, with its chance.
"""

import hashlib
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from datetime import date
from pathlib import Path

import pyarrow as pa
import pyarrow.parquet as pq

from pneumo.base.files import whole
from pneumo.base.locks import alone
from pneumo.monitoring._answers import Answer, Part, answers_of, newest

FOLDER = "draws"
LEAST, STEEPNESS, MOST = 0.5, 1.5, 2.0
"""Shares of ``audit_share``: of probability 0, what the root of the probability adds, at most."""

SHORT = 16
"""Digits of an ensemble's sum in the table."""

SCHEMA = pa.schema(
    [
        ("content", pa.string()),
        ("model", pa.string()),
        ("called", pa.bool_()),
        ("chance", pa.float64()),
        ("drawn", pa.bool_()),
    ]
)


@dataclass(frozen=True, slots=True)
class Drawn:
    """A radiograph that was considered: its chance to be read (1: called), and what came of it."""

    content: str
    model: str
    called: bool
    chance: float
    drawn: bool
    week: str


def week_of(day: date) -> str:
    """The ISO week of a day, such as 2026-W48."""
    year, week, _ = day.isocalendar()
    return f"{year}-W{week:02}"


def chance_of(probability: float, share: float) -> float:
    """How likely an uncalled radiograph is drawn."""
    weight = LEAST + STEEPNESS * max(0.0, min(1.0, probability)) ** 0.5
    return min(1.0, share * min(MOST, weight))


def is_drawn(content: str, week: str, chance: float) -> bool:
    """Whether it is, by a number in [0, 1) that content and week alone decide."""
    digest = hashlib.sha256(f"{week}:{content}".encode()).digest()
    return int.from_bytes(digest[:8], "big") / 2**64 < chance


def draw(
    parts: Iterable[Part], folder: Path, share: float, today: date
) -> tuple[list[Answer], list[Answer]]:
    """Draw from what is new, and keep it; the called and the drawn uncalled ones of this week.

    Of the newest ensemble alone. Both lists are in an order that tells nothing of the answers.
    """
    week, parts = week_of(today), list(parts)
    mine = answers_of(parts).get(newest(parts), {})
    (folder / FOLDER).mkdir(parents=True, exist_ok=True, mode=0o700)
    with alone(folder / FOLDER / ".lock"):
        known = {(one.content, one.model) for one in drawn(folder)}
        kept = [*_read(_file(folder, week))]
        fresh = [
            _considered(answer, week, share)
            for content, answer in sorted(mine.items())
            if (content, answer.model[:SHORT]) not in known
        ]
        if fresh:
            _write(_file(folder, week), [*kept, *fresh])
    listed = [one for one in (*kept, *fresh) if one.drawn and one.content in mine]
    listed.sort(key=lambda one: hashlib.sha256(one.content.encode()).digest())
    called = [mine[one.content] for one in listed if one.called]
    return called, [mine[one.content] for one in listed if not one.called]


def drawn(folder: Path) -> Iterator[Drawn]:
    """All that was considered, week by week."""
    for path in sorted((folder / FOLDER).glob("*.parquet")):
        yield from _read(path)


def _considered(answer: Answer, week: str, share: float) -> Drawn:
    chance = 1.0 if answer.called else chance_of(answer.probability, share)
    hit = answer.called or is_drawn(answer.content, week, chance)
    return Drawn(answer.content, answer.model[:SHORT], answer.called, chance, hit, week)


def _file(folder: Path, week: str) -> Path:
    return folder / FOLDER / f"{week}.parquet"


def _read(path: Path) -> Sequence[Drawn]:
    if not path.exists():
        return []
    return [Drawn(**row, week=path.stem) for row in pq.read_table(path).to_pylist()]


def _write(path: Path, rows: Sequence[Drawn]) -> None:
    columns: Mapping[str, list] = {
        name: [getattr(row, name) for row in rows] for name in SCHEMA.names
    }
    with whole(path) as new:
        pq.write_table(pa.table(dict(columns), SCHEMA), new)
