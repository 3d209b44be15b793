"""The worklist: what there is to read, of a folder of results or of a plain folder."""

import hashlib
import hmac
import json
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import pyarrow.parquet as pq
from pyarrow import ArrowInvalid

from pneumo.base.errors import PneumoError
from pneumo.base.safe import printable
from pneumo.dataset.folder import list_folder
from pneumo.dicom.source import leaves
from pneumo.intake.look import REVIEWS

TABLE = "predictions.parquet"
NEEDED = ("file", "content", "image_id", "status", "message", "reason")
OF_THE_ANSWER = ("uncertain",)
"""Reasons to read first that tell something of the answer."""


@dataclass(frozen=True)
class Image:
    """One radiograph. ``id`` is a keyed sum that names it in addresses and tells nothing of it.

    ``key`` names it in the table of readings: its content, or its file where a folder is labelled.
    ``row`` is that of the results, empty without them.
    """

    id: str
    key: str
    name: str
    path: Path
    status: str
    reason: str = ""
    content: str = ""
    row: Mapping[str, Any] = field(default_factory=dict)

    @property
    def codes(self) -> list[str]:
        """Why it should be read first."""
        return [code for code in (self.row.get("review") or "").split(";") if code]

    @property
    def boxes(self) -> list[dict[str, float]]:
        """What the ensemble called, in pixels of the file."""
        found: list[dict[str, float]] = json.loads(self.row.get("boxes") or "[]")
        return found


def listed(images: Iterator[Image]) -> dict[str, Image]:
    """By ``id``, each content once. PneumoError where there is none."""
    found: dict[str, Image] = {}
    for image in images:
        found.setdefault(image.id, image)
    return found


def scored(results: Path, secret: bytes) -> Iterator[Image]:
    """The radiographs of a folder that ``score`` wrote; no file of them is opened."""
    path = results / TABLE
    if not path.is_file():
        raise PneumoError(f"{printable(results)}: holds no {TABLE}; run `pneumo score` first")
    try:
        table = pq.read_table(path)
    except (OSError, ArrowInvalid):
        raise PneumoError(f"{printable(path)}: cannot be read; run `pneumo score` again") from None
    if missing := [name for name in NEEDED if name not in table.column_names]:
        raise PneumoError(f"{printable(path)}: lacks {missing[0]}; run `pneumo score` again")
    for row in table.to_pylist():
        if row.get("duplicate_of"):
            continue
        key = row["content"] or row["file"]
        yield Image(
            id=_id(key, secret),
            key=key,
            name=row["image_id"] or "",
            path=Path(row["file"]),
            status="scored" if row["status"] == "scored" else "rejected",
            reason=row["message"] or row["reason"] or "",
            content=row["content"] or "",
            row=row,
        )


def unlabelled(folder: Path, secret: bytes) -> Iterator[Image]:
    """The files of a folder, by name; none is opened, and links out of it are refused."""
    if not folder.is_dir():
        raise PneumoError(f"{printable(folder)}: is no folder; name one with radiographs")
    for path in list_folder(folder):
        name = path.relative_to(folder).as_posix()
        out = leaves(path, folder)
        yield Image(
            id=_id(name, secret),
            key=name,
            name=printable(name),
            path=path,
            status="rejected" if out else "unlabelled",
            reason="is a link out of its folder" if out else "",
        )


def told(image: Image, *, hidden: bool) -> dict[str, Any]:
    """What the page is told of an image; ``hidden``: nothing of what the ensemble answered."""
    row, codes = image.row, image.codes
    if hidden:
        codes = [code for code in codes if code not in OF_THE_ANSWER]
    return {
        "id": image.id,
        "name": image.name,
        "status": image.status,
        "reason": image.reason or None,
        "view": row.get("view") or None,
        "review": bool(codes),
        "review_reason": "; ".join(REVIEWS[code] for code in codes if code in REVIEWS) or None,
        "order": None if hidden else row.get("order"),
        "probability": None if hidden else row.get("probability"),
        "rows": row.get("rows"),
        "columns": row.get("columns"),
    }


def _id(key: str, secret: bytes) -> str:
    return hmac.new(secret, key.encode(errors="surrogateescape"), hashlib.sha256).hexdigest()[:16]
