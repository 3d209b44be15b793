"""The results of a plan as rows: one per file, nothing lost, nothing twice."""

import json
from collections import Counter
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import asdict
from functools import lru_cache
from typing import Any

from pneumo.base.errors import DataError
from pneumo.base.safe import cell
from pneumo.scoring._order import places as reading_order
from pneumo.scoring.parts import Part
from pneumo.scoring.plan import Plan

PARTS_AT_HAND = 64
COLUMNS = (
    "file", "image_id", "instance_uid", "content", "duplicate_of", "status", "reason", "message",
    "view", "rows", "columns", "row_spacing_mm", "column_spacing_mm", "notes", "probability",
    "boxes", "boxes_mm", "overlay", "review", "order", "review_reason",
    "sex", "age", "device", "taken", "person", "turned", "mirror", "unusual",
    "disagreement",
    "model", "model_version", "model_sha256", "engine", "precision", "seconds",
)  # fmt: skip


def results(
    plan: Plan, parts: Iterable[Part], review_share: float = 0.0
) -> Iterator[dict[str, Any]]:
    """One row per file of the plan, of the keys ``COLUMNS``; ``parts`` in falling preference.

    At least ``review_share`` of the scored ones have a reason to be read first (``_order.places``).
    ``notes`` are codes with ``;`` between; ``noted`` beside them has their sentences,
    ``scored_at`` when. ``name`` is the ID as the file has it, for the submission, which no
    spreadsheet is to open.

    Parts are read when their rows are due, so that memory does not grow with what they hold.
    Raises DataError, before the first row, when a file has no result.
    """
    wanted = {image.content for image in plan.images if image.content}
    places: dict[str, tuple[int, int]] = {}
    read: list[Part] = []
    for part in parts:
        if len(places) == len(wanted):
            break
        for number, content in enumerate(part.contents()):
            if content in wanted:
                places.setdefault(content, (len(read), number))
        read.append(part)
    if missing := len(wanted) - len(places):
        raise DataError(f"{missing} files have no result yet; run the same again")

    order = reading_order(
        (
            row
            for number, part in enumerate(read)
            for place, row in enumerate(part.looks())
            if places.get(row["content"]) == (number, place) and not row["reason"]
        ),
        review_share,
    )

    @lru_cache(PARTS_AT_HAND)
    def rows(number: int) -> list[dict[str, Any]]:
        by = _by_whom(read[number])
        return [row | by for row in read[number].rows()]

    for image in plan.images:
        place = places.get(image.content)
        row = _row(image, rows(place[0])[place[1]] if place else None)
        if at := order.get(image.content):
            row |= {"order": at.order, "review": at.review, "review_reason": at.words}
        yield row


def _by_whom(part: Part) -> dict[str, Any]:
    by = part.scorer
    return {
        "model": by.model, "model_version": by.version, "model_sha256": by.digest,
        "engine": by.engine, "precision": by.precision, "folder": part.folder,
        "scored_at": part.scored_at,
    }  # fmt: skip


def _row(image: Any, found: Mapping[str, Any] | None) -> dict[str, Any]:
    row: dict[str, Any] = dict.fromkeys(COLUMNS)
    told = {key: value for key, value in asdict(image).items() if key != "path"}
    told["name"] = image.name or image.image_id
    if found is None:
        return row | told | {"status": "rejected"}
    row |= {key: value for key, value in found.items() if key not in ("reason", "message")}
    row |= told | {"status": "rejected" if found["reason"] else "scored"}
    row["reason"], row["message"] = found["reason"], cell(found["message"])
    notes = json.loads(found.get("notes") or "{}")  # a part of before has none
    row["notes"], row["noted"] = ";".join(notes), "; ".join(notes.values())
    if found["boxes"]:
        row["boxes_mm"] = _in_mm(
            found["boxes"], found["row_spacing_mm"], found["column_spacing_mm"]
        )
    return row


def _in_mm(boxes: str, down_mm: float | None, across_mm: float | None) -> str | None:
    if down_mm is None or across_mm is None:
        return None
    spacing = {"x": across_mm, "y": down_mm, "width": across_mm, "height": down_mm}
    return json.dumps(
        [
            {side: round(box[side] * mm, 2) for side, mm in spacing.items()}
            for box in json.loads(boxes)
        ]
    )


def named(
    rows: Iterable[dict[str, Any]], column: str = "image_id"
) -> Iterator[dict[str, Any]]:  # fmt: skip
    """Give different contents with one ``image_id`` different ones: the second gets ``~2``.

    Scanners name the files of every study alike, so the numbers of a name are counted on.
    """
    holders: dict[str, str] = {}
    given: dict[tuple[str, str], str] = {}
    numbers: Counter[str] = Counter()
    for row in rows:
        image_id, content = asked = row[column], row["content"]
        while asked not in given:
            numbers[image_id] += 1
            name = image_id if numbers[image_id] == 1 else f"{image_id}~{numbers[image_id]}"
            if holders.setdefault(name, content) == content:
                given[asked] = name
        row[column] = given[asked]
        yield row
