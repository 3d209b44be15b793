"""What scoring and writing left on the disk, taken up into the ledger.

The tables of results and of objects are read whole; a row that the ledger knows is passed over, so
that this may be done at any time and as often as one likes.
"""

import csv
import os
import shutil
from collections import defaultdict
from collections.abc import Iterator
from pathlib import Path
from typing import Any

from pneumo.base.errors import DataError, RadiographError
from pneumo.base.files import whole
from pneumo.dicom.identity import data_set_sum
from pneumo.pacs.ledger import Ledger, Row, insert, now, opened, update
from pneumo.pacs.peers import Site

SUPERSEDED = {"state": "refused", "reason": "superseded"}
OPEN = {"state": "written", "reason": "", "tries": 0, "due": 0, "absences": 0}


def record(site: Site) -> dict[str, Any]:
    """Take up what is on the disk. Returns the radiographs by state.

    Raises DataError for an object that is not what its row says; then nothing of it is sent.
    """
    with opened(site.path()) as ledger:
        take_up(site, ledger)
        return ledger.counts()


def take_up(site: Site, ledger: Ledger) -> None:
    """As ``record``, with a ledger that is open."""
    times = {row["content"]: row["scored_at"] for row in _table(site.path("results", "times.csv"))}
    _scored(ledger, _table(site.path("results", "predictions.csv")), times)
    _written(site, ledger, _table(site.path("objects", "objects.csv")))
    _without_objects(ledger, _table(site.path("objects", "refused.csv")))


def _scored(ledger: Ledger, results: list[dict[str, str]], times: dict[str, str]) -> None:
    """``fetched`` becomes ``scored``, or ``refused`` with the reason of the reader."""
    by_content = {row["content"]: row for row in results if row["content"]}
    asked = "SELECT * FROM radiographs WHERE state IN ('fetched', 'scored', 'written')"
    for row in ledger.rows(asked):
        if (found := by_content.get(row["content"])) is None:
            continue
        if found["status"] != "scored":
            if row["state"] == "fetched":
                values = {"state": "refused", "reason": found["reason"], "moved_at": now()}
                ledger.change(update("radiographs", values, _key(row)))
            continue
        if row["scorer"] != (scorer := _scorer(found)):
            ledger.change(*_scored_by(row, scorer, times.get(row["content"], "")))


def _scored_by(row: Row, scorer: str, scored_at: str) -> Iterator[tuple[str, Any]]:
    """The first scorer of a radiograph, or another one, which takes the former's place.

    Another one may have been here before, and was superseded then.
    """
    moment = now()
    new = {"scorer": scorer, "state": "scored", "scored_at": scored_at, "moved_at": moment}
    if not row["scorer"]:
        yield update("radiographs", new, _key(row))
        return
    yield insert("radiographs", row | new | {"reason": ""}, over=True)
    gone = SUPERSEDED | {"moved_at": moment}
    yield update("radiographs", gone, _key(row))
    yield update(
        "objects", gone,
        {"source": row["sop"], "source_sum": row["data_set_sum"], "scorer": row["scorer"],
         "state": "written"},
    )  # fmt: skip


def _scorer(found: dict[str, str]) -> str:
    return f"{found['model_sha256']} {found['engine']} {found['precision']}"


def _scorer_of(line: dict[str, str]) -> str:
    """As ``_scorer``; a row of before there were such columns is nobody's."""
    return " ".join(line.get(name, "") for name in ("model", "engine", "precision"))


def _written(site: Site, ledger: Ledger, index: list[dict[str, str]]) -> None:
    """Objects get a place of their own, from which they are sent; then come the rows."""
    groups: dict[tuple[str, str], list[dict[str, str]]] = defaultdict(list)
    for line in index:
        groups[line["source_sop_instance_uid"], line["source_sum"]].append(line)
    asked = "SELECT * FROM radiographs WHERE state = 'scored'"
    for row in ledger.rows(asked):
        lines = groups.get((row["sop"], row["data_set_sum"]), [])
        mine = [line for line in lines if _scorer_of(line) == row["scorer"]]
        mine = [line for line in mine if line.get("latest", "yes")]
        if mine:
            for line in mine:
                _put_out(site, line)
            ledger.change(*_steps(site, row, mine))


def _without_objects(ledger: Ledger, refused: list[dict[str, str]]) -> None:
    """What was scored and can have no object: the reason is in the ledger."""
    reasons = {Path(line["file"]).name: line["reason"] for line in refused}
    for row in ledger.rows("SELECT * FROM radiographs WHERE state = 'scored'"):
        if reason := reasons.get(row["file"]):
            values = {"state": "refused", "reason": reason, "moved_at": now()}
            ledger.change(update("radiographs", values, _key(row)))


def _steps(site: Site, row: Row, lines: list[dict[str, str]]) -> Iterator[tuple[str, Any]]:
    moment = now()
    for line in lines:
        values = {
            "sop": line["sop_instance_uid"], "source": row["sop"],
            "source_sum": row["data_set_sum"], "scorer": row["scorer"], "kind": line["kind"],
            "sop_class": line["sop_class_uid"], "series": line["series_instance_uid"],
            "study": line["study_instance_uid"], "file": f"{line['sop_instance_uid']}.dcm",
            "data_set_sum": line["object_sum"], "peer": site.destination, "state": "written",
            "moved_at": moment,
        }  # fmt: skip
        yield insert("objects", values)
        yield update("objects", OPEN, {"sop": values["sop"], **SUPERSEDED})
    yield update("radiographs", {"state": "written", "moved_at": moment}, _key(row))


def _put_out(site: Site, line: dict[str, str]) -> None:
    """A second name in ``outbox`` for an object, whose sum holds."""
    source = site.path("objects", line["file"])
    target = site.path("outbox", f"{line['sop_instance_uid']}.dcm")
    try:
        total = data_set_sum(source)
    except RadiographError as error:
        raise DataError(f"{source}: {error.reason}; write the objects anew") from None
    if total != line["object_sum"]:
        raise DataError(f"{source}: is not what objects.csv says; write the objects anew")
    target.parent.mkdir(mode=0o700, exist_ok=True)
    with whole(target) as new:
        try:
            os.link(source, new)
        except OSError:  # a file system without hard links
            shutil.copyfile(source, new)


def _table(path: Path) -> list[dict[str, str]]:
    """The rows of a table of ours; none where there is none yet."""
    try:
        with path.open(newline="", encoding="utf-8-sig") as file:
            return list(csv.DictReader(file))
    except FileNotFoundError:
        return []


def _key(row: Row) -> dict[str, Any]:
    return {name: row[name] for name in ("sop", "data_set_sum", "scorer")}
