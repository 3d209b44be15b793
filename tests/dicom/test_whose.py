"""Who a radiograph is of, on which device and day it was taken: summed, checked, or blank."""

import hashlib
import json

import pytest

from pneumo.dicom._scan import Facts
from pneumo.dicom.read import read_square
from pneumo.dicom.workers import Rejected, read_squares


@pytest.fixture
def radiograph(demo_root, tmp_path):
    import pydicom

    path = sorted((demo_root / "stage_2_train_images").glob("*.dcm"))[0]

    def changed(**values) -> Facts:
        dataset = pydicom.dcmread(path)
        for name, value in values.items():
            setattr(dataset, name, value)
        dataset.save_as(tmp_path / "one.dcm")
        return read_square(tmp_path / "one.dcm", 32).facts

    return changed


def test_a_patient_id_is_summed_and_never_told(radiograph):
    facts = radiograph(PatientID="PLANTEDID77", PatientName="PLANTED^NAME")
    assert facts.patient == hashlib.sha256(b"PLANTEDID77").hexdigest()
    assert "PLANTED" not in json.dumps(facts.__dict__)
    assert radiograph(PatientID="").patient == ""


@pytest.mark.parametrize(
    ("values", "day"),
    [
        ({"AcquisitionDate": "20260301", "StudyDate": "20260401"}, "2026-03-01"),
        ({"AcquisitionDate": "", "SeriesDate": "", "StudyDate": "20260401"}, "2026-04-01"),
        ({"AcquisitionDate": "2026.03.01"}, "2026-03-01"),
        ({"AcquisitionDate": "20261301", "SeriesDate": "", "StudyDate": ""}, ""),
        ({"AcquisitionDate": "", "SeriesDate": "", "StudyDate": ""}, ""),
    ],
)
def test_the_day_is_the_first_that_the_header_has(radiograph, values, day):
    import warnings

    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        assert radiograph(**values).taken == day


@pytest.mark.parametrize(
    ("maker", "model", "device"),
    [
        ("ACME", "Ray 7", "ACME Ray 7"), ("", "", ""), ("ACME", "", "ACME"),
        ("<b>", "x", ""), ("Doe^John", "x", ""),
    ],
)  # fmt: skip
def test_a_device_is_told_where_its_name_is_plain(radiograph, maker, model, device):
    facts = radiograph(Manufacturer=maker, ManufacturerModelName=model)
    assert facts.device == device


@pytest.mark.parametrize(
    "lie", [{"patient": "PLANTEDID77"}, {"taken": "yesterday"}, {"device": "<b>"}]
)
def test_a_worker_that_says_anything_else_is_not_believed(lie):
    from pneumo.dicom.process import Answer
    from pneumo.dicom.workers import _square

    facts = {"rows": 4, "columns": 4, **Facts().__dict__}
    assert _square(2, Answer(0, facts, bytes(4))).rows == 4
    with pytest.raises(ValueError, match="expected"):
        _square(2, Answer(0, facts | lie, bytes(4)))


def test_workers_tell_what_a_reading_in_this_process_tells(demo_root):
    path = sorted((demo_root / "stage_2_train_images").glob("*.dcm"))[0]
    (answer,) = read_squares([path], 32, 1)
    assert not isinstance(answer, Rejected)
    assert answer.facts == read_square(path, 32).facts
