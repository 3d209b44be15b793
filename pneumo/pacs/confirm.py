"""What was sent, read back: the destination's word that it stored something is not enough.

A PACS may keep the first object of a UID, change elements, or delete what it has acknowledged.
"""

import time
from collections.abc import Iterator
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Any

from pneumo.base.errors import RadiographError
from pneumo.dicom.identity import data_set_sum
from pneumo.pacs._audit import OTHER_CONTENT, Audit
from pneumo.pacs._link import AbsentError, Instance, Link
from pneumo.pacs._patience import MOST_TRIES, Patience, due
from pneumo.pacs._reach import reached
from pneumo.pacs.ledger import Ledger, Row, now, opened, update
from pneumo.pacs.peers import Site
from pneumo.pacs.send import follow

MOST_ABSENT = 5
"""How often an object may be lost by the destination until a person is asked."""


def confirm(site: Site) -> dict[str, int]:
    """Read back what was sent. Returns counts: ``confirmed``, ``absent``, ``other``.

    Absent: written again, and sent the next time. Other content: refused, an alert in the audit
    trail. What the destination cannot give now is read back later, and in the end is for a person.
    Radiographs whose objects are all confirmed leave the disk.
    """
    with opened(site.path()) as ledger:
        asked = "SELECT * FROM objects WHERE state = 'sent' AND due <= ? ORDER BY source, kind"
        rows = ledger.rows(asked, time.time())
        counts = {"confirmed": 0, "absent": 0, "other": 0}
        if rows:
            with reached(site, site.destination, ledger) as link:
                kept = _committed(site, rows)
                patience = Patience(link)
                for row in rows:
                    word = "absent"
                    with patience.one():
                        word = _look(site, link, row) if row["sop"] in kept else "absent"
                    if patience.fault is not None:
                        ledger.change(*_unread(row))
                        patience.check()
                        continue
                    ledger.change(*_steps(row, word))
                    counts[word] += 1
                    if word == "other":
                        one = (row["study"], row["sop_class"], row["sop"])
                        Audit(site).alert(OTHER_CONTENT, site.destination, [one])
        _tidy(site, ledger)
        return counts


def _committed(site: Site, rows: list[Row]) -> set[str]:
    """What the destination commits itself to; all, where it is not asked."""
    peer = site.peers[site.destination]
    if peer.commitment_port is None:
        return {row["sop"] for row in rows}
    from pneumo.pacs._commitment import committed

    objects = [(row["sop_class"], row["sop"]) for row in rows]
    return committed(site.destination, peer, site.ae_title, objects)


def _look(site: Site, link: Link, row: Row) -> str:
    """Whether the destination has the object: ``confirmed``, ``absent`` or ``other``."""
    try:
        data = link.fetch(Instance(row["sop"], row["sop_class"], row["series"], row["study"]))
    except AbsentError:
        return "absent"
    with TemporaryDirectory(dir=site.path(), prefix=".aside.") as aside:
        path = Path(aside, "file.dcm")
        path.write_bytes(data)
        try:
            return "confirmed" if data_set_sum(path) == row["data_set_sum"] else "other"
        except RadiographError:
            return "other"


def _unread(row: Row) -> Iterator[tuple[str, Any]]:
    values: dict[str, Any] = {"tries": row["tries"] + 1, "due": due(row["tries"])}
    if values["tries"] >= MOST_TRIES:
        values |= {"state": "refused", "reason": "not_read_back", "moved_at": now()}
    yield update("objects", values, {"sop": row["sop"]})
    yield from follow(row)


def _steps(row: Row, word: str) -> Iterator[tuple[str, Any]]:
    values: dict[str, Any] = {"moved_at": now(), "state": "confirmed", "reason": "", "due": 0}
    if word == "other":
        values |= {"state": "refused", "reason": "other_content"}
    elif word == "absent":
        lost = row["absences"] + 1 >= MOST_ABSENT
        values |= {"state": "refused" if lost else "written", "reason": "absent_again"}
        values |= {"absences": row["absences"] + 1, "tries": 0}
        if row["absences"]:  # sent again at once but for one that was lost before
            values["due"] = due(row["absences"] - 1)
    yield update("objects", values, {"sop": row["sop"]})
    yield from follow(row)


def _tidy(site: Site, ledger: Ledger) -> None:
    """Remove files of which the ledger says that nobody needs them; some may be gone already."""
    kept = "SELECT file FROM radiographs WHERE state NOT IN ('confirmed', 'refused')"
    _remove(site.path("radiographs"), {row["file"] for row in ledger.rows(kept)})
    kept = "SELECT file FROM objects WHERE state != 'confirmed'"
    _remove(site.path("outbox"), {row["file"] for row in ledger.rows(kept)})


def _remove(folder: Path, kept: set[str]) -> None:
    if folder.is_dir():
        for path in folder.iterdir():
            if path.suffix == ".dcm" and path.name not in kept:
                path.unlink()
