"""One data set has one sum, whichever file, hop or transfer syntax carries it."""

import shutil
import struct
import subprocess
from copy import deepcopy
from io import BytesIO

import numpy as np
import pytest
from pydicom import Dataset, Sequence, dcmread, uid
from pydicom.dataelem import DataElement
from pydicom.encaps import encapsulate

from pneumo.base.errors import RadiographError
from pneumo.dicom.identity import data_set_sum
from tests.dicom import files


def radiograph(syntax=uid.ExplicitVRLittleEndian, stored=None):
    data = files.dataset(files.values() if stored is None else stored, syntax=syntax)
    data.SpecificCharacterSet, data.StudyID, data.PatientSex = "ISO_IR 100", "", "F"
    data.PixelSpacing, data.ReferringPhysicianName = [0.14, 0.28], "Müller^Ä"
    data.SmallestImagePixelValue = 3
    region = Dataset()
    region.CodeValue, region.CodingSchemeDesignator, region.CodeMeaning = "51185008", "SCT", "Chest"
    data.AnatomicRegionSequence = Sequence([region])
    block = data.private_block(0x0029, "PNEUMO TEST", create=True)
    block.add_new(0x01, "LO", "odd")
    block.add_new(0x02, "FD", 1.5)
    inner = Dataset()
    inner.PatientComments = "inside"
    block.add_new(0x03, "SQ", Sequence([inner]))
    return data


def saved(path, data, **how):
    data.save_as(path, enforce_file_format=True, **how)
    return path


@pytest.mark.parametrize("syntax", files.UNCOMPRESSED, ids=lambda syntax: syntax.name)
def test_uncompressed_transfer_syntaxes_have_one_sum(tmp_path, syntax):
    first = data_set_sum(saved(tmp_path / "first.dcm", radiograph()))
    data = radiograph(syntax)
    assert data_set_sum(saved(tmp_path / "second.dcm", data)) == first


def test_file_meta_and_preamble_are_no_part_of_it(tmp_path):
    data = radiograph()
    first = data_set_sum(saved(tmp_path / "first.dcm", data))
    data.file_meta.ImplementationVersionName = "ANOTHER"
    data.file_meta.SourceApplicationEntityTitle = "HOP"
    data.preamble = b"x" * 128
    assert data_set_sum(saved(tmp_path / "second.dcm", data)) == first
    bare = BytesIO()
    data.save_as(bare, enforce_file_format=False)
    whole = bare.getvalue()
    (tmp_path / "bare.dcm").write_bytes(whole[whole.index(b"\x08\0\x05\0CS") :])
    assert data_set_sum(tmp_path / "bare.dcm") == first


def _element(group, number, vr, value):
    return struct.pack("<HH2sH", group, number, vr, len(value)) + value


def test_group_lengths_and_trailing_padding_are_no_part_of_it(tmp_path):
    plain = saved(tmp_path / "plain.dcm", radiograph())
    data = plain.read_bytes()
    at = data.index(b"\x08\0\x05\0CS")
    length = _element(8, 0, b"UL", struct.pack("<I", 12345))
    padding = struct.pack("<HH2sHI", 0xFFFC, 0xFFFC, b"OB", 0, 4) + b"\0\0\0\0"
    (tmp_path / "padded.dcm").write_bytes(data[:at] + length + data[at:] + padding)
    assert data_set_sum(tmp_path / "padded.dcm") == data_set_sum(plain)


@pytest.mark.parametrize("padding", [b"", b" ", b"   ", b"\0"])
def test_padding_of_texts_is_no_part_of_it(tmp_path, padding):
    plain = saved(tmp_path / "plain.dcm", radiograph())
    data, value = plain.read_bytes(), b"CANARY^Name "
    written = _element(0x10, 0x20, b"LO", value)
    assert written in data
    other = _element(0x10, 0x20, b"LO", b"CANARY^Name" + padding)
    (tmp_path / "other.dcm").write_bytes(data.replace(written, other))
    assert data_set_sum(tmp_path / "other.dcm") == data_set_sum(plain)


def test_sequences_of_known_and_of_open_length_have_one_sum(tmp_path):
    data = radiograph()
    first = data_set_sum(saved(tmp_path / "first.dcm", data))
    for element in list(data):
        if element.VR == "SQ":
            element.is_undefined_length = True
            for item in element.value:
                item.is_undefined_length_sequence_item = True
    assert data_set_sum(saved(tmp_path / "second.dcm", data)) == first


def test_offset_tables_and_fragments_are_no_part_of_it(tmp_path):
    data = radiograph(uid.JPEGLSLossless)
    stream = files.encode(files.values().astype(np.uint16), data, uid.JPEGLSLossless)
    sums = set()
    for name, pixels in {
        "table": encapsulate([stream], has_bot=True),
        "bare": encapsulate([stream], has_bot=False),
        "pieces": encapsulate([stream], fragments_per_frame=3),
    }.items():
        data.PixelData = pixels
        data["PixelData"].is_undefined_length = True
        sums.add(data_set_sum(saved(tmp_path / f"{name}.dcm", data)))
    assert len(sums) == 1


@pytest.mark.parametrize(
    ("tag", "value"),
    [("PatientID", "OTHER"), ("StudyID", "1"), ("SmallestImagePixelValue", 4),
     ("PixelSpacing", [0.14, 0.29]), ("SOPInstanceUID", "1.2.3.5")],
)  # fmt: skip
def test_another_value_is_another_sum(tmp_path, tag, value):
    first = data_set_sum(saved(tmp_path / "first.dcm", radiograph()))
    data = radiograph()
    setattr(data, tag, value)
    assert data_set_sum(saved(tmp_path / "second.dcm", data)) != first


def test_another_pixel_private_value_or_inner_value_is_another_sum(tmp_path):
    stored = files.values()
    changed = deepcopy(stored)
    changed[5, 5] ^= 1
    private, inside = radiograph(), radiograph()
    private[0x00291002] = DataElement(0x00291002, "FD", 1.25)
    inside.AnatomicRegionSequence[0].CodeMeaning = "Thorax"
    variants = [radiograph(), radiograph(stored=changed), private, inside]
    sums = {
        data_set_sum(saved(tmp_path / f"{number}.dcm", data))
        for number, data in enumerate(variants)
    }
    assert len(sums) == 4


@pytest.mark.skipif(not shutil.which("dcmconv"), reason="dcmtk is not installed")
@pytest.mark.parametrize("option", ["+ti", "+te", "+tb", "+td", "+g", "-e", "+e"])
def test_what_dcmtk_writes_has_the_sum_of_what_it_read(tmp_path, option):
    source = saved(tmp_path / "source.dcm", radiograph())
    target = tmp_path / "target.dcm"
    subprocess.run(["dcmconv", option, source, target], check=True, capture_output=True)
    assert source.read_bytes() != target.read_bytes()
    assert data_set_sum(target) == data_set_sum(source)
    assert dcmread(target).PatientID == "CANARY^Name"


@pytest.mark.parametrize("content", [b"no DICOM at all", b"\x89PNG\r\n\x1a\n" + b"x" * 300])
def test_what_is_no_dicom_is_refused(tmp_path, content):
    (tmp_path / "other").write_bytes(content)
    with pytest.raises(RadiographError, match="is no DICOM file") as refused:
        data_set_sum(tmp_path / "other")
    assert refused.value.reason == "not_dicom"


def test_a_file_that_was_cut_is_refused(tmp_path):
    path = saved(tmp_path / "cut.dcm", radiograph())
    path.write_bytes(path.read_bytes()[:300])
    with pytest.raises(RadiographError):
        data_set_sum(path)
