"""The results of a plan as rows and tables: a row per file, nothing lost, nothing twice."""

import json
import math
from collections import Counter
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import asdict
from pathlib import Path
from typing import Any

import pandas as pd

from pneumo.boxes import Box
from pneumo.errors import DataError
from pneumo.files import whole, write_json, write_text
from pneumo.rsna import format_submission
from pneumo.safe import cell
from pneumo.scoring.parts import Part
from pneumo.scoring.plan import Plan

COLUMNS = (
    "file", "image_id", "instance_uid", "content", "duplicate_of", "status", "reason", "message",
    "view", "rows", "columns", "spacing_mm", "probability", "boxes", "boxes_mm", "overlay",
    "model", "model_version", "model_sha256", "engine", "precision", "seconds",
)  # fmt: skip
WHOLE = ("rows", "columns", "model_version")


def results(plan: Plan, parts: Iterable[Part]) -> list[dict[str, Any]]:
    """One row per file of the plan, of the keys ``COLUMNS``; ``parts`` in falling preference.

    Raises DataError when a file has no result.
    """
    wanted = {image.content for image in plan.images if image.content}
    known: dict[str, dict[str, Any]] = {}
    for part in parts:
        if wanted.difference(known):
            for row in part.rows():
                if row["content"] in wanted and row["content"] not in known:
                    known[row["content"]] = row | _by_whom(part)
    if missing := len(wanted.difference(known)):
        raise DataError(f"{missing} files have no result yet; run the same again")
    return [_row(image, known.get(image.content)) for image in plan.images]


def _by_whom(part: Part) -> dict[str, Any]:
    by = part.scorer
    return {
        "model": by.model, "model_version": by.version, "model_sha256": by.digest,
        "engine": by.engine, "precision": by.precision, "folder": part.folder,
    }  # fmt: skip


def _row(image: Any, found: Mapping[str, Any] | None) -> dict[str, Any]:
    row: dict[str, Any] = dict.fromkeys(COLUMNS)
    told = {key: value for key, value in asdict(image).items() if key != "path"}
    if found is None:
        return row | told | {"status": "rejected"}
    row |= {key: value for key, value in found.items() if key not in ("reason", "message")}
    row |= told | {"status": "rejected" if found["reason"] else "scored"}
    row["reason"], row["message"] = found["reason"], cell(found["message"])
    if found["boxes"]:
        row["boxes_mm"] = _in_mm(found["boxes"], found["spacing_mm"])
    return row


def _in_mm(boxes: str, spacing_mm: float | None) -> str | None:
    if spacing_mm is None:
        return None
    sides = ("x", "y", "width", "height")
    return json.dumps(
        [{side: round(box[side] * spacing_mm, 2) for side in sides} for box in json.loads(boxes)]
    )


def name_uniquely(rows: Sequence[dict[str, Any]]) -> None:
    """Give different contents with one ``image_id`` different ones: the second gets ``~2``.

    Scanners name the files of every study alike, so the numbers of a name are counted on.
    """
    holders: dict[str, str] = {}
    given: dict[tuple[str, str], str] = {}
    numbers: Counter[str] = Counter()
    for row in rows:
        image_id, content = asked = row["image_id"], row["content"]
        while asked not in given:
            numbers[image_id] += 1
            name = image_id if numbers[image_id] == 1 else f"{image_id}~{numbers[image_id]}"
            if holders.setdefault(name, content) == content:
                given[asked] = name
        row["image_id"] = given[asked]


def write_tables(out: Path, rows: Sequence[Mapping[str, Any]]) -> None:
    """Write ``predictions``, ``rejected.csv`` and ``submission.csv``, each of them whole."""
    table = pd.DataFrame(rows, columns=COLUMNS).astype(dict.fromkeys(WHOLE, "Int64"))
    with whole(out / "predictions.parquet") as aside:
        table.to_parquet(aside, index=False)
    _write_csv(out / "predictions.csv", table)
    bad = table["status"] == "rejected"
    _write_csv(out / "rejected.csv", table.loc[bad, ["file", "reason", "message"]])
    found = {
        row["image_id"]: [Box(**box) for box in json.loads(row["boxes"])]
        for row in rows
        if row["status"] == "scored"
    }
    write_text(out / "submission.csv", format_submission(found))


def _write_csv(path: Path, table: pd.DataFrame) -> None:
    with whole(path) as aside:
        table.to_csv(aside, index=False)


def summary(rows: Sequence[Mapping[str, Any]]) -> dict[str, Any]:
    """Counts of the rows; ``files`` is always ``scored`` + ``rejected``."""
    scored = [row for row in rows if row["status"] == "scored"]
    rejected = Counter(row["reason"] for row in rows if row["status"] == "rejected")
    uids = Counter(row["instance_uid"] for row in scored if row["instance_uid"])
    return {
        "files": len(rows),
        "scored": len(scored),
        "rejected": rejected.total(),
        "reasons": dict(rejected.most_common()),
        "positive": sum(row["boxes"] != "[]" for row in scored),
        "duplicate_files": sum(bool(row["duplicate_of"]) for row in rows),
        "duplicate_uids": sum(count - 1 for count in uids.values()),
        "models": dict(Counter(row["model"] for row in scored)),
        "precisions": dict(Counter(f"{row['engine']} {row['precision']}" for row in scored)),
        "seconds_of_images": round(math.fsum(row["seconds"] or 0.0 for row in scored), 3),
    }


def write_summary(out: Path, found: Mapping[str, Any]) -> None:
    """Write ``summary.json``, the last file of a run. Raises DataError when counts disagree."""
    if found["files"] != found["scored"] + found["rejected"]:
        raise DataError(f"{out}: the counts disagree: {dict(found)}")
    write_json(out / "summary.json", found)
