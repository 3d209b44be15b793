"""The report: a Comprehensive SR by TID 1500, Imaging Measurement Report (PS3.16)."""

from collections.abc import Iterable, Mapping
from typing import TYPE_CHECKING, Any

import numpy as np

from pneumo.detection.boxes import Box
from pneumo.findings._subject import ALGORITHM, WARNING, Subject, begun, named, reference
from pneumo.findings._texts import text_of
from pneumo.findings._uids import uid_of

if TYPE_CHECKING:
    from highdicom.sr import CodedConcept
    from pydicom import Dataset

Item = Any
"""A content item of highdicom, which pydicom's types do not know."""

Code = tuple[str, str, str]
CODES: dict[str, Code] = {
    "report": ("126000", "DCM", "Imaging Measurement Report"),
    "language": ("121049", "DCM", "Language of Content Item and Descendants"),
    "english": ("en", "RFC5646", "English"),
    "observer type": ("121005", "DCM", "Observer Type"),
    "device": ("121007", "DCM", "Device"),
    "observer uid": ("121012", "DCM", "Device Observer UID"),
    "observer name": ("121013", "DCM", "Device Observer Name"),
    "observer manufacturer": ("121014", "DCM", "Device Observer Manufacturer"),
    "observer model": ("121015", "DCM", "Device Observer Model Name"),
    "procedure": ("121058", "DCM", "Procedure reported"),
    "chest imaging": ("413815006", "SCT", "Chest imaging"),
    "library": ("111028", "DCM", "Image Library"),
    "library group": ("126200", "DCM", "Image Library Group"),
    "source": ("260753009", "SCT", "Source"),
    "modality": ("121139", "DCM", "Modality"),
    "pixel rows": ("110910", "DCM", "Pixel Data Rows"),
    "pixel columns": ("110911", "DCM", "Pixel Data Columns"),
    "pixels": ("{pixels}", "UCUM", "pixels"),
    "measurements": ("126010", "DCM", "Imaging Measurements"),
    "group": ("125007", "DCM", "Measurement Group"),
    "tracking": ("112039", "DCM", "Tracking Identifier"),
    "tracking uid": ("112040", "DCM", "Tracking Unique Identifier"),
    "finding": ("121071", "DCM", "Finding"),
    "opacity": ("112001", "DCM", "Opacity"),
    "site": ("363698007", "SCT", "Finding Site"),
    "lung": ("39607008", "SCT", "Lung"),
    "region": ("111030", "DCM", "Image Region"),
    "certainty": ("111012", "DCM", "Certainty of Finding"),
    "percent": ("%", "UCUM", "percent"),
    "family": ("111000", "DCM", "Algorithm Family"),
    "intelligence": ("123110", "DCM", "Artificial Intelligence"),
    "algorithm": ("111001", "DCM", "Algorithm Name"),
    "parameters": ("111002", "DCM", "Algorithm Parameters"),
    "version": ("111003", "DCM", "Algorithm Version"),
    "evaluations": ("C0034375", "UMLS", "Qualitative Evaluations"),
    "summary": ("111017", "DCM", "CAD Processing and Findings Summary"),
    "without": ("111241", "DCM", "All algorithms succeeded; without findings"),
    "with": ("111242", "DCM", "All algorithms succeeded; with findings"),
    "comment": ("121106", "DCM", "Comment"),
}
MODALITIES = {"CR": "Computed Radiography", "DX": "Digital Radiography"}

CONTAINS, MODIFIED, CONTEXT = "CONTAINS", "HAS CONCEPT MOD", "HAS OBS CONTEXT"
ACQUIRED, SELECTED = "HAS ACQ CONTEXT", "SELECTED FROM"
REPORT, LIBRARY, GROUP = "1500", "1600", "1410"
"""Templates of PS3.16."""


def report(subject: Subject) -> "Dataset":
    """The report on one radiograph; it names those that were sent before."""
    dataset = begun(subject, "sr")
    dataset.ReferencedPerformedProcedureStepSequence = []
    dataset.PerformedProcedureCodeSequence = []
    dataset.ContentDate, dataset.ContentTime = subject.date, subject.time
    dataset.CompletionFlag, dataset.VerificationFlag = "COMPLETE", "UNVERIFIED"
    dataset.PreliminaryFlag = "PRELIMINARY"
    own = subject.taken.reference
    dataset.CurrentRequestedProcedureEvidenceSequence = [
        _evidence(own["StudyInstanceUID"], own["SeriesInstanceUID"], reference(subject))
    ]
    if subject.earlier:
        dataset.PredecessorDocumentsSequence = _predecessors(subject.earlier)
    dataset.update(_root(subject))
    return named(dataset, subject)


def _predecessors(earlier: Iterable[Mapping[str, str]]) -> "list[Dataset]":
    """Rows of the index as items that name the reports, each in a series of its own."""
    from pydicom import Dataset

    items = []
    for row in earlier:
        item = Dataset()
        item.ReferencedSOPClassUID = row["sop_class_uid"]
        item.ReferencedSOPInstanceUID = row["sop_instance_uid"]
        items.append(_evidence(row["study_instance_uid"], row["series_instance_uid"], item))
    return items


def _evidence(study_uid: str, series_uid: str, item: "Dataset") -> "Dataset":
    """An instance with its series and study (PS3.3 C.17.2, Table C.17-3)."""
    from pydicom import Dataset

    study, series = Dataset(), Dataset()
    series.SeriesInstanceUID, series.ReferencedSOPSequence = series_uid, [item]
    study.StudyInstanceUID, study.ReferencedSeriesSequence = study_uid, [series]
    return study


def _root(subject: Subject) -> Item:
    root = _container("report", None, REPORT)
    children = [
        _code("language", "english", MODIFIED),
        _code("observer type", "device", CONTEXT),
        _uid("observer uid", uid_of("device", subject.row.digest), CONTEXT),
        _text("observer name", ALGORITHM, CONTEXT),
        _text("observer manufacturer", "pneumo", CONTEXT),
        _text("observer model", f"{ALGORITHM}, version {subject.version}", CONTEXT),
        _code("procedure", "chest imaging", MODIFIED),
        _library(subject),
    ]
    measurements = _container("measurements")
    groups = [_group(subject, number, box) for number, box in enumerate(subject.row.boxes)]
    if groups:
        measurements.ContentSequence = groups
    children += [measurements, _evaluations(subject)]
    root.ContentSequence = children
    return root


def _library(subject: Subject) -> Item:
    """The radiograph with what is told of it; nothing is made up of what it lacks (TID 1600)."""
    from highdicom.sr import CodeContentItem, CodedConcept

    library, group = _container("library", template=LIBRARY), _container("library group")
    image = _image(subject, CONTAINS)
    facts: list[Item] = [
        _number("pixel rows", subject.row.rows, "pixels", ACQUIRED),
        _number("pixel columns", subject.row.columns, "pixels", ACQUIRED),
    ]
    modality = (text_of(subject.source, 0x00080060) or "").strip().upper()
    if modality in MODALITIES:
        value = CodedConcept(modality, "DCM", MODALITIES[modality])
        facts.insert(0, CodeContentItem(_concept("modality"), value, ACQUIRED))
    image.ContentSequence = facts
    group.ContentSequence = [image]
    library.ContentSequence = [group]
    return library


def _group(subject: Subject, number: int, box: Box) -> Item:
    """A box with its certainty (TID 1410)."""
    from highdicom.sr import ScoordContentItem

    group = _container("group", template=GROUP)
    region: Item = ScoordContentItem(
        _concept("region"), "POLYLINE", corners(box), relationship_type=CONTAINS
    )
    region.ContentSequence = [_image(subject, SELECTED)]
    group.ContentSequence = [
        _text("tracking", f"Opacity {number + 1}", CONTEXT),
        _uid("tracking uid", subject.box_uid(number), CONTEXT),
        _code("finding", "opacity", CONTAINS),
        _code("site", "lung", MODIFIED),
        *_algorithm(subject),
        region,
        _number("certainty", round(100 * box.confidence, 4), "percent", CONTAINS),
    ]
    return group


def _algorithm(subject: Subject) -> list[Item]:
    """TID 4019, Algorithm Identification."""
    return [
        _code("family", "intelligence", MODIFIED),
        _text("algorithm", ALGORITHM, MODIFIED),
        _text("version", subject.version, MODIFIED),
        *(_text("parameters", text, MODIFIED) for text in parameters(subject)),
    ]


def parameters(subject: Subject) -> list[str]:
    """What an answer depends on beside the radiograph."""
    row = subject.row
    told = {"sha256": row.digest, "engine": row.engine, "precision": row.precision}
    return [f"{name}={value}" for name, value in told.items() if value]


def _evaluations(subject: Subject) -> Item:
    """The whole radiograph: with or without findings, and its probability."""
    container = _container("evaluations")
    row = subject.row
    review = f" Read first: {row.review}." if row.review else ""
    container.ContentSequence = [
        _code("summary", "with" if row.positive else "without", CONTAINS),
        _text(
            "comment",
            f"{subject.summary()}; probability of an opacity on the image {row.probability:.6f}; "
            f"model {subject.version}, sha256 {row.digest}. {WARNING}.{review}",
            CONTAINS,
        ),
    ]
    return container


def corners(box: Box) -> np.ndarray:
    """The closed rectangle of a box: float32 ``(5, 2)``, column and row from the image's corner."""
    right, bottom = box.x + box.width, box.y + box.height
    return np.array(
        [(box.x, box.y), (right, box.y), (right, bottom), (box.x, bottom), (box.x, box.y)],
        np.float32,
    )


def _concept(name: str) -> "CodedConcept":
    from highdicom.sr import CodedConcept

    return CodedConcept(*CODES[name])


def _container(name: str, relation: str | None = CONTAINS, template: str | None = None) -> Item:
    from highdicom.sr import ContainerContentItem

    return ContainerContentItem(_concept(name), False, template, relation)


def _code(name: str, value: str, relation: str) -> Item:
    from highdicom.sr import CodeContentItem

    return CodeContentItem(_concept(name), _concept(value), relation)


def _text(name: str, value: str, relation: str) -> Item:
    from highdicom.sr import TextContentItem

    return TextContentItem(_concept(name), value, relation)


def _uid(name: str, value: str, relation: str) -> Item:
    from highdicom.sr import UIDRefContentItem

    return UIDRefContentItem(_concept(name), value, relation)


def _number(name: str, value: float, unit: str, relation: str) -> Item:
    from highdicom.sr import NumContentItem

    return NumContentItem(_concept(name), value, _concept(unit), relationship_type=relation)


def _image(subject: Subject, relation: str) -> Item:
    from highdicom.sr import ImageContentItem

    own = subject.taken.reference
    uids = own["SOPClassUID"], own["SOPInstanceUID"]
    return ImageContentItem(_concept("source"), *uids, relationship_type=relation)
