"""``index.html``: every radiograph of a run, by falling probability, to look through and filter."""

import json
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

from pneumo.files import write_text
from pneumo.pages import environment

SHOWN = (
    "file", "image_id", "status", "reason", "message", "view", "rows", "columns", "spacing_mm",
    "probability", "overlay", "duplicate_of", "model",
)  # fmt: skip


def write_gallery(out: Path, rows: Sequence[Mapping[str, Any]], summary: Mapping[str, Any]) -> None:
    """Write the page; its pictures lie in ``overlays/``, and it loads nothing from elsewhere."""
    ordered = sorted(rows, key=lambda row: -(row["probability"] or 0.0))
    text = (
        environment()
        .get_template("gallery.html")
        .render(
            summary=summary,
            rows=_script([_card(row) for row in ordered]),
            views=sorted({row["view"] for row in rows if row["view"]}),
        )
    )
    write_text(out / "index.html", text)


def _card(row: Mapping[str, Any]) -> dict[str, Any]:
    card = {key: row[key] for key in SHOWN if row[key] not in (None, "")}
    card["boxes"] = json.loads(row["boxes"] or "[]")
    return card


def _script(value: Any) -> str:
    """JSON that may stand in a page: it holds no mark that HTML knows."""
    text = json.dumps(value, allow_nan=False)
    for mark in "<>&\u2028\u2029":
        text = text.replace(mark, f"\\u{ord(mark):04x}")
    return text
