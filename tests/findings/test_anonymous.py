"""Planted identifiers are in no byte of what is de-identified."""

import shutil
import stat
from concurrent.futures import ThreadPoolExecutor
from importlib import import_module, util

import numpy as np
import pytest
from PIL import Image, ImageDraw, ImageFont
from pydicom import Dataset, Sequence, dcmread, uid
from pydicom.dataelem import DataElement
from pydicom.encaps import encapsulate
from typer.testing import CliRunner

from pneumo.base.errors import PneumoError
from pneumo.cli.app import app
from pneumo.dicom import read_radiograph
from pneumo.findings import _burned_in, deidentify, renamed
from pneumo.findings._pseudonyms import key_of
from tests.dicom import files
from tests.findings.made import radiograph

CANARY = "CANARYMAN"
DIGITS = "77665544"
SYNTAXES = [uid.ExplicitVRLittleEndian, uid.ImplicitVRLittleEndian, uid.ExplicitVRBigEndian,
            uid.DeflatedExplicitVRLittleEndian, uid.JPEGBaseline8Bit, uid.JPEGLSLossless,
            uid.RLELossless, uid.JPEG2000Lossless]  # fmt: skip


def planted(path, syntax=uid.ExplicitVRLittleEndian, **tags):
    """A radiograph with a name or a number in every kind of place."""
    deep = Dataset()
    deep.CodeValue, deep.CodingSchemeDesignator, deep.CodeMeaning = CANARY, "99X", CANARY
    deep.OtherPatientIDsSequence = Sequence([Dataset()])
    deep.OtherPatientIDsSequence[0].PatientID = CANARY
    about = {
        "PatientID": CANARY, "PatientName": f"{CANARY}^A", "PatientBirthDate": "19770102",
        "StudyDate": "20250607", "AccessionNumber": CANARY, "StudyID": CANARY,
        "ReferringPhysicianName": CANARY, "StudyDescription": CANARY, "SeriesDescription": CANARY,
        "InstitutionName": CANARY, "OperatorsName": CANARY, "PatientComments": CANARY,
        "ImageComments": CANARY, "DerivationDescription": CANARY, "ProtocolName": CANARY,
        "StationName": CANARY, "DeviceSerialNumber": CANARY, "BodyPartExamined": CANARY,
        "ViewPosition": CANARY, "ImageType": ["ORIGINAL", "PRIMARY", CANARY],
        "SeriesNumber": DIGITS, "InstanceNumber": DIGITS, "AcquisitionNumber": DIGITS,
        "ExposureTime": DIGITS, "WindowCenterWidthExplanation": CANARY,
        "LargestImagePixelValue": 4095, "PatientAge": "077Y", "PatientSex": "F",
        "ViewCodeSequence": Sequence([deep]), "RequestAttributesSequence": Sequence([deep]),
        "ReferencedStudySequence": Sequence([deep]), "EthnicGroup": CANARY,
        "TimezoneOffsetFromUTC": "+0100",
    }  # fmt: skip
    if syntax == uid.JPEGBaseline8Bit:
        stored = files.values(bits=8)
        tags = {"bits": 8, "allocated": 8, **tags}
    else:
        stored = files.values()
    radiograph(path, stored=stored, syntax=syntax, **{**about, **tags})
    data = dcmread(path)
    block = data.private_block(0x0029, CANARY, create=True)
    block.add_new(1, "LO", CANARY)
    block.add_new(2, "SQ", Sequence([deep]))
    data[0x60000022] = DataElement(0x60000022, "LO", CANARY)  # Overlay Description
    data[0x60003000] = DataElement(0x60003000, "OW", CANARY.encode() + b"\0")
    data[0x50003000] = DataElement(0x50003000, "OW", CANARY.encode() + b"\0")  # a retired curve
    data[0xFFFCFFFC] = DataElement(0xFFFCFFFC, "OB", CANARY.encode() + b"\0")
    data.file_meta.SourceApplicationEntityTitle = CANARY
    data.file_meta.PrivateInformationCreatorUID = "1.2.3"
    data.file_meta.PrivateInformation = CANARY.encode() + b"\0"
    data.preamble = (CANARY * 20).encode()[:128]
    if syntax in (uid.JPEGBaseline8Bit, uid.JPEGLSLossless):
        stream = files.encode(stored.astype(np.uint16), data, syntax)
        note = CANARY.encode()
        comment = b"\xff\xfe" + (len(note) + 2).to_bytes(2, "big") + note
        data.PixelData = encapsulate([stream[:2] + comment + stream[2:] + note * 2])
    data.save_as(path, enforce_file_format=True)
    return path


def strings(folder):
    return b"".join(path.read_bytes() + path.name.encode() for path in folder.iterdir())


@pytest.mark.parametrize("syntax", SYNTAXES, ids=lambda syntax: syntax.name)
def test_no_planted_identifier_is_in_any_byte(tmp_path, syntax):
    path = planted(tmp_path / f"in/{CANARY}/{CANARY}.dcm", syntax)
    assert CANARY.encode() in path.read_bytes() or syntax == SYNTAXES[3]
    found = deidentify(tmp_path / "in", tmp_path / "out", tmp_path / "key")
    assert (found.files, found.refused) == (1, [])
    out = strings(tmp_path / "out")
    original = dcmread(path)
    secret = [CANARY, DIGITS, "19770102", "20250607", "077Y", "1.2.826.0.1.3680043.9.9999"]
    assert [word for word in secret if word.encode() in out] == []
    (new,) = (dcmread(file) for file in (tmp_path / "out").iterdir())
    everything = [str(element.value) for element in new.iterall()]
    assert not any(CANARY in value for value in everything)
    before, after = read_radiograph(path), read_radiograph(next((tmp_path / "out").iterdir()))
    assert (before.pixels == after.pixels).all()
    assert new.PatientSex == new.PatientBirthDate == new.StudyDate == ""
    assert original.SOPClassUID == new.SOPClassUID


@pytest.mark.parametrize("syntax", SYNTAXES, ids=lambda syntax: syntax.name)
def test_renamed_it_keeps_view_sex_and_age_and_nothing_that_identifies(tmp_path, syntax):
    path = planted(tmp_path / f"{CANARY}.dcm", syntax, PatientSex="F", PatientAge="77Y")
    written, size = renamed(path, "feedback-1", view="PA")
    assert [
        word for word in (CANARY, DIGITS, "19770102", "20250607") if word.encode() in written
    ] == []
    (tmp_path / "new.dcm").write_bytes(written)
    before, after = read_radiograph(path), read_radiograph(tmp_path / "new.dcm")
    assert (before.pixels == after.pixels).all()
    original, new = dcmread(path), dcmread(tmp_path / "new.dcm")
    assert size == (original.Rows, original.Columns)
    assert (new.PatientID, new.PatientSex, new.PatientAge) == ("feedback-1", "F", "077Y")
    assert new.ViewPosition == "PA"  # what the source says there names somebody
    uids = {new[f"{level}InstanceUID"].value for level in ("SOP", "Series", "Study")}
    assert len(uids) == 3
    assert renamed(path, "feedback-1", view="PA")[0] == written
    codes = [code.CodeValue for code in new.DeidentificationMethodCodeSequence]
    assert codes == ["113100", "113108"]  # basic profile, retain patient characteristics
    assert len(new.DeidentificationMethod) <= 64


def test_text_in_bits_beside_the_pixels_does_not_stay(tmp_path):
    """An overlay of before 2004 lies in bits that no pixel uses (PS3.3 C.9.2)."""
    path = radiograph(tmp_path / "in/one.dcm")
    data = dcmread(path)
    stored = data.pixel_array
    mask = np.zeros(stored.shape, bool)
    mask[10:20, 10:60] = True
    data.PixelData = (stored | (mask.astype(np.uint16) << 12)).tobytes()
    data[0x60000010] = DataElement(0x60000010, "US", stored.shape[0])
    data[0x60000011] = DataElement(0x60000011, "US", stored.shape[1])
    data[0x60000100] = DataElement(0x60000100, "US", 16)
    data[0x60000102] = DataElement(0x60000102, "US", 12)
    data.save_as(path)
    deidentify(tmp_path / "in", tmp_path / "out", tmp_path / "key")
    (new,) = (dcmread(file) for file in (tmp_path / "out").iterdir())
    assert (np.frombuffer(new.PixelData, "<u2").reshape(stored.shape) == stored).all()
    assert not any(element.tag.group >> 8 == 0x60 for element in new)


@pytest.mark.parametrize("signed", [True, False])
@pytest.mark.parametrize("bits", [8, 10, 16])
def test_stored_values_stay_as_they_are(tmp_path, signed, bits):
    stored = files.values(bits=bits, signed=signed)
    path = radiograph(tmp_path / "in/one.dcm", stored=stored, bits=bits, signed=signed)
    deidentify(tmp_path / "in", tmp_path / "out", tmp_path / "key")
    (new,) = (dcmread(file) for file in (tmp_path / "out").iterdir())
    assert (new.pixel_array == stored).all()
    assert (new.BitsStored, new.PixelRepresentation) == (bits, int(signed))
    assert (dcmread(path).pixel_array == stored).all()


def test_the_method_is_told_and_the_view_stays(tmp_path):
    planted(tmp_path / "in/one.dcm", ViewPosition="PA", BodyPartExamined="CHEST")
    deidentify(tmp_path / "in", tmp_path / "out", tmp_path / "key")
    (new,) = (dcmread(file) for file in (tmp_path / "out").iterdir())
    assert new.PatientIdentityRemoved == "YES"
    assert "Basic Application Level Confidentiality" in new.DeidentificationMethod
    (code,) = new.DeidentificationMethodCodeSequence
    assert (code.CodeValue, code.CodingSchemeDesignator) == ("113100", "DCM")
    assert (new.ViewPosition, new.BodyPartExamined) == ("PA", "CHEST")
    assert list(new.ImageType) == ["ORIGINAL", "PRIMARY"]


def test_pseudonyms_follow_from_the_key_alone(tmp_path):
    """One person stays one, one study one; another key gives others."""
    for number in (1, 2, 3):
        radiograph(
            tmp_path / f"in/{number}.dcm", number=number, PatientID="P1" if number < 3 else "P3",
            StudyInstanceUID="1.2.3" if number < 3 else "1.2.4",
        )  # fmt: skip
    told = []
    for name, key in (("one", "key"), ("two", "key"), ("three", "other")):
        deidentify(tmp_path / "in", tmp_path / name, tmp_path / key)
        read = [dcmread(file) for file in sorted((tmp_path / name).iterdir())]
        told.append({(d.SOPInstanceUID, d.StudyInstanceUID, d.PatientID) for d in read})
    assert told[0] == told[1]
    assert not told[0] & told[2]
    assert len({study for _, study, _ in told[0]}) == len({p for *_, p in told[0]}) == 2
    assert all(uid.UID(one).is_valid and one.startswith("2.25.") for one, _, _ in told[0])


def test_the_key_is_for_its_owner_alone(tmp_path):
    radiograph(tmp_path / "in/one.dcm")
    deidentify(tmp_path / "in", tmp_path / "out", tmp_path / "keys/key")
    key = tmp_path / "keys/key"
    assert stat.S_IMODE(key.stat().st_mode) == 0o600
    key.chmod(0o640)
    with pytest.raises(PneumoError, match="chmod 600"):
        deidentify(tmp_path / "in", tmp_path / "out", key)
    key.chmod(0o600)
    key.write_text("no key")
    with pytest.raises(PneumoError, match="holds no key"):
        deidentify(tmp_path / "in", tmp_path / "out", key)


def test_many_who_begin_at_once_share_one_key(tmp_path):
    with ThreadPoolExecutor(8) as pool:
        keys = set(pool.map(lambda _: key_of(tmp_path / "keys/key"), range(32)))
    assert keys == {bytes.fromhex((tmp_path / "keys/key").read_text().strip())}
    assert [path.name for path in (tmp_path / "keys").iterdir()] == ["key"]


def test_what_is_no_radiograph_is_refused_and_counted(tmp_path):
    radiograph(tmp_path / "in/one.dcm")
    radiograph(tmp_path / "in/none.dcm", number=2, SOPInstanceUID=None)
    Image.fromarray(files.values(bits=8).astype(np.uint8)).save(tmp_path / "in/picture.png")
    (tmp_path / "in/noise.dcm").write_bytes(b"noise")
    found = deidentify(tmp_path / "in", tmp_path / "out", tmp_path / "key")
    assert (found.files, found.reasons) == (1, {"no_uid": 1, "not_dicom": 2})
    words = [tmp_path / "in", tmp_path / "out", "--key", tmp_path / "key"]
    told = CliRunner().invoke(app, ["dicom", "deidentify", *map(str, words)])
    assert told.exit_code == 3
    assert "1 radiographs without names; 3 refused" in told.output


@pytest.mark.skipif(not util.find_spec("dicomanonymizer"), reason="has the table of PS3.15")
def test_nothing_of_the_standards_table_stays_as_it_was(tmp_path):
    """Every attribute of PS3.15's Table E.1-1 that is left is blank, a pseudonym or the method."""
    table = import_module("dicomanonymizer.dicomfields_selector")
    listed = table.dicom_anonymization_database_selector("dicomfields_2024b")["ALL_TAGS"]
    planted(tmp_path / "in/one.dcm")
    deidentify(tmp_path / "in", tmp_path / "out", tmp_path / "key")
    (new,) = (dcmread(file) for file in (tmp_path / "out").iterdir())
    left = {e.keyword for e in new if (e.tag.group, e.tag.element) in set(listed) and e.value}
    made = {"PatientID", "PatientName", "SOPInstanceUID", "StudyInstanceUID", "SeriesInstanceUID",
            "DeidentificationMethod", "DeidentificationMethodCodeSequence"}  # fmt: skip
    assert left <= made


@pytest.mark.skipif(not _burned_in.can_look(), reason="tesseract is not installed")
@pytest.mark.parametrize("text", ["DOE JANE 1950", ""])
def test_text_in_the_picture_is_a_warning(tmp_path, text):
    grey = Image.fromarray((files.values(bits=8, shape=(512, 512)) * 0.8).astype(np.uint8))
    ImageDraw.Draw(grey).text((40, 40), text, fill=255, font=ImageFont.load_default(36))
    radiograph(tmp_path / "in/one.dcm", stored=np.asarray(grey).astype(int), bits=8, allocated=8)
    found = deidentify(tmp_path / "in", tmp_path / "out", tmp_path / "key")
    assert len(found.doubtful) == bool(text)


def test_where_nobody_can_look_for_text_it_is_said_once(tmp_path, monkeypatch):
    monkeypatch.setattr(shutil, "which", lambda name: None)
    for number in (1, 2):
        radiograph(tmp_path / f"in/{number}.dcm", number=number)
    words = [tmp_path / "in", tmp_path / "out", "--key", tmp_path / "key"]
    told = CliRunner().invoke(app, ["dicom", "deidentify", *map(str, words)])
    assert told.exit_code == 0
    assert told.output.count("tesseract is not installed") == 1


@pytest.mark.parametrize("script", ["exit 1", "echo NAME; kill -9 $$", "exec sleep 9"])
def test_a_look_for_text_that_failed_clears_nothing(tmp_path, monkeypatch, script):
    """No picture is called free of text: each is named, and that not all were looked at is said."""
    (tmp_path / "bin").mkdir()
    broken = tmp_path / "bin/tesseract"
    broken.write_text(f"#!/bin/sh\ncat > /dev/null\n{script}\n")
    broken.chmod(0o755)
    monkeypatch.setenv("PATH", str(tmp_path / "bin"), prepend=":")
    monkeypatch.setattr(_burned_in, "SECONDS", 1)
    for number in (1, 2):
        radiograph(tmp_path / f"in/{number}.dcm", number=number)
    words = [tmp_path / "in", tmp_path / "out", "--key", tmp_path / "key"]
    told = CliRunner().invoke(app, ["dicom", "deidentify", *map(str, words)])
    assert told.exit_code == 0
    assert told.output.count("look at it") == 2
    assert told.output.count("or failed: nobody looked for text in every picture") == 1
