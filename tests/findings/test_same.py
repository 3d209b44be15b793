"""The same radiograph and answer give the same objects: in every process, zone, file and hop."""

import os
import signal
import subprocess
import sys
import time
from pathlib import Path
from shutil import copytree

import pytest
from pydicom import dcmread, uid

from pneumo.findings import objects as module
from pneumo.findings import write
from tests.dicom import files
from tests.findings.made import BOXES, MODEL, index_of, radiograph, results

WRITE = """
import sys, pathlib
from pneumo.findings import write
write(pathlib.Path(sys.argv[1]), pathlib.Path(sys.argv[2]), secondary="positive")
"""


@pytest.fixture
def scored(tmp_path):
    paths = [radiograph(tmp_path / f"inbox/{n}.dcm", number=n) for n in range(1, 5)]
    boxes = {path: BOXES[: n % 3] for n, path in enumerate(paths)}
    return results(tmp_path / "results", boxes)


def run(scored, objects, **environment):
    command = [sys.executable, "-c", WRITE, scored, objects]
    return subprocess.Popen(command, env=os.environ | environment)


def content(folder):
    return {p.name: p.read_bytes() for p in folder.iterdir() if not p.name.startswith(".")}


def test_two_processes_in_two_zones_and_locales_write_the_same_bytes(scored, tmp_path):
    one = {"TZ": "Asia/Kolkata", "LC_ALL": "C", "PYTHONHASHSEED": "1"}
    other = {"TZ": "America/St_Johns", "LC_ALL": "C.UTF-8", "PYTHONHASHSEED": "2"}
    first = run(scored, tmp_path / "one", **one)
    second = run(scored, tmp_path / "two", **other)
    assert (first.wait(), second.wait()) == (0, 0)
    assert content(tmp_path / "one") == content(tmp_path / "two")
    assert len(content(tmp_path / "one")) == 8 + 2 + 2


def test_a_second_run_writes_nothing_and_changes_no_byte(scored, tmp_path):
    first = write(scored, tmp_path / "objects")
    before = content(tmp_path / "objects")
    second = write(scored, tmp_path / "objects")
    assert (first["written"], second["written"]) == (8, 0)
    assert content(tmp_path / "objects") == before


def test_the_way_a_radiograph_came_changes_no_uid(tmp_path):
    """A file, its data set in other transfer syntaxes, and one without file meta."""
    uids = set()
    syntaxes = [uid.ExplicitVRLittleEndian, uid.ImplicitVRLittleEndian, uid.ExplicitVRBigEndian]
    for number, syntax in enumerate([*syntaxes, None]):
        path = tmp_path / f"{number}/one.dcm"
        radiograph(path, syntax=syntax or syntaxes[1])
        if syntax is None:
            data = path.read_bytes()
            path.write_bytes(data[data.index(b"\x08\0\x05\0\x0a\0\0\0") :])
        write(results(tmp_path / f"{number}/r", {path: BOXES}), tmp_path / f"{number}/objects")
        rows = index_of(tmp_path / f"{number}/objects")
        uids.add(tuple(row["sop_instance_uid"] for row in rows))
        uids.add(tuple(row["sop_instance_uid"] for row in rows))
    assert len(uids) == 1


@pytest.mark.parametrize(
    "change",
    ["pixels", "header", "box", "certainty", "probability", "model", "time", "engine"],
)  # fmt: skip
def test_whatever_an_object_says_is_in_its_uid(tmp_path, change):
    def uids(name, *, tags=(), boxes=BOXES, moment="", **cells):
        path = radiograph(tmp_path / name / "one.dcm", **dict(tags))
        folder = results(tmp_path / name / "results", {path: boxes}, **cells)
        if moment:
            times = folder / "times.csv"
            times.write_text(times.read_text().replace("01:30:05", moment))
        write(folder, tmp_path / name / "objects")
        return {
            row["kind"]: row["sop_instance_uid"] for row in index_of(tmp_path / name / "objects")
        }

    changed = {
        "pixels": {"tags": {"stored": files.values(seed=2)}},
        "header": {"tags": {"PatientWeight": "70"}},
        "box": {"boxes": [BOXES[0] | {"x": 10.5}, BOXES[1]]},
        "certainty": {"boxes": [BOXES[0] | {"confidence": 0.77}, BOXES[1]]},
        "probability": {"probability": 0.22},
        "model": {"model_sha256": MODEL[::-1]},
        "time": {"moment": "01:30:06"},
        "engine": {"engine": "tensorflow"},
    }[change]
    before, after = uids("before"), uids("after", **changed)
    assert before["sr"] != after["sr"]
    if change != "engine":  # which a presentation state does not tell
        assert before["gsps"] != after["gsps"]


def test_a_later_scoring_adds_a_report_that_names_the_one_before(tmp_path):
    path = radiograph(tmp_path / "one.dcm")
    folder = results(tmp_path / "results", {path: BOXES})
    write(folder, tmp_path / "objects")
    (first,) = (row for row in index_of(tmp_path / "objects") if row["kind"] == "sr")
    results(folder, {path: BOXES[:1]}, model_sha256=MODEL[::-1], model_version=8)
    times = folder / "times.csv"
    times.write_text(times.read_text().replace("2026-03-29", "2026-04-01"))
    for _ in range(2):
        write(folder, tmp_path / "objects")
        reports = [row for row in index_of(tmp_path / "objects") if row["kind"] == "sr"]
        assert len(reports) == 2
    (second,) = (row for row in reports if row != first)
    report = dcmread(tmp_path / "objects" / second["file"])
    (study,) = report.PredecessorDocumentsSequence
    (series,) = study.ReferencedSeriesSequence
    (reference,) = series.ReferencedSOPSequence
    assert study.StudyInstanceUID == first["study_instance_uid"]
    assert series.SeriesInstanceUID == first["series_instance_uid"]
    assert reference.ReferencedSOPInstanceUID == first["sop_instance_uid"]
    assert "PredecessorDocumentsSequence" not in dcmread(tmp_path / "objects" / first["file"])


@pytest.mark.parametrize("after", [0, 1, 3, 7, "index"])
def test_killed_at_any_write_the_next_run_completes_it(scored, tmp_path, monkeypatch, after):
    write(scored, tmp_path / "whole")
    real, done = module.put_file, []

    def dies(path, data):
        if len(done) == after:
            raise KeyboardInterrupt
        done.append(path)
        return real(path, data)

    def dies_at_the_index(*_):
        raise KeyboardInterrupt

    with monkeypatch.context() as patch:
        if after == "index":
            patch.setattr(module, "write_index", dies_at_the_index)
        patch.setattr(module, "put_file", dies)
        with pytest.raises(KeyboardInterrupt):
            write(scored, tmp_path / "objects")
    assert not (tmp_path / "objects/objects.csv").exists()
    write(scored, tmp_path / "objects")
    assert content(tmp_path / "objects") == content(tmp_path / "whole")


def test_a_process_that_was_killed_leaves_whole_files(scored, tmp_path):
    write(scored, tmp_path / "whole", secondary="positive")
    process, objects = run(scored, tmp_path / "objects"), tmp_path / "objects"
    until = time.monotonic() + 60
    while not list(objects.glob("*.dcm")) and time.monotonic() < until:
        time.sleep(0.01)
    process.send_signal(signal.SIGKILL)
    process.wait()
    whole = content(tmp_path / "whole")
    assert all(whole[name] == data for name, data in content(objects).items())
    assert run(scored, objects).wait() == 0
    assert content(objects) == whole


def test_an_object_that_was_changed_on_disk_is_written_anew(scored, tmp_path):
    write(scored, tmp_path / "objects")
    before = content(tmp_path / "objects")
    (damaged, *_) = sorted((tmp_path / "objects").glob("*.dcm"))
    damaged.write_bytes(damaged.read_bytes()[:-1] + b"x")
    assert write(scored, tmp_path / "objects")["written"] == 1
    assert content(tmp_path / "objects") == before


def test_a_disk_that_gives_back_other_bytes_is_told(scored, tmp_path, monkeypatch):
    from pneumo.base.errors import PneumoError

    real = Path.read_bytes
    monkeypatch.setattr(Path, "read_bytes", lambda path: real(path)[:-1] + b"?")
    with pytest.raises(PneumoError, match="other bytes"):
        module.put_file(tmp_path / "one.dcm", b"some bytes")
    monkeypatch.undo()
    assert not (tmp_path / "one.dcm").exists()


def test_results_of_before_there_were_times_have_the_time_of_their_table(scored, tmp_path):
    copytree(scored, tmp_path / "old")
    (tmp_path / "old/times.csv").unlink()
    os.utime(tmp_path / "old/predictions.csv", (1_700_000_000, 1_700_000_000))
    write(tmp_path / "old", tmp_path / "objects")
    assert {row["scored_at"] for row in index_of(tmp_path / "objects")} == {"2023-11-14T22:13:20Z"}
