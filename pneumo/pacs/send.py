"""Objects of ours brought to the destination; a resend adds nothing: UIDs are of their content."""

import time
from collections.abc import Iterator, Sequence
from itertools import groupby
from pathlib import Path
from typing import Any

from pneumo.pacs._audit import Audit
from pneumo.pacs._link import Answer, UnfitError
from pneumo.pacs._patience import Patience, due
from pneumo.pacs._reach import reached
from pneumo.pacs.ledger import Ledger, Row, now, opened, update
from pneumo.pacs.peers import Site
from pneumo.pacs.record import take_up


def send(site: Site, *, again: bool = False) -> dict[str, int]:
    """Send what is written and due. Returns counts: ``sent``, ``later``, ``refused``.

    With ``again`` also what the destination had refused. Raises AwayError when it does not answer:
    what it acknowledged until then is in the ledger. What it breaks off at while it answers
    otherwise is sent later, and the others do not wait for it.
    """
    with opened(site.path()) as ledger:
        take_up(site, ledger)
        if again:
            ledger.change(*_once_more())
        return _send(site, ledger)


def _once_more() -> Iterator[tuple[str, Any]]:
    """What was refused of objects is as it was before; what is due later is due now."""
    yield (
        "UPDATE objects SET state = 'written', reason = '', tries = 0, absences = 0 "
        "WHERE state = 'refused' AND reason != 'superseded'",
        (),
    )
    yield "UPDATE objects SET due = 0 WHERE state = 'written'", ()
    yield (
        "UPDATE radiographs SET state = 'written', reason = '' WHERE state = 'refused' AND EXISTS "
        "(SELECT 1 FROM objects o WHERE o.source = sop AND o.source_sum = radiographs.data_set_sum "
        "AND o.scorer = radiographs.scorer AND o.state = 'written')",
        (),
    )


def _send(site: Site, ledger: Ledger) -> dict[str, int]:
    counts = {"sent": 0, "later": 0, "refused": 0}
    rows = ledger.rows(
        "SELECT * FROM objects WHERE state = 'written' AND due <= ? "
        "ORDER BY source, source_sum, scorer, kind",
        time.time(),
    )
    sent: list[tuple[str, str, int]] = []
    if not rows:
        return counts
    try:
        with reached(site, site.destination, ledger) as link:
            patience = Patience(link)
            for _, group in groupby(rows, key=_radiograph):
                objects = list(group)
                there = [row for row in objects if _file(site, row).exists()]
                files = [(row["sop"], row["sop_class"], _file(site, row)) for row in there]
                answers = {row["sop"]: Answer("refused", "gone") for row in objects}
                answers |= {row["sop"]: Answer("later", "broke_off") for row in there}
                with patience.one():
                    answers |= link.store(files) if files else {}
                if isinstance(patience.fault, UnfitError):
                    raise patience.fault
                ledger.change(*_steps(objects, answers))
                for row in objects:
                    counts[_word(answers[row["sop"]])] += 1
                    if answers[row["sop"]].kind == "stored":
                        sent.append((row["study"], row["sop_class"], 1))
                patience.check()
    finally:
        if sent:
            Audit(site).transferred(site.ae_title, site.destination, sent)
    return counts


def _radiograph(row: Row) -> tuple[str, ...]:
    return row["source"], row["source_sum"], row["scorer"]


def _word(answer: Answer) -> str:
    return "sent" if answer.kind == "stored" else answer.kind


def _steps(objects: Sequence[Row], answers: dict[str, Answer]) -> Iterator[tuple[str, Any]]:
    for row in objects:
        answer = answers[row["sop"]]
        yield update("objects", _values(row, answer), {"sop": row["sop"]})
    for row in objects[:1]:
        yield from follow(row)


def _values(row: Row, answer: Answer) -> dict[str, Any]:
    values: dict[str, Any] = {"moved_at": now(), "reason": answer.code}
    if answer.kind == "later":
        return values | {"tries": row["tries"] + 1, "due": due(row["tries"], answer.wait_s)}
    state = "sent" if answer.kind == "stored" else "refused"
    return values | {
        "state": state,
        "tries": 0,
        "due": 0,
        "reason": "" if state == "sent" else answer.code,
    }


def follow(row: Row) -> Iterator[tuple[str, Any]]:
    """Statements that bring a radiograph's state after those of its objects: the least of them,
    or refused when one of them is; what another scorer superseded stays so and counts for none."""
    line = (
        "UPDATE radiographs SET moved_at = ?, (state, reason) = (SELECT CASE "
        "WHEN max(o.state = 'refused') THEN 'refused' WHEN max(o.state = 'written') THEN 'written' "
        "WHEN max(o.state = 'sent') THEN 'sent' ELSE 'confirmed' END, "
        "coalesce(max(CASE WHEN o.state = 'refused' THEN o.reason END), '') FROM objects o "
        "WHERE o.source = ? AND o.source_sum = ? AND o.scorer = ? AND o.reason != 'superseded') "
        "WHERE sop = ? AND data_set_sum = ? AND scorer = ? AND reason != 'superseded'"
    )
    key = (row["source"], row["source_sum"], row["scorer"])
    yield line, (now(), *key, *key)


def _file(site: Site, row: Row) -> Path:
    return site.path("outbox", row["file"])
