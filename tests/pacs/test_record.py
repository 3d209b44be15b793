"""What scoring and writing left is taken up: each radiograph has the objects of who scored last."""

import csv

import pydicom
import pytest
from pydicom.uid import ExplicitVRLittleEndian

from pneumo.dicom.identity import data_set_sum
from pneumo.pacs.ledger import insert, opened
from pneumo.pacs.peers import Peer, Site
from pneumo.pacs.record import record

STUDY, SERIES, SOURCE, SUM, CONTENT = "1.2.1", "1.2.2", "1.2.3", "ab" * 32, "cd" * 32
CR, SR, PR = (
    "1.2.840.10008.5.1.4.1.1.1",
    "1.2.840.10008.5.1.4.1.1.88.33",
    "1.2.840.10008.5.1.4.1.1.11.1",
)
MODELS = {"A": "a" * 64, "B": "b" * 64}


@pytest.fixture
def site(tmp_path):
    """One radiograph that was fetched."""
    peer = Peer(ae_title="A", host="127.0.0.1", port=104)
    made = Site(folder=str(tmp_path / "pacs"), source="a", destination="a", peers={"a": peer})
    for name in ("results", "objects"):
        made.path(name).mkdir(parents=True)
    with opened(made.path()) as ledger:
        ledger.change(
            insert("radiographs", {
                "sop": SOURCE, "data_set_sum": SUM, "sop_class": CR, "series": SERIES,
                "study": STUDY, "peer": "a", "state": "fetched", "file": "one.dcm",
                "content": CONTENT, "seen_at": "", "moved_at": "",
            })
        )  # fmt: skip
    return made


def table(path, *rows):
    with path.open("w", newline="") as file:
        writer = csv.DictWriter(file, list(rows[0]))
        writer.writeheader()
        writer.writerows(rows)


def scored_and_written(site, model, suffix=""):
    """As ``pneumo score`` and ``pneumo dicom write`` by a model leave it."""
    table(site.path("results", "predictions.csv"), {
        "content": CONTENT, "status": "scored", "reason": "", "model_sha256": MODELS[model],
        "engine": "openvino", "precision": "fp32",
    })  # fmt: skip
    record(site)
    lines = []
    for number, (kind, sop_class) in enumerate({"sr": SR, "gsps": PR}.items()):
        made = pydicom.Dataset()
        made.SOPClassUID, made.SOPInstanceUID = sop_class, f"1.9.{ord(model)}{suffix}.{number}"
        made.StudyInstanceUID, made.SeriesInstanceUID = STUDY, f"1.8.{ord(model)}.{number}"
        made.file_meta = pydicom.dataset.FileMetaDataset()
        made.file_meta.TransferSyntaxUID = ExplicitVRLittleEndian
        path = site.path("objects", f"{made.SOPInstanceUID}.dcm")
        made.save_as(path, enforce_file_format=True)
        lines.append({
            "file": path.name, "kind": kind, "sop_class_uid": sop_class,
            "sop_instance_uid": made.SOPInstanceUID, "series_instance_uid": made.SeriesInstanceUID,
            "study_instance_uid": STUDY, "source_sop_instance_uid": SOURCE, "source_sum": SUM,
            "object_sum": data_set_sum(path), "model": MODELS[model], "engine": "openvino",
            "precision": "fp32",
        })  # fmt: skip
    table(site.path("objects", "objects.csv"), *lines)
    record(site)


def states(site, table_name, *columns):
    with opened(site.path()) as ledger:
        rows = ledger.rows(f"SELECT * FROM {table_name}")
    return sorted(tuple(row[name] for name in columns) for row in rows)


@pytest.mark.parametrize("suffix", ["", "7"], ids=["same objects", "other objects"])
def test_an_ensemble_that_comes_back_has_its_objects_sent(site, suffix):
    for model, more in (("A", ""), ("B", ""), ("A", suffix)):
        scored_and_written(site, model, more)
    assert states(site, "radiographs", "scorer", "state", "reason") == [
        (f"{MODELS['A']} openvino fp32", "written", ""),
        (f"{MODELS['B']} openvino fp32", "refused", "superseded"),
    ]
    found = states(site, "objects", "sop", "state", "reason")
    waiting = {(sop, reason) for sop, state, reason in found if state == "written"}
    assert waiting == {(f"1.9.65{suffix}.0", ""), (f"1.9.65{suffix}.1", "")}
    others = {(state, reason) for _, state, reason in found if state != "written"}
    assert others == {("refused", "superseded")}


def test_objects_that_were_superseded_do_not_hold_a_radiograph_back(site):
    from pneumo.pacs.send import follow

    for model, more in (("A", ""), ("B", ""), ("A", "7")):
        scored_and_written(site, model, more)
    with opened(site.path()) as ledger:
        ledger.change(("UPDATE objects SET state = 'confirmed' WHERE state = 'written'", ()))
        for row in ledger.rows("SELECT * FROM objects"):
            ledger.change(*follow(row))
    assert states(site, "radiographs", "state", "reason") == [
        ("confirmed", ""), ("refused", "superseded"),
    ]  # fmt: skip
