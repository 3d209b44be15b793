"""The results of a plan, put where people look for them."""

import os
import shutil
from collections.abc import Iterable, Sequence
from pathlib import Path
from typing import Any

from pneumo.files import whole
from pneumo.scoring.gallery import write_gallery
from pneumo.scoring.parts import Part
from pneumo.scoring.plan import Plan
from pneumo.scoring.tables import name_uniquely, results, summary, write_summary, write_tables


def publish(out: Path, plan: Plan, parts: Iterable[Part], overlays: str) -> dict[str, Any]:
    """Write everything that ``pneumo score`` promises into ``out``; returns the summary.

    Raises DataError when a file of the plan has no result.
    """
    rows = results(plan, parts)
    name_uniquely(rows)
    if overlays == "none":
        for row in rows:
            row["overlay"] = ""
    _link_pictures(out / "overlays", rows)
    write_tables(out, rows)
    found = summary(rows)
    write_gallery(out, rows, found)
    write_summary(out, found)
    return found


def _link_pictures(folder: Path, rows: Sequence[dict[str, Any]]) -> None:
    """Fill ``overlays`` with second names of the parts' pictures; no byte is copied."""
    with whole(folder) as aside:
        aside.mkdir()
        for row in rows:
            if row.get("overlay") and not (aside / row["overlay"]).exists():
                _link(row["folder"] / row["overlay"], aside / row["overlay"])


def _link(source: Path, target: Path) -> None:
    try:
        os.link(source, target)
    except OSError:  # a file system without hard links
        shutil.copyfile(source, target)
