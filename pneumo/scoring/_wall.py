"""``index.html``: the radiographs of a run, by falling probability, to look through and filter."""

import json
from collections.abc import Mapping
from pathlib import Path
from typing import Any

from pneumo.base.files import write_text
from pneumo.report.pages import render

MOST_CARDS = 20_000
"""A page of 6 MB; browsers fail at a million cards."""

SHOWN = (
    "file", "image_id", "status", "reason", "message", "view", "rows", "columns", "row_spacing_mm",
    "column_spacing_mm", "notes", "probability", "overlay", "heat", "duplicate_of", "model",
    "review", "order", "review_reason",
)  # fmt: skip


class Gallery:
    """The cards of what is to be read first and of highest probability, kept while rows pass."""

    def __init__(self, most: int = MOST_CARDS) -> None:
        self._most = most
        self._rows: list[dict[str, Any]] = []
        self._views: set[str] = set()

    def add(self, row: Mapping[str, Any]) -> None:
        """Take a row of ``_rows.results``."""
        noted = {"noted": row["noted"]} if row["notes"] else {}
        self._rows.append({key: row.get(key) for key in (*SHOWN, "boxes")} | noted)
        if row["view"]:
            self._views.add(row["view"])
        if len(self._rows) >= 2 * self._most:
            self._cut()

    def write(self, out: Path, summary: Mapping[str, Any]) -> None:
        """Write the page; its pictures lie in ``overlays/``, it loads nothing from elsewhere."""
        self._cut()
        text = render(
            "gallery.html",
            summary=summary,
            rows=f"[{', '.join(_script(_card(row)) for row in self._rows)}]",
            shown=len(self._rows),
            views=sorted(self._views),
        )
        write_text(out / "index.html", text)

    def _cut(self) -> None:
        self._rows.sort(key=lambda row: (not row["review"], -(row["probability"] or 0.0)))
        del self._rows[self._most :]
        self._rows.sort(key=lambda row: -(row["probability"] or 0.0))


def _card(row: Mapping[str, Any]) -> dict[str, Any]:
    card = {key: row[key] for key in row if row[key] not in (None, "")}
    card["boxes"] = json.loads(row["boxes"] or "[]")
    return card


def _script(value: Any) -> str:
    """JSON that may stand in a page: it holds no mark that HTML knows."""
    text = json.dumps(value, allow_nan=False)
    for mark in "<>&\u2028\u2029":
        text = text.replace(mark, f"\\u{ord(mark):04x}")
    return text
