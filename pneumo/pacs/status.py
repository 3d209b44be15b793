"""Where everything is, and what a person must decide, with what to do."""

from typing import Any

from pneumo.base.safe import printable
from pneumo.pacs.ledger import Ledger, looked_at
from pneumo.pacs.peers import Site

LEFT_ALONE = {
    "wrong_view": "no frontal view", "wrong_body_part": "no chest",
    "dual_energy": "bone or soft tissue", "for_processing": "not for presentation",
    "superseded": "another ensemble has scored it since", "our_own": "an object of ours",
    "wrong_modality": "no CR or DX", "not_radiograph": "no radiograph",
}  # fmt: skip
"""Reasons of the reader that are no fault: such files are left alone, and counted."""

REMEDIES = {
    "absent": "the source had it and has it no more: look there; `pneumo pacs fetch --again`",
    "not_given": "the source answers, but has not given it for a day: look at its log; then "
    "`pneumo pacs fetch --again`",
    "not_read_back": "the destination answers, but has not given it back for a day: look at its "
    "log; then `pneumo pacs send --again`",
    "too_large": "larger than what is read here; it is not scored",
    "gone": "its file in `outbox` is gone: bring it back from `objects` under the name "
    "UID.dcm; then `pneumo pacs send --again`",
    "absent_again": "the destination takes it and loses it: look at its rules of routing and "
    "deletion; then `pneumo pacs send --again`",
    "other_content": "ALARM: the destination has other content under this UID: compare there, "
    "remove what is not ours, then `pneumo pacs send --again`",
    "other_object": "the source answered with another object than was asked for: look there; "
    "`pneumo pacs fetch --again`",
    "409": "the destination will not have it (conflict): look at its log; then "
    "`pneumo pacs send --again`",
    "400": "the destination cannot read what was sent: look at its log; then "
    "`pneumo pacs send --again`",
    "413": "too large for the destination or a proxy before it: raise its limit; then "
    "`pneumo pacs send --again`",
    "415": "the destination does not take this kind over DICOMweb: allow it there, or use DIMSE",
    "422": "the destination cannot process it: look at its log; then `pneumo pacs send --again`",
    "0x0122": "the destination does not take this SOP class: allow it there, then "
    "`pneumo pacs send --again`",
    "0x0124": "the destination does not allow us to store: ask its administrator; then "
    "`pneumo pacs send --again`",
}  # fmt: skip


def status(site: Site) -> dict[str, Any]:
    """Counts by state, what is left alone by reason, and what is for a person."""
    with looked_at(site.path()) as ledger:
        return {
            "states": ledger.counts(),
            "objects": {
                row["state"]: row["n"]
                for row in ledger.rows("SELECT state, count(*) AS n FROM objects GROUP BY state")
            },
            "left_alone": _left_alone(ledger),
            "later": _later(ledger),
            "decide": [*_closed(ledger), *_radiographs(ledger), *_objects(ledger)],
        }


def _left_alone(ledger: Ledger) -> dict[str, int]:
    line = "SELECT reason, sum(instances) AS n FROM left_alone GROUP BY reason"
    found = {row["reason"]: int(row["n"]) for row in ledger.rows(line)}
    line = "SELECT reason, count(*) AS n FROM radiographs WHERE state = 'refused' GROUP BY reason"
    for row in ledger.rows(line):
        if row["reason"] in LEFT_ALONE:
            found[row["reason"]] = int(row["n"])
    return found


def _later(ledger: Ledger) -> list[dict[str, Any]]:
    """What a peer could not take, or give, for now."""
    line = (
        "SELECT sop, reason, tries FROM objects WHERE state IN ('written', 'sent') AND due > 0 "
        "UNION ALL SELECT sop, reason, tries FROM radiographs WHERE state = 'seen' AND due > 0"
    )
    return ledger.rows(line)


def _closed(ledger: Ledger) -> list[dict[str, str]]:
    return [
        {"what": f"peer {row['peer']}", "reason": "refused us", "do": row["message"]}
        for row in ledger.rows("SELECT * FROM closed")
    ]


def _radiographs(ledger: Ledger) -> list[dict[str, str]]:
    """Radiographs that did not come, or cannot be read; not those whose objects are refused."""
    rows = ledger.rows(
        "SELECT * FROM radiographs r WHERE state = 'refused' AND NOT EXISTS (SELECT 1 FROM objects "
        "o WHERE o.source = r.sop AND o.source_sum = r.data_set_sum AND o.scorer = r.scorer)"
    )
    unread = "cannot be read: look at it in the viewer, and have it sent anew"
    return [
        {
            "what": f"radiograph {printable(row['sop'])}",
            "reason": row["reason"],
            "do": REMEDIES.get(row["reason"]) or _unlike(row) or unread,
        }
        for row in rows
        if row["reason"] not in LEFT_ALONE
    ]


def _unlike(row: dict[str, Any]) -> str:
    if row["scorer"]:
        return "no object can be made of it: `refused.csv` beside the objects says why"
    if row["reason"].startswith("answer_"):
        return (
            "the source answers so, not with a file: look at its log; `pneumo pacs fetch --again`"
        )
    return ""


def _objects(ledger: Ledger) -> list[dict[str, str]]:
    rows = ledger.rows("SELECT * FROM objects WHERE state = 'refused' AND reason != 'superseded'")
    return [
        {
            "what": f"{row['kind']} {row['sop']} of radiograph {printable(row['source'])}",
            "reason": row["reason"],
            "do": REMEDIES.get(row["reason"], _by_class(row["reason"])),
        }
        for row in rows
    ]


def _by_class(code: str) -> str:
    if code.startswith("0xA9"):
        return (
            "the destination says that it does not match its SOP class: ask its vendor, with "
            "`pneumo dicom check`; then `pneumo pacs send --again`"
        )
    if code.startswith("0xC"):
        return (
            "the destination cannot understand it: look at its log, with `pneumo dicom check`; "
            "then `pneumo pacs send --again`"
        )
    return "the destination refused it: look at its log; then `pneumo pacs send --again`"
