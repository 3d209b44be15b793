"""What an object takes over from its source: whose it is, of which study; repaired in the copy.

A value that the standard does not allow is written as the standard says where it says how: dates
and times of ACR-NEMA, an age without its zeros, a code in small letters (PS3.5 6.2). Else what only
describes is left out, as PS3.5 7.4 does with what is unknown; what identifies is never changed:
such a source is refused.
"""

import re
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from datetime import datetime
from typing import TYPE_CHECKING, NamedTuple

from pneumo.dicom.refusal import refuse
from pneumo.findings._texts import text_of

if TYPE_CHECKING:
    from pydicom import Dataset

UID = re.compile(r"(0|[1-9]\d*)(\.(0|[1-9]\d*))+")
LONGEST = {"UI": 64, "LO": 64, "SH": 16, "CS": 16, "DS": 16}
OLD_DATE, OLD_TIME = re.compile(r"(\d{4})\.(\d\d)\.(\d\d)"), re.compile(r"(\d\d):(\d\d):(\d\d.*)")
TIME = re.compile(
    r"([01]\d|2[0-3])([0-5]\d([0-5]\d|60)?)?|([01]\d|2[0-3])[0-5]\d([0-5]\d|60)\.\d{1,6}"
)
AGE = re.compile(r"(\d{1,3})([DWMY])", re.I)
OFFSET = re.compile(r"[+-](0\d|1[0-4])[0-5]\d")
NUMBER = re.compile(r"[+-]?(\d+\.?\d*|\.\d+)(e[+-]?\d+)?", re.I)
CONTROL = re.compile(r"[\x00-\x1f\x7f-\x9f\\]")


class Rule(NamedTuple):
    """An attribute that is taken over (PS3.3 C.7.1.1, C.7.2.1, C.7.2.2)."""

    keyword: str
    tag: int
    vr: str
    needed: bool
    """Whether it is there even when nothing is known: type 2."""
    identifies: bool = False
    terms: tuple[str, ...] = ()


RULES = (
    Rule("StudyDate", 0x00080020, "DA", True),
    Rule("StudyTime", 0x00080030, "TM", True),
    Rule("AccessionNumber", 0x00080050, "SH", True, identifies=True),
    Rule("ReferringPhysicianName", 0x00080090, "PN", True),
    Rule("TimezoneOffsetFromUTC", 0x00080201, "SH", False),
    Rule("StudyDescription", 0x00081030, "LO", False),
    Rule("PatientName", 0x00100010, "PN", True, identifies=True),
    Rule("PatientID", 0x00100020, "LO", True, identifies=True),
    Rule("IssuerOfPatientID", 0x00100021, "LO", False, identifies=True),
    Rule("PatientBirthDate", 0x00100030, "DA", True),
    Rule("PatientSex", 0x00100040, "CS", True, terms=("M", "F", "O")),
    Rule("PatientAge", 0x00101010, "AS", False),
    Rule("PatientSize", 0x00101020, "DS", False),
    Rule("PatientWeight", 0x00101030, "DS", False),
    Rule("StudyInstanceUID", 0x0020000D, "UI", True, identifies=True),
    Rule("StudyID", 0x00200010, "SH", True, identifies=True),
)
REFERENCES = {
    "SOPClassUID": 0x00080016, "SOPInstanceUID": 0x00080018,
    "StudyInstanceUID": 0x0020000D, "SeriesInstanceUID": 0x0020000E,
}  # fmt: skip
"""By these an object names its source; none can be repaired."""


@dataclass(frozen=True)
class TakenOver:
    """Values by keyword, those of ``REFERENCES`` apart, and the names of what was repaired."""

    values: Mapping[str, str]
    reference: Mapping[str, str]
    repaired: tuple[str, ...] = field(default=())


def taken_over(source: "Dataset") -> TakenOver:
    """What objects about ``source`` say of patient and study.

    Raises Refused: ``no_uid``, ``bad_uid``, ``bad_identity``, ``bad_character_set``.
    """
    reference = {keyword: uid_in(source, keyword) for keyword in REFERENCES}
    values, repaired = {}, []
    for rule in RULES:
        text = text_of(source, rule.tag)
        good = _allowed(rule, text or "")
        if good is None and rule.identifies:
            refuse(
                "bad_identity",
                f"({rule.tag >> 16:04X},{rule.tag & 0xFFFF:04X}) {rule.keyword} holds what the "
                "standard does not allow; correct it at the source",
            )
        if good or rule.needed:
            values[rule.keyword] = good or ""
        if good != (text or ""):
            repaired.append(rule.keyword)
    return TakenOver(values, reference, tuple(repaired))


def put_into(dataset: "Dataset", taken: TakenOver) -> None:
    """Write patient and study into an object, which is in UTF-8 (PS3.5 6.1.2.3, ISO_IR 192)."""
    dataset.SpecificCharacterSet = "ISO_IR 192"
    for keyword, value in taken.values.items():
        setattr(dataset, keyword, value)


def body_part(source: "Dataset") -> str:
    """The source's Body Part Examined; where it says none, CHEST, which is what was looked at."""
    part = _code(text_of(source, 0x00180015) or "")
    return part or "CHEST"


def uid_in(source: "Dataset", keyword: str) -> str:
    """One of ``REFERENCES``. Raises Refused: ``no_uid``, ``bad_uid``."""
    value = (text_of(source, REFERENCES[keyword]) or "").strip()
    if not value:
        refuse("no_uid", f"has no {keyword}, by which a report could name it")
    if len(value) > LONGEST["UI"] or not UID.fullmatch(value):
        refuse("bad_uid", f"has a {keyword} that is no UID")
    return value


def _allowed(rule: Rule, text: str) -> str | None:
    """The value as the standard allows it; blank for none, None where it does not say how."""
    if not text.strip():
        return ""
    good = BY_VR[rule.vr](text)
    if good and rule.keyword == "TimezoneOffsetFromUTC" and not OFFSET.fullmatch(good):
        return None
    return good if not rule.terms or good in rule.terms else None


def _date(text: str) -> str | None:
    text = OLD_DATE.sub(r"\1\2\3", text.strip())
    try:
        return text if re.fullmatch(r"\d{8}", text) and datetime.strptime(text, "%Y%m%d") else None
    except ValueError:
        return None


def _time(text: str) -> str | None:
    text = OLD_TIME.sub(r"\1\2\3", text.strip())
    return text if TIME.fullmatch(text) else None


def _age(text: str) -> str | None:
    found = AGE.fullmatch(text.strip())
    return f"{int(found[1]):03d}{found[2].upper()}" if found else None


def _code(text: str) -> str | None:
    text = text.strip().upper()
    return text if re.fullmatch(r"[A-Z0-9 _]{1,16}", text) else None


def _decimal(text: str) -> str | None:
    text = text.strip()
    return text if len(text) <= LONGEST["DS"] and NUMBER.fullmatch(text) else None


def _plain(longest: int) -> Callable[[str], str | None]:
    return lambda text: None if len(text) > longest or CONTROL.search(text) else text


def _name(text: str) -> str | None:
    groups = text.split("=")
    fits = len(groups) <= 3 and all(len(g) <= 64 and g.count("^") <= 4 for g in groups)
    return text if fits and not CONTROL.search(text) else None


BY_VR: dict[str, Callable[[str], str | None]] = {
    "DA": _date, "TM": _time, "AS": _age, "CS": _code, "DS": _decimal, "PN": _name,
    "LO": _plain(LONGEST["LO"]), "SH": _plain(LONGEST["SH"]), "UI": _plain(LONGEST["UI"]),
}  # fmt: skip
