"""What sources may not say: repaired in the copy where the standard says how, else refused."""

import hashlib
import random

import pytest
from pydicom import config, uid

from pneumo.findings import write
from tests.findings.made import (
    BOXES,
    errors_of,
    index_of,
    needs_dciodvfy,
    objects_of,
    radiograph,
    refused_in,
    results,
)

REPAIRED = [
    ("PatientAge", "55", None),  # years, days? nobody says
    ("PatientAge", "055Y", "055Y"),
    ("PatientAge", "55Y", "055Y"),
    ("PatientAge", "7m", "007M"),
    ("PatientSex", "f", "F"),
    ("PatientSex", "female", ""),
    ("PatientSex", "U", ""),
    ("StudyDate", "2026.01.02", "20260102"),
    ("StudyDate", "20261302", ""),
    ("StudyDate", "2026", ""),
    ("PatientBirthDate", "1950-12-31", ""),
    ("PatientBirthDate", "19500229", ""),
    ("StudyTime", "13:14:15.5", "131415.5"),
    ("StudyTime", "1314", "1314"),
    ("StudyTime", "256161", ""),
    ("StudyTime", "131415.1234567", ""),
    ("PatientWeight", "70,5", None),
    ("PatientWeight", "70.5", "70.5"),
    ("PatientSize", "1.8m", None),
    ("TimezoneOffsetFromUTC", "+2500", None),
    ("TimezoneOffsetFromUTC", "CET", None),
    ("StudyDescription", "x" * 65, None),
    ("StudyDescription", "Thorax pa", "Thorax pa"),
    ("ReferringPhysicianName", "x" * 65, ""),
    ("BodyPartExamined", "chest", "CHEST"),
    ("BodyPartExamined", "the whole thorax of him", "CHEST"),
]
REFUSED = [
    ("SOPInstanceUID", None, "no_uid"),
    ("SOPInstanceUID", "", "no_uid"),
    ("SOPInstanceUID", "1.2.03.4", "bad_uid"),
    ("SeriesInstanceUID", None, "no_uid"),
    ("StudyInstanceUID", None, "no_uid"),
    ("StudyInstanceUID", "1.2." + "3" * 62, "bad_uid"),
    ("StudyInstanceUID", "study-1", "bad_uid"),
    ("PatientID", "x" * 65, "bad_identity"),
    ("PatientID", "A\\B", "bad_identity"),
    ("PatientName", "x" * 65, "bad_identity"),
    ("PatientName", "A^B^C^D^E^F", "bad_identity"),
    ("AccessionNumber", "12345678901234567", "bad_identity"),
    ("StudyID", "12345678901234567", "bad_identity"),
]


@pytest.fixture(autouse=True)
def anything_may_be_written(monkeypatch):
    monkeypatch.setattr(config.settings, "writing_validation_mode", config.IGNORE)
    monkeypatch.setattr(config.settings, "reading_validation_mode", config.IGNORE)


def with_value(path, keyword, value):
    """A radiograph that says it, also where pydicom would not write it."""
    number = keyword in ("PatientWeight", "PatientSize")
    radiograph(path, **{keyword: "12.5" if number else value})
    if number:
        data = path.read_bytes()
        assert data.count(b"DS\x04\x0012.5") == 1
        path.write_bytes(data.replace(b"DS\x04\x0012.5", b"DS\x04\x00" + value.encode()))
    return path


@pytest.mark.parametrize(("keyword", "value", "expected"), REPAIRED)
def test_what_describes_is_repaired_or_left_out(tmp_path, keyword, value, expected):
    path = with_value(tmp_path / "one.dcm", keyword, value)
    write(results(tmp_path / "results", {path: BOXES}), tmp_path / "objects")
    found = objects_of(tmp_path / "objects")
    for kind, dataset in found.items():
        if keyword != "BodyPartExamined" or kind == "gsps":
            shown = dataset.get(keyword)
            assert shown == expected if expected is None else str(shown or "") == expected
    if keyword != "BodyPartExamined":
        repaired = {row["repaired"] for row in index_of(tmp_path / "objects")}
        assert repaired == {"" if value == expected else keyword}


@needs_dciodvfy
@pytest.mark.parametrize("keyword", sorted({keyword for keyword, _, _ in REPAIRED}))
def test_a_repaired_copy_has_no_error(tmp_path, keyword):
    value = next(
        value for name, value, expected in REPAIRED if name == keyword and value != expected
    )
    path = with_value(tmp_path / "one.dcm", keyword, value)
    write(results(tmp_path / "results", {path: BOXES}), tmp_path / "objects")
    assert [errors_of(path) for path in (tmp_path / "objects").glob("*.dcm")] == [[], []]


@pytest.mark.parametrize(("keyword", "value", "reason"), REFUSED)
def test_what_identifies_is_never_changed(tmp_path, keyword, value, reason):
    path = radiograph(tmp_path / "one.dcm", **{keyword: value})
    other = radiograph(tmp_path / "two.dcm", number=2)
    found = write(results(tmp_path / "results", {path: BOXES, other: []}), tmp_path / "objects")
    assert (found["sr"], found["gsps"], found["refused"]) == (1, 1, 1)
    (row,) = refused_in(tmp_path / "objects")
    assert (row["file"], row["reason"]) == (str(path), reason)
    assert value is None or len(value) < 9 or value not in row["message"]
    assert {row["source_sop_instance_uid"][-3:] for row in index_of(tmp_path / "objects")} == {
        "2.3"
    }


@pytest.mark.parametrize(
    ("terms", "name"),
    [(None, "Müller".encode("latin-1")), ("ISO_IR 192", "Müller".encode("latin-1")),
     ("ISO_IR 999", b"Muller"), ("ISO_IR 6", "Müller".encode())],
)  # fmt: skip
def test_a_name_that_its_character_set_does_not_allow_is_refused(tmp_path, terms, name):
    path = radiograph(tmp_path / "one.dcm", SpecificCharacterSet=terms, PatientName="CANARY")
    data = path.read_bytes()
    at = data.index(b"CANARY", data.index(b"\x10\0\x10\0PN"))
    path.write_bytes(data[:at] + (name[:6]) + data[at + 6 :])
    found = write(results(tmp_path / "results", {path: BOXES}), tmp_path / "objects")
    assert found["reasons"] == {"bad_character_set": 1}


def test_two_radiographs_of_one_uid_are_both_refused(tmp_path):
    one = radiograph(tmp_path / "one.dcm")
    other = radiograph(tmp_path / "two.dcm", PatientID="SOMEBODY ELSE")
    found = write(results(tmp_path / "results", {one: [], other: []}), tmp_path / "objects")
    assert found["reasons"] == {"ambiguous_uid": 2}
    assert index_of(tmp_path / "objects") == []


def test_copies_of_one_radiograph_get_their_objects_once(tmp_path):
    one = radiograph(tmp_path / "one.dcm")
    other = radiograph(tmp_path / "two.dcm", syntax=uid.ImplicitVRLittleEndian)
    found = write(results(tmp_path / "results", {one: BOXES, other: BOXES}), tmp_path / "objects")
    assert (found["sr"], found["gsps"], found["refused"]) == (1, 1, 0)


def test_a_picture_file_has_no_study_to_report_into(tmp_path):
    path = radiograph(tmp_path / "one.dcm")
    folder = results(tmp_path / "results", {path: []}, instance_uid="", file="picture.png")
    assert write(folder, tmp_path / "objects")["reasons"] == {"no_uid": 1}


@pytest.mark.parametrize("how", ["gone", "changed", "moved", "fetched"])
def test_a_source_is_known_by_its_sum_or_below_a_folder_by_its_uid(tmp_path, how):
    path = radiograph(tmp_path / "inbox/one.dcm")
    folder = results(tmp_path / "results", {path: BOXES})
    (tmp_path / "other").mkdir()
    sources = None
    if how == "changed":
        radiograph(path, PatientID="SOMEBODY ELSE")
    elif how == "fetched":  # as a PACS gives it: another file meta, another transfer syntax
        path.unlink()
        radiograph(tmp_path / "other/x.dcm", syntax=uid.ImplicitVRLittleEndian)
        sources = tmp_path / "other"
    else:
        path.rename(tmp_path / "other/moved.dcm")
        sources = tmp_path / "other" if how == "moved" else None
    found = write(folder, tmp_path / "objects", sources=sources)
    refused = {"gone": 1, "changed": 1, "moved": 0, "fetched": 0}[how]
    assert (found["refused"], found["sr"]) == (refused, 1 - refused)
    assert set(found["reasons"]) <= {"no_source"}


def test_a_damaged_header_is_refused_or_written_and_never_stops_the_others(tmp_path):
    """A few bytes of the header differ; every such file has an answer of its own."""
    whole = radiograph(tmp_path / "whole.dcm", WindowCenter=[2000, 1], WindowWidth=[3000, 4],
                       RescaleSlope="1", RescaleIntercept="0", PixelSpacing=[0.1, 0.2])  # fmt: skip
    good, chance = whole.read_bytes(), random.Random(7)
    row = results(tmp_path / "results", {whole: BOXES}) / "predictions.csv"
    head, line = row.read_text().splitlines()
    before = good.rindex(b"\xe0\x7f\x10\0")
    lines = []
    for number in range(80):
        data = bytearray(good)
        for _ in range(chance.choice((1, 2, 4))):
            data[chance.randrange(340, before)] = chance.choice((0, 32, 92, 200, 255))
        path = tmp_path / f"{number}.dcm"
        path.write_bytes(data)
        content = hashlib.sha256(data).hexdigest()
        lines.append(line.replace(str(whole), str(path)).replace(
            hashlib.sha256(good).hexdigest(), content))  # fmt: skip
    answers = []
    for one in lines:  # one at a time, since all claim the same UID
        row.write_text(f"{head}\n{one}\n")
        found = write(tmp_path / "results", tmp_path / "objects")
        answers.append((found["sr"], found["refused"]))
    assert set(answers) == {(1, 0), (0, 1)}
