"""What is new at the source: radiographs become rows, all else is counted and left alone."""

from collections.abc import Iterator
from typing import Any

from pneumo.pacs._audit import Audit
from pneumo.pacs._link import Instance, Page
from pneumo.pacs._reach import reached
from pneumo.pacs.ledger import Ledger, insert, now, opened
from pneumo.pacs.peers import Site


def poll(site: Site) -> dict[str, Any]:
    """Ask what is new since the last time. Returns how many radiographs were (no source: none).

    Each page's rows and the cursor that follows it are one transaction: killed before it, the same
    page is asked for again; killed after it, the next one.
    """
    name = site.source
    with opened(site.path()) as ledger:
        if name is None:
            return {"new": 0, "left_alone": _left(ledger)}
        before = _rows(ledger)
        with reached(site, name, ledger) as link:
            for page in link.pages(_cursor(ledger, name)):
                ledger.change(*_steps(ledger, name, page))
        Audit(site).query(name)
        return {"new": _rows(ledger) - before, "left_alone": _left(ledger)}


def _steps(ledger: Ledger, name: str, page: Page) -> Iterator[tuple[str, Any]]:
    for one in page.found:
        if not _is_known(ledger, one):
            yield insert("radiographs", _row(name, one))
    for (series, modality), number in page.others.items():
        yield _left_alone(ledger, series, modality, number, page.whole)
    line = "INSERT OR REPLACE INTO cursors (peer, cursor) VALUES (?, ?)"
    yield line, (name, page.cursor)


def _row(name: str, one: Instance) -> dict[str, Any]:
    moment = now()
    return {
        "sop": one.sop, "sop_class": one.sop_class, "series": one.series, "study": one.study,
        "peer": name, "state": "seen", "seen_at": moment, "moved_at": moment,
    }  # fmt: skip


def _is_known(ledger: Ledger, one: Instance) -> bool:
    """Whether it is in the ledger, as a radiograph or as an object of ours."""
    asked = (
        "SELECT 1 FROM radiographs WHERE sop = ? UNION SELECT 1 FROM objects WHERE sop = ? LIMIT 1"
    )
    return bool(ledger.rows(asked, one.sop, one.sop))


def _left_alone(
    ledger: Ledger, series: str, modality: str, number: int, whole: bool
) -> tuple[str, Any]:
    ours = ledger.rows("SELECT 1 FROM objects WHERE series = ? LIMIT 1", series)
    reason = "our own" if ours else f"modality {modality[:16]}"
    if whole:
        return "INSERT OR REPLACE INTO left_alone VALUES (?, ?, ?)", (series, reason, number)
    line = (
        "INSERT INTO left_alone VALUES (?, ?, ?) "
        "ON CONFLICT DO UPDATE SET instances = instances + excluded.instances"
    )
    return line, (series, reason, number)


def _cursor(ledger: Ledger, name: str) -> str:
    rows = ledger.rows("SELECT cursor FROM cursors WHERE peer = ?", name)
    return str(rows[0]["cursor"]) if rows else ""


def _rows(ledger: Ledger) -> int:
    return int(ledger.rows("SELECT count(*) AS n FROM radiographs")[0]["n"])


def _left(ledger: Ledger) -> int:
    return int(ledger.rows("SELECT coalesce(sum(instances), 0) AS n FROM left_alone")[0]["n"])
