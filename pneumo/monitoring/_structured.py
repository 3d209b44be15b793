"""A reader's report as verdicts: a DICOM SR by TID 1500, Imaging Measurement Report (PS3.16).

Of each radiograph that the report refers to: an opacity where a measurement group has a region on
it, or where the report says so of all; clear where it says so, and no group is there. A report of a
device, such as the ensemble's own, is no reader's. The reader is a pseudonym made from the name of
the person observer with the site's key; neither the name nor a UID is kept.
"""

from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any

from pneumo.base.errors import DataError
from pneumo.dicom.identity import read_dataset
from pneumo.monitoring._boxes import NoBoxError, box_around
from pneumo.monitoring._verdicts import CLEAR, OPACITY, Verdict
from pneumo.site.sitekey import person_of

if TYPE_CHECKING:
    from pydicom import Dataset

Code = tuple[str, str]
REPORT: Code = ("126000", "DCM")
PERSON_NAME: Code = ("121008", "DCM")
GROUP: Code = ("125007", "DCM")
FINDING: Code = ("121071", "DCM")
SUMMARY: Code = ("111017", "DCM")

WITHOUT = {
    ("111241", "DCM"),  # all algorithms succeeded; without findings
    ("17621005", "SCT"),  # normal
    ("281900007", "SCT"),  # no abnormality detected
    ("2667000", "SCT"),  # absent
    ("373067005", "SCT"),  # no
}
WITH = {
    ("111242", "DCM"),  # all algorithms succeeded; with findings
    ("112001", "DCM"),  # opacity
    ("233604007", "SCT"),  # pneumonia
    ("95436008", "SCT"),  # lung consolidation
    ("52101004", "SCT"),  # present
    ("373066001", "SCT"),  # yes
}


def read_report(path: Path, key: bytes) -> list[Verdict]:
    """The verdicts of one report, one per radiograph.

    DataError, in a line that names nobody, for another object, a device's report, and a report
    that says neither.
    """
    try:
        report = read_dataset(path)
        return _read(report, path, key)
    except DataError:
        raise
    except NoBoxError as error:
        raise DataError(f"{path}: {error}; nothing was taken in") from None
    except Exception:  # pydicom raises many kinds on a broken sequence
        raise DataError(f"{path}: cannot be read as a DICOM object") from None


def _read(report: "Dataset", path: Path, key: bytes) -> list[Verdict]:
    root = _code_of(report, "ConceptNameCodeSequence")
    if root != REPORT:
        raise DataError(f"{path}: is no Imaging Measurement Report (TID 1500)")
    items = [*_all(report)]
    names = [str(i.PersonName) for i in items if _named(i) == PERSON_NAME and "PersonName" in i]
    if not names or not names[0].strip():
        raise DataError(f"{path}: names no person who read it; a device's report is no verdict")
    reader = f"reader-{person_of(names[0].strip().lower(), key)[:12]}"
    return [*_verdicts(report, path, reader, "yes" if _follows(report) else "", key)]


def _verdicts(
    report: "Dataset", path: Path, reader: str, seen: str, key: bytes
) -> Iterator[Verdict]:
    boxes: dict[str, list[list[float]]] = {}
    for group in (item for item in _all(report) if _named(item) == GROUP):
        if not any(_value(item) in WITHOUT for item in _all(group)):
            for uid, box in _regions(group):
                boxes.setdefault(uid, []).append(box)
    said = {_value(item) for item in _all(report) if _named(item) in (FINDING, SUMMARY)}
    images = dict.fromkeys([*_images(report), *boxes])
    if not images:
        raise DataError(f"{path}: refers to no radiograph")
    if not boxes and not said & (WITH | WITHOUT):
        raise DataError(f"{path}: says neither that there is an opacity nor that there is none")
    if not boxes and said & WITH and said & WITHOUT:
        raise DataError(f"{path}: says both that there is an opacity and that there is none")
    for uid in images:
        found = uid in boxes or (not boxes and bool(said & WITH))
        if not found and boxes and len(images) > 1 and not said & WITHOUT:
            continue  # the regions are on another radiograph; of this one nothing is said
        verdict = OPACITY if found else CLEAR
        told = boxes.get(uid) if found else []
        yield Verdict("", person_of(uid, key), reader, verdict, told, seen, "")


def _regions(group: "Dataset", measured: bool = False) -> Iterator[tuple[str, list[float]]]:
    """Each region with the instance it is on: ``x, y, width, height`` in pixels.

    What was ``measured`` may be a line along a row; a region has an area: NoBoxError.
    """
    for item in group.get("ContentSequence", []):
        if item.get("ValueType") == "SCOORD" and item.get("GraphicType") != "POINT":
            try:
                numbers = [float(number) for number in _several(item.get("GraphicData"))]
                box = box_around(str(item.get("GraphicType", "")), numbers)
            except NoBoxError:
                if not measured:
                    raise
                continue
            for uid in _images(item):
                yield uid, box
        else:
            yield from _regions(item, measured or item.get("ValueType") == "NUM")


def _several(value: Any) -> Sequence[Any]:
    return value if isinstance(value, Sequence) else [value]


def _images(item: "Dataset") -> Iterator[str]:
    for below in _all(item):
        if below.get("ValueType") == "IMAGE":
            for reference in below.get("ReferencedSOPSequence", []):
                yield str(reference.ReferencedSOPInstanceUID)


def _follows(report: "Dataset") -> bool:
    """Whether it goes on from a report of before, which its reader then has seen."""
    return bool(report.get("PredecessorDocumentsSequence"))


def _all(item: "Dataset") -> Iterator["Dataset"]:
    for child in item.get("ContentSequence", []):
        yield child
        yield from _all(child)


def _named(item: "Dataset") -> Code | None:
    return _code_of(item, "ConceptNameCodeSequence")


def _value(item: "Dataset") -> Code | None:
    return _code_of(item, "ConceptCodeSequence")


def _code_of(item: "Dataset", sequence: str) -> Code | None:
    for code in item.get(sequence, []):
        return str(code.get("CodeValue", "")), str(code.get("CodingSchemeDesignator", ""))
    return None
