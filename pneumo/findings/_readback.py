"""What an object says, read from the object alone, and where that differs from its row."""

import re
from collections.abc import Iterator
from dataclasses import dataclass, field
from typing import TYPE_CHECKING

from pneumo.detection.boxes import Box
from pneumo.dicom.ours import KINDS, ours
from pneumo.findings._headers import TakenOver
from pneumo.findings._results import Row
from pneumo.findings._uids import OWN, own_uids

if TYPE_CHECKING:
    from pydicom import Dataset

PIXEL = 1e-3
"""Coordinates are in single precision: at 5,000 px they are told to 0.0003."""
PROBABILITY = 1e-4
GROUP, REGION, CERTAINTY = ("125007", "DCM"), ("111030", "DCM"), ("111012", "DCM")
EVALUATIONS, FINDINGS = ("C0034375", "UMLS"), ("111017", "DCM")
WITH, WITHOUT = "111242", "111241"


@dataclass
class Said:
    """The contents of an object; a presentation state's boxes have no confidence."""

    kind: str
    sources: set[str] = field(default_factory=set)
    boxes: list[Box] = field(default_factory=list)
    positive: bool | None = None
    probability: float | None = None
    texts: str = ""


def kind_of(dataset: "Dataset") -> str:
    """``sr``, ``gsps`` or ``sc``; blank for what is no object of ours."""
    names = {uid: name for name, uid in KINDS.items()}
    return names[str(dataset.SOPClassUID)] if ours(dataset) else ""


def read_back(dataset: "Dataset") -> Said:
    """What an object of ours says. Raises LookupError, AttributeError, ValueError for another."""
    said = Said(kind_of(dataset))
    said.sources = sources_of(dataset)
    if said.kind == "sr":
        _read_report(dataset, said)
    elif said.kind == "gsps":
        _read_presentation(dataset, said)
    else:
        said.texts = str(dataset.get("DerivationDescription", ""))
    return said


def sources_of(dataset: "Dataset") -> set[str]:
    """The instances that an object refers to, reports before it aside."""
    named = {e.value for e in dataset.iterall() if e.keyword == "ReferencedSOPInstanceUID"}
    return {str(uid) for uid in named} - {str(uid) for uid in _predecessors(dataset)}


def faults_of(
    dataset: "Dataset", row: Row, taken: TakenOver, source_sum: str
) -> Iterator[str]:  # fmt: skip
    """Where an object of ours disagrees with its row or its source; in words without values."""
    try:
        said = read_back(dataset)
    except (LookupError, AttributeError, ValueError, TypeError):
        yield "cannot be read as an object of findings"
        return
    if said.sources != {row.instance_uid}:
        yield "is about another radiograph"
    for keyword, value in {**taken.values, **_study(taken)}.items():
        if str(dataset.get(keyword, "") or "") != value:
            yield f"its {keyword} is not its source's"
    if any(keyword not in dataset for keyword in OWN):
        yield "has no UID"
    elif not is_intact(dataset, source_sum):
        yield "its UIDs do not follow from its contents: it was changed, or is about another file"
    if row.digest not in f"{said.texts} {dataset.get('DeviceSerialNumber', '')}":
        yield "names another model"
    if _software(dataset) != row.software:
        yield "names another version, engine or precision"
    if "clinical" not in said.texts:
        yield "does not say that it is not for clinical use"
    if said.kind in ("sr", "gsps"):
        yield from _box_faults(said, row)
    if said.kind == "sr" and said.positive is not row.positive:
        yield "says with findings where there are none, or the other way round"
    if said.kind == "sr" and not _near(said.probability, row.probability, PROBABILITY):
        yield "tells another probability"


def is_intact(dataset: "Dataset", source_sum: str) -> bool:
    """Whether an object's UIDs follow from its contents."""
    return own_uids(dataset, source_sum) == {name: str(dataset.get(name, "")) for name in OWN}


def _box_faults(said: Said, row: Row) -> Iterator[str]:
    """Boxes are compared as they come: they were written in the row's order."""
    if len(said.boxes) != len(row.boxes):
        yield f"has {len(said.boxes)} boxes, its row {len(row.boxes)}"
        return
    for number, (found, box) in enumerate(zip(said.boxes, row.boxes, strict=True), start=1):
        sides = ("x", "y", "width", "height")
        if not all(_near(getattr(found, s), getattr(box, s), PIXEL) for s in sides):
            yield f"box {number} is more than {PIXEL:g} px from its row's"
        if said.kind == "sr" and not _near(found.confidence, box.confidence, PROBABILITY):
            yield f"box {number} has another certainty"


def _software(dataset: "Dataset") -> list[str]:
    told = dataset.get("SoftwareVersions") or []
    return [told] if isinstance(told, str) else list(told)


def _near(one: float | None, other: float, most: float) -> bool:
    return one is not None and abs(one - other) <= most


def _study(taken: TakenOver) -> dict[str, str]:
    return {"StudyInstanceUID": taken.reference["StudyInstanceUID"]}


def _read_report(dataset: "Dataset", said: Said) -> None:
    for item in _items(dataset):
        if _name(item) == GROUP:
            said.boxes.append(_box_of(item))
        if _name(item) == EVALUATIONS:
            for inner in item.ContentSequence:
                if _name(inner) == FINDINGS:
                    value = inner.ConceptCodeSequence[0].CodeValue
                    said.positive = {WITH: True, WITHOUT: False}[value]
                said.texts += str(inner.get("TextValue", ""))
    if found := re.search(r"probability\D*(\d\.\d+)", said.texts):
        said.probability = float(found[1])


def _box_of(group: "Dataset") -> Box:
    inner = {_name(item): item for item in group.ContentSequence}
    certainty = inner[CERTAINTY].MeasuredValueSequence[0].NumericValue
    return _rectangle(inner[REGION].GraphicData, float(certainty) / 100)


def _rectangle(points: "list[float]", confidence: float) -> Box:
    across, down = list(map(float, points[0::2])), list(map(float, points[1::2]))
    if len(across) != 5 or (across[0], down[0]) != (across[4], down[4]):
        raise ValueError("no closed rectangle")
    x, y = min(across), min(down)
    if {*across, *down} != {x, y, max(across), max(down)}:
        raise ValueError("no rectangle along the axes")
    return Box(x, y, max(across) - x, max(down) - y, confidence)


def _read_presentation(dataset: "Dataset", said: Said) -> None:
    for annotation in dataset.GraphicAnnotationSequence:
        for graphic in annotation.get("GraphicObjectSequence", []):
            said.boxes.append(_rectangle(graphic.GraphicData, 1.0))
        for text in annotation.get("TextObjectSequence", []):
            said.texts += str(text.UnformattedTextValue)


def _items(item: "Dataset") -> "Iterator[Dataset]":
    for inner in item.get("ContentSequence", []):
        yield inner
        yield from _items(inner)


def _name(item: "Dataset") -> tuple[str, str] | None:
    names = item.get("ConceptNameCodeSequence")
    return (names[0].CodeValue, names[0].CodingSchemeDesignator) if names else None


def _predecessors(dataset: "Dataset") -> Iterator[str]:
    for study in dataset.get("PredecessorDocumentsSequence", []):
        for series in study.ReferencedSeriesSequence:
            for reference in series.ReferencedSOPSequence:
                yield reference.ReferencedSOPInstanceUID
