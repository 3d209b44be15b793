"""Radiographs brought here: what the ledger has seen, and what others put into the inbox."""

import hashlib
import os
import re
import shutil
import time
from collections.abc import Iterator
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Any

from pneumo.base.errors import PneumoError, RadiographError
from pneumo.base.files import NO_ROOM, flush
from pneumo.dicom.identity import data_set_sum, read_dataset
from pneumo.dicom.source import files_below
from pneumo.pacs._audit import Audit
from pneumo.pacs._link import RADIOGRAPHS, AbsentError, Instance, UnfitError
from pneumo.pacs._patience import MOST_TRIES, Patience, due
from pneumo.pacs._reach import reached
from pneumo.pacs.ledger import Ledger, Row, insert, now, opened, update
from pneumo.pacs.peers import Site

UNSETTLED_S = 60
"""A file of the inbox that cannot be read is being written, if it changed so recently."""


def fetch(site: Site, *, again: bool = False) -> dict[str, Any]:
    """Fetch what was seen and take over the inbox. Returns counts; ``to_score`` is what waits
    in ``folder``.

    With ``again`` also what was refused on its way here. What is wrong with the source is in
    ``source``, or raised when nothing waits to be scored. A full disk ends it with OSError, and
    nothing is lost.
    """
    for name in ("radiographs", "inbox"):
        site.path(name).mkdir(mode=0o700, parents=True, exist_ok=True)
    with opened(site.path()) as ledger:
        if again:
            line = "UPDATE radiographs SET state = 'seen', reason = '', tries = 0, due = 0 "
            where = "WHERE state IN ('seen', 'refused') AND data_set_sum = ''"
            ledger.change((line + where, ()))
        taken = _take_inbox(site, ledger)
        fetched, fault = 0, None
        try:
            fetched = _fetch_seen(site, ledger)
        except PneumoError as error:  # what waits does not wait for the source
            fault = error
        waiting = "SELECT count(*) AS n FROM radiographs WHERE state IN ('fetched', 'scored')"
        to_score = ledger.rows(waiting)[0]["n"]
        if fault is not None and not to_score:
            raise fault
    told = {"fetched": fetched, "inbox": taken, "to_score": to_score}
    told |= {"source": str(fault)} if fault else {}
    return told | {"folder": str(site.path())}


def _fetch_seen(site: Site, ledger: Ledger) -> int:
    asked = "SELECT * FROM radiographs WHERE state = 'seen' AND due <= ? ORDER BY seen_at, sop"
    rows = ledger.rows(asked, time.time())
    done: list[tuple[str, str, int]] = []
    source = site.source
    if not rows or source is None:
        return 0
    try:
        with reached(site, source, ledger) as link:
            patience = Patience(link)
            for row in rows:
                one = Instance(row["sop"], row["sop_class"], row["series"], row["study"])
                data = None
                try:
                    with patience.one():
                        data = link.fetch(one)
                except AbsentError:
                    ledger.change(_refused(row, "absent"))
                if patience.fault is not None:
                    ledger.change(_not_given(row, patience.fault))
                    patience.check()
                elif data is not None:
                    ledger.change(*_fetched(site, ledger, row, data))
                    done.append((one.study, one.sop_class, 1))
    finally:
        if done:
            Audit(site).transferred(source, site.ae_title, done)
    return len(done)


def _not_given(row: Row, fault: Exception) -> tuple[str, Any]:
    """One that the source cannot give now waits, the others do not wait for it."""
    if isinstance(fault, UnfitError):
        return _refused(row, fault.code)
    if row["tries"] + 1 >= MOST_TRIES:
        return _refused(row, "not_given")
    values = {"tries": row["tries"] + 1, "due": due(row["tries"]), "reason": "not_given"}
    return update("radiographs", values, _key(row))


def _fetched(site: Site, ledger: Ledger, row: Row, data: bytes) -> Iterator[tuple[str, Any]]:
    """Keep a file under its name, and the row that says so."""
    with TemporaryDirectory(dir=site.path(), prefix=".aside.") as aside:
        new = Path(aside, "file.dcm")
        _write(new, data)
        try:
            told = str(read_dataset(new, pixels=False).get("SOPInstanceUID", ""))
            total = data_set_sum(new)
        except RadiographError as error:
            yield _refused(row, error.reason)
            return
        if told != row["sop"]:
            yield _refused(row, "other_object")
            return
        known = ledger.rows(
            "SELECT 1 FROM radiographs WHERE sop = ? AND data_set_sum = ?", row["sop"], total
        )
        if known:  # it has come by the inbox meanwhile
            yield "DELETE FROM radiographs WHERE sop = ? AND data_set_sum = ''", (row["sop"],)
            return
        kept = _keep(site, new, row["sop"], total)
    yield update("radiographs", _here(kept, data, total), _key(row))


def _here(kept: Path, data: bytes, total: str) -> dict[str, Any]:
    content = hashlib.sha256(data).hexdigest()
    return {
        "state": "fetched", "reason": "", "data_set_sum": total, "file": kept.name,
        "content": content, "moved_at": now(),
    }  # fmt: skip


def _keep(site: Site, new: Path, sop: str, total: str) -> Path:
    """Give a whole file its name, on the disk when this returns."""
    target = site.path("radiographs", f"{re.sub('[^0-9.]', '_', sop)[:64]}.{total[:16]}.dcm")
    new.replace(target)
    flush(target.parent)
    return target


def _take_inbox(site: Site, ledger: Ledger) -> int:
    """Make rows of the radiographs in the inbox; what else lies there is moved aside, counted."""
    number = 0
    for path in files_below(site.path("inbox")):
        try:
            header = read_dataset(path, pixels=False)
            total = data_set_sum(path)
        except RadiographError:
            if time.time() - path.stat().st_mtime > UNSETTLED_S:
                _aside(site, ledger, path, "unreadable")
            continue
        texts = {k: str(header.get(k, "")) for k in ("SOPInstanceUID", "SOPClassUID", "Modality")}
        sop, sop_class = texts["SOPInstanceUID"], texts["SOPClassUID"]
        if ledger.rows("SELECT 1 FROM objects WHERE sop = ?", sop) or _is_ours(header):
            _aside(site, ledger, path, "our own")
        elif sop_class not in RADIOGRAPHS or not sop:
            _aside(site, ledger, path, f"modality {texts['Modality'][:16]}")
        else:
            number += _adopted(site, ledger, path, header, total)
    return number


def _adopted(site: Site, ledger: Ledger, path: Path, header: Any, total: str) -> int:
    sop, data = str(header.SOPInstanceUID), path.read_bytes()
    rows = ledger.rows("SELECT * FROM radiographs WHERE sop = ?", sop)
    if any(row["data_set_sum"] == total for row in rows):
        path.unlink()  # known: the file is here, or was
        return 0
    with TemporaryDirectory(dir=site.path(), prefix=".aside.") as aside:
        new = Path(aside, "file.dcm")
        _write(new, data)
        kept = _keep(site, new, sop, total)
    moment = now()
    row = {
        "sop": sop, "sop_class": str(header.SOPClassUID), "peer": "inbox", "seen_at": moment,
        "series": str(header.get("SeriesInstanceUID", "")),
        "study": str(header.get("StudyInstanceUID", "")),
    }  # fmt: skip
    seen = [one for one in rows if not one["data_set_sum"]]
    here = _here(kept, data, total)
    ledger.change(
        update("radiographs", here, _key(seen[0])) if seen else insert("radiographs", row | here)
    )
    path.unlink()
    return 1


def _is_ours(header: Any) -> bool:
    from pneumo.dicom.ours import ours

    return bool(ours(header))


def _aside(site: Site, ledger: Ledger, path: Path, reason: str) -> None:
    """Move what is no radiograph out of the inbox; the row comes first and may be there already.

    It is known by its content: senders' names of files repeat, and may name a person.
    """
    with path.open("rb") as file:
        content = hashlib.file_digest(file, "sha256").hexdigest()
    key = f"inbox {content}"
    ledger.change(("INSERT OR REPLACE INTO left_alone VALUES (?, ?, 1)", (key, reason)))
    target = site.path("left_alone")
    target.mkdir(mode=0o700, exist_ok=True)
    shutil.move(path, target / f"{content}.dcm")


def _refused(row: Row, reason: str) -> tuple[str, Any]:
    values = {"state": "refused", "reason": reason, "moved_at": now()}
    return update("radiographs", values, _key(row))


def _key(row: Row) -> dict[str, Any]:
    return {name: row[name] for name in ("sop", "data_set_sum", "scorer")}


def _write(path: Path, data: bytes) -> None:
    """Write and flush; a full disk is said to be full, and leaves nothing."""
    try:
        with path.open("xb") as file:
            file.write(data)
            file.flush()
            os.fsync(file.fileno())
    except OSError as error:
        if error.errno in NO_ROOM:
            error.filename = str(path.parent.parent)
        raise
