"""Radiographs, and results about them, made for tests of objects."""

import csv
import hashlib
import json
import shutil
import subprocess

import numpy as np
import pytest
from pydicom import dcmread, uid
from pydicom.uid import UID

from tests.dicom import files

MODEL = hashlib.sha256(b"the tests' ensemble").hexdigest()
BOXES = [
    {"x": 10.25, "y": 12.5, "width": 20.125, "height": 31.75, "confidence": 0.87654},
    {"x": 44.1, "y": 3.3, "width": 30.7, "height": 60.9, "confidence": 0.5},
]
SCORED_AT = "2026-03-29T01:30:05Z"
COLUMNS = (
    "file", "content", "instance_uid", "status", "duplicate_of", "rows", "columns", "probability",
    "boxes", "model", "model_version", "model_sha256", "engine", "precision", "review",
    "review_reason",
)  # fmt: skip
needs_dciodvfy = pytest.mark.skipif(
    not shutil.which("dciodvfy"), reason="dicom3tools is not installed"
)


def radiograph(path, *, stored=None, syntax=uid.ExplicitVRLittleEndian, number=1, **tags):
    """A radiograph of 97 rows and 83 columns, of a study and a series of its own."""
    root = f"1.2.826.0.1.3680043.9.9999.{number}"
    about = {
        "SOPInstanceUID": UID(f"{root}.3"), "SeriesInstanceUID": f"{root}.2",
        "StudyInstanceUID": f"{root}.1", "PatientID": f"P{number}", "PatientName": "Doe^Jane",
        "PatientBirthDate": "19501231", "PatientSex": "F", "StudyDate": "20260102",
        "StudyTime": "131415.5", "AccessionNumber": "A1", "StudyID": "S1",
        "ReferringPhysicianName": "Who^Doctor", "BodyPartExamined": "CHEST", "ViewPosition": "PA",
        "SeriesNumber": 1, "InstanceNumber": 1, "SpecificCharacterSet": "ISO_IR 100",
    }  # fmt: skip
    data = files.dataset(
        files.values() if stored is None else stored, syntax=syntax, **{**about, **tags}
    )
    for name in [name for name, value in tags.items() if value is None]:
        delattr(data, name)
    data.file_meta.MediaStorageSOPInstanceUID = about["SOPInstanceUID"]
    path.parent.mkdir(parents=True, exist_ok=True)
    data.save_as(path, enforce_file_format=True)
    return path


def results(folder, boxes_of, probability=0.8123456, **cells):
    """A folder as ``pneumo score`` leaves it; ``boxes_of`` is file -> boxes."""
    folder.mkdir(parents=True, exist_ok=True)
    with (folder / "predictions.csv").open("w", newline="", encoding="utf-8") as file:
        table = csv.DictWriter(file, COLUMNS)
        table.writeheader()
        for path, boxes in boxes_of.items():
            data = dcmread(path, stop_before_pixels=True, force=True)
            row = {
                "file": path, "content": _sum(path),
                "instance_uid": data.get("SOPInstanceUID", ""), "status": "scored",
                "duplicate_of": "", "rows": data.Rows, "columns": data.Columns,
                "probability": probability, "boxes": json.dumps(boxes),
                "model": "models:/pneumonia-ensemble/7", "model_version": 7,
                "model_sha256": MODEL, "engine": "openvino", "precision": "float32",
            }  # fmt: skip
            table.writerow(row | cells)
    times = [f"{content},{SCORED_AT}\n" for content in sorted({_sum(path) for path in boxes_of})]
    (folder / "times.csv").write_text("content,scored_at\n" + "".join(times))
    return folder


def index_of(objects):
    with (objects / "objects.csv").open(newline="", encoding="utf-8") as file:
        return list(csv.DictReader(file))


def refused_in(objects):
    with (objects / "refused.csv").open(newline="", encoding="utf-8") as file:
        return list(csv.DictReader(file))


def objects_of(objects):
    """Kind -> data set, of a folder with the objects of one radiograph."""
    return {row["kind"]: dcmread(objects / row["file"]) for row in index_of(objects)}


def errors_of(path):
    """What dicom3tools finds wrong in an object, warnings too."""
    run = subprocess.run(
        ["dciodvfy", "-new", path], capture_output=True, text=True, errors="replace"
    )
    lines = (run.stdout + run.stderr).splitlines()
    known = ("Retired Person Name form", "DICOMDIR")  # of the source's own values
    lines = [line for line in lines if line.startswith(("Error", "Warning"))]
    return [line for line in lines if not any(words in line for words in known)]


def rectangles(dataset):
    """Boxes of a report or a presentation state as (x, y, width, height), by NumPy alone."""
    found = []
    for element in dataset.iterall():
        if element.keyword == "GraphicData":
            points = np.array(element.value, float).reshape(-1, 2)
            assert len(points) == 5
            assert (points[0] == points[-1]).all()
            low, high = points.min(0), points.max(0)
            found.append((*low, *(high - low)))
    return found


def sides(boxes):
    return [(box["x"], box["y"], box["width"], box["height"]) for box in boxes]


def items(dataset):
    """Every content item of a report."""
    for item in dataset.get("ContentSequence", []):
        yield item
        yield from items(item)


def values(dataset, code):
    """The values of the content items of a concept."""
    found = []
    for item in items(dataset):
        names = item.get("ConceptNameCodeSequence")
        if names and names[0].CodeValue == code:
            if item.ValueType == "CODE":
                found.append(item.ConceptCodeSequence[0].CodeValue)
            elif item.ValueType == "NUM":
                found.append(float(item.MeasuredValueSequence[0].NumericValue))
            else:
                found.append(item.get("TextValue") or item.get("UID"))
    return found


def _sum(path):
    return hashlib.sha256(path.read_bytes()).hexdigest()
