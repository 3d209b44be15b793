"""Reports of readers (TID 1500), made here by pydicom, as verdicts."""

from pathlib import Path

import pytest
from pydicom.dataset import Dataset, FileMetaDataset
from pydicom.uid import ExplicitVRLittleEndian, generate_uid

from pneumo.base.errors import DataError
from pneumo.monitoring._structured import read_report
from pneumo.site.sitekey import person_of

KEY = b"k" * 32
UID, OTHER = "1.2.3.4", "1.2.3.5"
NAME = "Vogel^Vera"
CLEAR, OPACITY, PRESENT = ("17621005", "SCT"), ("112001", "DCM"), ("52101004", "SCT")


def code(value: str, scheme: str) -> Dataset:
    item = Dataset()
    item.CodeValue, item.CodingSchemeDesignator, item.CodeMeaning = value, scheme, "meaning"
    return item


def content(kind: str, name=None, children=(), relation="CONTAINS", **values) -> Dataset:
    item = Dataset()
    item.RelationshipType, item.ValueType = relation, kind
    if name:
        item.ConceptNameCodeSequence = [code(*name)]
    for key, value in values.items():
        setattr(item, key, value)
    if children:
        item.ContentSequence = list(children)
    return item


def image(uid: str, relation="CONTAINS") -> Dataset:
    reference = Dataset()
    reference.ReferencedSOPClassUID = "1.2.840.10008.5.1.4.1.1.1.1"
    reference.ReferencedSOPInstanceUID = uid
    return content("IMAGE", relation=relation, ReferencedSOPSequence=[reference])


def region(uid: str, kind: str, points: list[float]) -> Dataset:
    scoord = content(
        "SCOORD", ("111030", "DCM"), [image(uid, "SELECTED FROM")],
        GraphicType=kind, GraphicData=points,
    )  # fmt: skip
    return content("CONTAINER", ("125007", "DCM"), [finding(OPACITY), scoord])


def finding(value) -> Dataset:
    return content("CODE", ("121071", "DCM"), ConceptCodeSequence=[code(*value)])


def reader(name=NAME) -> Dataset:
    return content("PNAME", ("121008", "DCM"), relation="HAS OBS CONTEXT", PersonName=name)


def library(*uids: str) -> Dataset:
    return content("CONTAINER", ("111028", "DCM"), [image(uid) for uid in uids])


def report(path: Path, *children: Dataset, root=("126000", "DCM"), **more) -> Path:
    data = Dataset()
    data.SOPClassUID = "1.2.840.10008.5.1.4.1.1.88.33"
    data.SOPInstanceUID = generate_uid()
    data.Modality, data.ValueType = "SR", "CONTAINER"
    data.ConceptNameCodeSequence = [code(*root)]
    data.ContentSequence = list(children)
    for key, value in more.items():
        setattr(data, key, value)
    data.file_meta = FileMetaDataset()
    data.file_meta.TransferSyntaxUID = ExplicitVRLittleEndian
    data.file_meta.MediaStorageSOPClassUID = data.SOPClassUID
    data.file_meta.MediaStorageSOPInstanceUID = data.SOPInstanceUID
    data.save_as(path, enforce_file_format=True)
    return path


@pytest.mark.parametrize(
    ("kind", "points", "box"),
    [
        ("POLYLINE", [10, 20, 40, 20, 40, 60, 10, 60, 10, 20], [10, 20, 30, 40]),
        ("CIRCLE", [50, 50, 60, 50], [40, 40, 20, 20]),
        ("ELLIPSE", [10, 30, 50, 30, 30, 20, 30, 40], [10, 20, 40, 20]),
    ],
)
def test_a_region_is_an_opacity_with_its_box(tmp_path, kind, points, box):
    path = report(tmp_path / "r.dcm", reader(), library(UID), region(UID, kind, points))
    (verdict,) = read_report(path, KEY)
    assert (verdict.verdict, verdict.boxes) == ("opacity", [box])
    assert verdict.uid == person_of(UID, KEY)
    assert verdict.ai_seen == ""


@pytest.mark.parametrize(
    ("said", "verdict", "boxes"),
    [(CLEAR, "clear", []), (PRESENT, "opacity", None), (("111242", "DCM"), "opacity", None)],
)
def test_without_regions_the_finding_decides_for_each_radiograph(tmp_path, said, verdict, boxes):
    path = report(tmp_path / "r.dcm", reader(), library(UID, OTHER), finding(said))
    found = read_report(path, KEY)
    assert [(one.verdict, one.boxes) for one in found] == [(verdict, boxes)] * 2


def test_of_a_radiograph_without_a_region_nothing_is_said(tmp_path):
    square = region(UID, "POLYLINE", [0, 0, 9, 9])
    path = report(tmp_path / "r.dcm", reader(), library(UID, OTHER), square)
    assert [one.uid for one in read_report(path, KEY)] == [person_of(UID, KEY)]


def test_a_report_that_follows_another_was_written_by_one_who_had_seen_it(tmp_path):
    more = {"PredecessorDocumentsSequence": [Dataset()]}
    path = report(tmp_path / "r.dcm", reader(), library(UID), finding(CLEAR), **more)
    assert [one.ai_seen for one in read_report(path, KEY)] == ["yes"]


def test_neither_the_readers_name_nor_a_uid_is_kept(tmp_path):
    path = report(tmp_path / "r.dcm", reader(), library(UID), finding(CLEAR))
    (verdict,) = read_report(path, KEY)
    assert verdict.reader == f"reader-{person_of(NAME.lower(), KEY)[:12]}"
    assert "vogel" not in str(verdict).lower()
    assert UID not in str(verdict)


@pytest.mark.parametrize(
    ("children", "more", "said"),
    [
        ([library(UID), finding(CLEAR)], {}, "names no person who read it"),
        ([reader(), library(UID)], {}, "says neither"),
        ([reader(), finding(CLEAR)], {}, "refers to no radiograph"),
        ([reader(), library(UID), finding(CLEAR), finding(PRESENT)], {}, "says both"),
        ([reader(), library(UID)], {"root": ("121060", "DCM")}, "is no Imaging Measurement Report"),
    ],
)
def test_what_is_no_verdict_is_refused_in_a_line_that_names_nobody(tmp_path, children, more, said):
    path = report(tmp_path / "r.dcm", *children, **more)
    with pytest.raises(DataError, match=said) as refused:
        read_report(path, KEY)
    assert "Vogel" not in str(refused.value)
