"""The results of a plan, put where people look for them."""

import os
import shutil
from collections.abc import Iterable, Mapping
from pathlib import Path
from typing import Any

from pneumo.base.files import whole
from pneumo.scoring._counts import Counts, write_summary
from pneumo.scoring._overlays import heat_name
from pneumo.scoring._rows import named, results
from pneumo.scoring._sheets import sheets
from pneumo.scoring._wall import Gallery
from pneumo.scoring.parts import Part
from pneumo.scoring.plan import Plan


def publish(
    out: Path, plan: Plan, parts: Iterable[Part], overlays: str, review_share: float
) -> dict[str, Any]:
    """Write everything that ``pneumo score`` promises into ``out``; returns the summary.

    At least ``review_share`` of the radiographs have a reason to be read first. Rows pass one by
    one. Raises DataError when a file of the plan has no result.
    """
    counts, gallery = Counts(), Gallery()
    with whole(out / "overlays") as pictures, sheets(out) as tables:
        pictures.mkdir()
        for row in named(named(results(plan, parts, review_share)), "name"):
            if overlays == "none":
                row["overlay"] = ""
            row["heat"] = _show(pictures, row)
            for taker in (counts, gallery, tables):
                taker.add(row)
    found = counts.summary()
    gallery.write(out, found)
    write_summary(out, found)
    return found


def _show(pictures: Path, row: Mapping[str, Any]) -> str:
    """Give the part's pictures of a row a second name in ``overlays``; no byte is copied.

    Returns the name of the heat map, blank where there is none: parts of before have it in the
    picture itself.
    """
    if not row["overlay"]:
        return ""
    heat = heat_name(row["overlay"])
    for name in (row["overlay"], heat):
        if not (pictures / name).exists() and (row["folder"] / name).exists():
            _link(row["folder"] / name, pictures / name)
    return heat if (pictures / heat).exists() else ""


def _link(source: Path, target: Path) -> None:
    try:
        os.link(source, target)
    except OSError:  # a file system without hard links
        shutil.copyfile(source, target)
