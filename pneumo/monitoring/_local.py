"""The labelled radiographs of a local test: what was answered, and what the labels say of it."""

from collections import Counter
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import numpy as np
import pyarrow.parquet as pq

from pneumo.base.errors import DataError
from pneumo.monitoring._verdicts import OPACITY, UNSURE, each, meaning, read_rows

NAMES = ("content", "instance_uid", "file", "image_id")
"""What a row may name a radiograph by; the first that is filled in counts."""

WANTED = (
    *NAMES, "status", "reason", "view", "probability", "boxes", "person", "model_sha256",
    "model_version",
)  # fmt: skip


@dataclass
class Local:
    """The radiographs that are judged, one of each content; arrays ``(n)``.

    ``aside`` counts what was not judged, by reason; ``refused`` the labelled ones that scoring
    refused, by its reason.
    """

    people: np.ndarray
    truth: np.ndarray
    called: np.ndarray
    probability: np.ndarray
    view: np.ndarray
    model: str
    version: int
    aside: Counter[str] = field(default_factory=Counter)
    refused: Counter[str] = field(default_factory=Counter)


def read_local(results: Path, labels: Path) -> Local:
    """Join the predictions in ``results`` with a table of labels (CSV).

    Raises DataError for a table that cannot be read, or names no radiograph that is there.
    """
    table = read_rows(labels, ("verdict",), NAMES)
    said = [pair for pair in each(labels, table, _said) if pair]
    rows = _predictions(results / "predictions.parquet")
    known = _known(rows)
    aside, refused = Counter[str](), Counter[str]()
    by_content: dict[str, tuple[dict[str, Any], list[str]]] = {}
    for (name, value), verdict in said:
        found = known[name].get(value, {})
        row = next(iter(found.values()), None)
        if row is None:
            aside["unknown"] += 1
        elif len(found) > 1:
            aside["ambiguous"] += 1
        elif row["status"] != "scored":
            refused[row["reason"]] += 1
        else:
            by_content.setdefault(row["content"], (row, []))[1].append(verdict)
    if not by_content and not refused and not aside["ambiguous"]:
        raise DataError(f"{labels}: names no radiograph that is in {results}")
    scored = {row["content"] for row in rows if row["status"] == "scored"}
    aside["without a label"] = len(scored - set(by_content))
    judged = []
    for row, verdicts in by_content.values():
        positive = _majority(verdicts, aside)
        aside["repeated"] += len(verdicts) - 1
        if positive is not None:
            judged.append((row, positive))
    if not judged:
        told = Counter({"refused": refused.total()}) + aside
        counts = ", ".join(f"{count} {reason}" for reason, count in told.items())
        raise DataError(f"{labels}: no radiograph can be judged ({counts}); label others")
    return _arrays(judged, +aside, refused, rows)


def _known(rows: Sequence[dict[str, Any]]) -> dict[str, dict[str, dict[str, dict[str, Any]]]]:
    """Kind of name -> name -> the rows that have it, one of each content (or refused file)."""
    found: dict[str, dict[str, dict[str, dict[str, Any]]]] = {name: {} for name in NAMES}
    for name in NAMES:
        for row in rows:
            if row[name]:
                same = found[name].setdefault(str(row[name]), {})
                same.setdefault(row["content"] or row["file"], row)
    return found


def _said(cells: Mapping[str, str]) -> tuple[tuple[str, str], str] | None:
    """How a row names a radiograph, and its verdict; None for one that was not filled in."""
    if not cells.get("verdict"):
        return None
    named = [(name, cells[name]) for name in NAMES if cells.get(name)]
    if not named:
        raise ValueError(f"names no radiograph: {', '.join(NAMES)} are blank")
    name, value = named[0]
    return (name, value.lower() if name == "content" else value), meaning(cells["verdict"])


def _majority(verdicts: Sequence[str], aside: Counter[str]) -> bool | None:
    votes = [verdict == OPACITY for verdict in verdicts if verdict != UNSURE]
    if not votes or 2 * sum(votes) == len(votes):
        aside["contradictory" if votes else "unsure"] += 1
        return None
    return 2 * sum(votes) > len(votes)


def _predictions(path: Path) -> list[dict[str, Any]]:
    there = pq.read_schema(path).names
    rows: list[dict[str, Any]] = pq.read_table(
        path, columns=[name for name in WANTED if name in there]
    ).to_pylist()
    return rows


def _arrays(
    judged: Sequence[tuple[Mapping[str, Any], bool]],
    aside: Counter[str],
    refused: Counter[str],
    rows: Sequence[Mapping[str, Any]],
) -> Local:
    models = {(row["model_sha256"], row["model_version"]) for row in rows if row["model_sha256"]}
    if len(models) > 1:
        raise DataError("the results are of several ensembles; name an empty folder")
    model, version = models.pop() if models else ("", 0)
    return Local(
        people=np.array([row.get("person") or row["content"] for row, _ in judged], str),
        truth=np.array([positive for _, positive in judged], bool),
        called=np.array([row["boxes"] != "[]" for row, _ in judged], bool),
        probability=np.array([row["probability"] for row, _ in judged], float),
        view=np.array([row["view"] or "" for row, _ in judged], str),
        model=model,
        version=int(version),
        aside=aside,
        refused=refused,
    )
