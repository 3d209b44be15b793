"""Readers' verdicts, from a table: what a row says, and what is wrong with rows that do not.

A row names a radiograph (``content``, its sha256, or ``instance_uid``), its ``reader`` by a
pseudonym, and the ``verdict``. It may say which ``boxes`` (JSON of x, y, width, height in pixels;
``called``: those of the ensemble are right), whether the reader had seen the answer (``ai_seen``),
and why it was read (``why``: called, audit, other).
"""

import csv
import io
import json
import re
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any, TypeVar

from pneumo.base.errors import DataError
from pneumo.monitoring._boxes import box_of
from pneumo.site.sitekey import person_of

OPACITY, CLEAR, UNSURE = "opacity", "clear", "unsure"
WORDS = {
    OPACITY: {"opacity", "positive", "pos", "pneumonia", "present", "yes", "true", "1"},
    CLEAR: {"clear", "negative", "neg", "none", "normal", "absent", "no", "false", "0"},
    UNSURE: {"unsure", "unclear", "uncertain", "indeterminate", "equivocal", "maybe", "?"},
}
YES, NO = {"yes", "true", "1", "y"}, {"no", "false", "0", "n"}
WHYS = {"called", "audit", "other", ""}
AS_CALLED = "called"
CONTENT = re.compile(r"[0-9a-f]{64}")
UID = re.compile(r"[0-9.]{1,64}")
LONGEST_PSEUDONYM = 64
SHOWN = 5
T = TypeVar("T")


@dataclass(frozen=True)
class Verdict:
    """What one reader said of one radiograph, as it is stored.

    ``content`` or ``uid`` (an HMAC with the site's key) is blank. ``boxes`` is None where nothing
    was said of places, ``called`` where those of the ensemble are right. ``ai_seen`` is ``yes``,
    ``no``, or blank: not said.
    """

    content: str
    uid: str
    reader: str
    verdict: str
    boxes: list[list[float]] | str | None
    ai_seen: str
    why: str

    def to_json(self) -> dict[str, Any]:
        """Plain values, which ``Verdict(**...)`` takes again."""
        return asdict(self)


def read_table(path: Path, key: bytes) -> list[Verdict]:
    """The verdicts of a CSV. DataError names the lines that say nothing; then none is taken."""
    rows = read_rows(path, ("reader", "verdict"), ("content", "instance_uid"))
    return [verdict for verdict in each(path, rows, lambda row: _verdict(row, key)) if verdict]


Cells = Mapping[str, str]


def read_rows(
    path: Path, must: Sequence[str], one_of: Sequence[str]
) -> Iterator[tuple[int, Cells]]:
    """The rows of a CSV with their lines: columns in lower case, commas or semicolons between.

    Raises DataError for a table that lacks one of ``must``, or all of ``one_of``.
    """
    try:
        text = path.read_text(encoding="utf-8-sig")
    except UnicodeDecodeError:
        raise DataError(f"{path}: is no text in UTF-8") from None
    head = text.partition("\n")[0]
    separator = ";" if head.count(";") > head.count(",") else ","
    reader = csv.DictReader(io.StringIO(text, newline=""), delimiter=separator)
    names = {(name or "").strip().lower() for name in reader.fieldnames or ()}
    if missing := [name for name in must if name not in names]:
        raise DataError(f"{path}: lacks the column {' and '.join(missing)}")
    if not names & set(one_of):
        raise DataError(f"{path}: lacks a column {' or '.join(one_of)}")
    try:
        for row in reader:
            cells = {k.strip().lower(): str(v or "").strip() for k, v in row.items() if k}
            yield reader.line_num, cells
    except csv.Error:
        raise DataError(f"{path}: line {reader.line_num + 1}: is no line of a CSV") from None


def each(path: Path, rows: Iterable[tuple[int, Cells]], read: Callable[[Cells], T]) -> list[T]:
    """What ``read`` makes of each row. DataError names the lines for which it raises ValueError."""
    found, faults = [], []
    for number, cells in rows:
        try:
            found.append(read(cells))
        except ValueError as error:
            faults.append(f"line {number}: {error}")
    if faults:
        more = f" and {len(faults) - SHOWN} more" if len(faults) > SHOWN else ""
        raise DataError(f"{path}: {'; '.join(faults[:SHOWN])}{more}; nothing was taken in")
    return found


def meaning(word: str) -> str:
    """``opacity``, ``clear`` or ``unsure`` for the words that stand for it. ValueError."""
    for verdict, words in WORDS.items():
        if word.strip().lower() in words:
            return verdict
    raise ValueError("the verdict must be opacity, clear or unsure")


def pseudonym(text: str) -> str:
    """A reader's pseudonym. ValueError for a blank, and for what looks like a person's name."""
    found = text.strip()
    if not found or len(found) > LONGEST_PSEUDONYM or "^" in found or not found.isprintable():
        raise ValueError("the reader must be a pseudonym of 1 to 64 letters")
    return found


def _verdict(cells: Cells, key: bytes) -> Verdict | None:
    """A row's verdict; None for one that was not filled in. ValueError says what is wrong."""
    said = cells.get("verdict", "")
    if not said:
        return None
    content, uid = cells.get("content", "").lower(), cells.get("instance_uid", "")
    if content and not CONTENT.fullmatch(content):
        raise ValueError("content is no sha256")
    if not content and not UID.fullmatch(uid):
        raise ValueError("names no radiograph: content and instance_uid are blank or wrong")
    why, seen = cells.get("why", "").lower(), cells.get("ai_seen", "").lower()
    if why not in WHYS:
        raise ValueError("why must be called, audit, other or blank")
    if seen and seen not in YES | NO:
        raise ValueError("ai_seen must be yes, no or blank")
    verdict = meaning(said)
    return Verdict(
        content=content,
        uid="" if content else person_of(uid, key),
        reader=pseudonym(cells.get("reader", "")),
        verdict=verdict,
        boxes=_boxes(cells.get("boxes", ""), verdict),
        ai_seen="yes" if seen in YES else "no" if seen in NO else "",
        why=why,
    )


def _boxes(text: str, verdict: str) -> list[list[float]] | str | None:
    if not text:
        return [] if verdict == CLEAR else None
    if verdict != OPACITY:
        if text.strip() in ("[]", "none"):
            return []
        raise ValueError("boxes stand beside a verdict that is not opacity")
    if text.lower() == AS_CALLED:
        return AS_CALLED
    try:
        return [box_of(_sides(item)) for item in json.loads(text)]
    except (TypeError, KeyError, json.JSONDecodeError, RecursionError):
        raise ValueError("boxes must be JSON of x, y, width, height in pixels") from None


def _sides(item: Any) -> Sequence[object]:
    if isinstance(item, dict):
        return [item[side] for side in ("x", "y", "width", "height")]
    return list(item)


def rows_of(verdicts: Iterable[Verdict]) -> Iterator[dict[str, Any]]:
    """As they are stored."""
    return (verdict.to_json() for verdict in verdicts)
