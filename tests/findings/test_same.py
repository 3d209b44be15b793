"""The same radiograph and answer give the same objects: in every process, zone, file and hop."""

import os
import signal
import subprocess
import sys
import time
from pathlib import Path
from shutil import copy, copytree

import pytest
from pydicom import dcmread, uid

from pneumo.base.errors import PneumoError
from pneumo.findings import check, write
from pneumo.findings import objects as module
from tests.dicom import files
from tests.findings.made import BOXES, MODEL, SCORED_AT, index_of, radiograph, results

pytestmark = pytest.mark.slow

CHECKER = Path(os.environ.get("PNEUMO_SHARED", "")) / "tools/check_objects.py"

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
    ["pixels", "header", "box", "certainty", "probability", "model", "version", "engine",
     "precision"],
)  # fmt: skip
def test_whatever_was_found_and_by_whom_is_in_the_uid(tmp_path, change):
    def uids(name, *, tags=(), boxes=BOXES, **cells):
        path = radiograph(tmp_path / name / "one.dcm", **dict(tags))
        folder = results(tmp_path / name / "results", {path: boxes}, **cells)
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
        "version": {"model_version": 8},
        "engine": {"engine": "tensorflow"},
        "precision": {"precision": "float16"},
    }[change]
    before, after = uids("before"), uids("after", **changed)
    assert before["sr"] != after["sr"]
    assert before["gsps"] != after["gsps"]


def scored_later(folder, moment="2026-04-01T00:00:00Z"):
    times = folder / "times.csv"
    times.write_text(times.read_text().replace(SCORED_AT, moment))
    return folder


@pytest.mark.parametrize("boxes", [BOXES, []])
def test_the_time_of_scoring_changes_no_uid(tmp_path, boxes):
    """A copy with other file meta has another sum of its file, and was scored at another time."""
    uids = []
    for name in ("sent", "fetched"):
        path = radiograph(tmp_path / name / "one.dcm")
        if name == "fetched":
            data = dcmread(path)
            data.file_meta.ImplementationVersionName = "A_PACS"
            data.save_as(path)
        folder = results(tmp_path / name / "results", {path: boxes})
        if name == "fetched":
            scored_later(folder)
        write(folder, tmp_path / name / "objects", secondary="all")
        rows = index_of(tmp_path / name / "objects")
        uids.append([row["sop_instance_uid"] for row in rows])
    assert len(uids[0]) == 3
    assert uids[0] == uids[1]


def test_scored_again_with_the_same_answer_no_byte_changes(scored, tmp_path):
    """Nor is an object that the PACS may have another one under its UID."""
    write(scored, tmp_path / "objects", secondary="all")
    before = content(tmp_path / "objects")
    assert write(scored_later(scored), tmp_path / "objects", secondary="all")["written"] == 0
    assert content(tmp_path / "objects") == before
    found = check(tmp_path / "objects", scored, tmp_path / "inbox")
    assert (found.faults, found.earlier, found.kinds["sr"]) == ([], 0, 4)


def test_the_index_tells_which_objects_the_results_say_last(tmp_path):
    """Another version, engine or precision; then the first one again, with the bytes it had."""
    path = radiograph(tmp_path / "inbox/one.dcm")
    kinds = [{}, {"model_version": 8}, {"engine": "tensorflow"}, {"precision": "float16"}]
    first = {}
    for cells in [*kinds, {}]:
        folder = results(tmp_path / "results", {path: []}, **cells)
        write(folder, tmp_path / "objects")
        latest = [row for row in index_of(tmp_path / "objects") if row["latest"]]
        assert [row["kind"] for row in latest] == ["gsps", "sr"]
        want = {"version": "7", "engine": "openvino", "precision": "float32"}
        want |= {name.removeprefix("model_"): str(value) for name, value in cells.items()}
        assert all(row.items() >= want.items() for row in latest)
        first = first or content(tmp_path / "objects")
        assert (
            content(tmp_path / "objects").items()
            >= {name: data for name, data in first.items() if name.endswith(".dcm")}.items()
        )
        found = check(tmp_path / "objects", folder, tmp_path / "inbox")
        assert (found.faults, found.kinds["sr"]) == ([], 1)
    assert len(index_of(tmp_path / "objects")) == 2 * len(kinds)


def test_a_report_that_was_never_sent_is_nobodys_predecessor(tmp_path):
    path = radiograph(tmp_path / "one.dcm")
    folder = results(tmp_path / "results", {path: BOXES})
    write(folder, tmp_path / "objects")
    results(folder, {path: BOXES[:1]}, model_sha256=MODEL[::-1])
    write(scored_later(folder), tmp_path / "objects")
    reports = [row for row in index_of(tmp_path / "objects") if row["kind"] == "sr"]
    assert len(reports) == 2
    for row in reports:
        report = dcmread(tmp_path / "objects" / row["file"])
        named = {e.value for e in report.iterall() if e.keyword == "ReferencedSOPInstanceUID"}
        assert named == {"1.2.826.0.1.3680043.9.9999.1.3"}


@pytest.mark.skipif(not CHECKER.is_file(), reason="PNEUMO_SHARED has no checker of objects")
def test_a_checker_finds_nothing_in_a_folder_of_the_new_objects_alone(scored, tmp_path):
    write(scored, tmp_path / "objects")
    boxes = dict.fromkeys(sorted((tmp_path / "inbox").iterdir()), BOXES[:1])
    results(scored, boxes, model_sha256=MODEL[::-1])
    write(scored_later(scored), tmp_path / "objects")
    (tmp_path / "new").mkdir()
    for row in index_of(tmp_path / "objects"):
        if row["latest"]:
            copy(tmp_path / "objects" / row["file"], tmp_path / "new")
    command = [CHECKER, tmp_path / "new", scored / "predictions.csv", tmp_path / "inbox"]
    told = subprocess.run([sys.executable, *command], capture_output=True, text=True)
    assert told.returncode == 0, told.stdout[-3000:]


def test_a_list_of_predecessors_that_cannot_be_read_is_a_users_mistake(scored, tmp_path):
    with pytest.raises(PneumoError, match="list of UIDs") as fault:
        write(scored, tmp_path / "objects", predecessors=tmp_path / "none.txt")
    assert fault.value.exit_code == 2


def test_a_later_scoring_adds_a_report_that_names_the_one_that_was_sent(tmp_path):
    path = radiograph(tmp_path / "one.dcm")
    folder = results(tmp_path / "results", {path: BOXES})
    write(folder, tmp_path / "objects")
    (first,) = (row for row in index_of(tmp_path / "objects") if row["kind"] == "sr")
    results(folder, {path: BOXES[:1]}, model_sha256=MODEL[::-1], model_version=8)
    scored_later(folder)
    sent = tmp_path / "sent.txt"
    sent.write_text(f"{first['sop_instance_uid']}\n1.2.3\n")
    for told in (sent, sent, None):  # what is told later changes no report that is there
        write(folder, tmp_path / "objects", predecessors=told)
        reports = [row for row in index_of(tmp_path / "objects") if row["kind"] == "sr"]
        assert len(reports) == 2
    (second,) = (row for row in reports if row["latest"])
    report = dcmread(tmp_path / "objects" / second["file"])
    (study,) = report.PredecessorDocumentsSequence
    (series,) = study.ReferencedSeriesSequence
    (reference,) = series.ReferencedSOPSequence
    assert study.StudyInstanceUID == first["study_instance_uid"]
    assert series.SeriesInstanceUID == first["series_instance_uid"]
    assert reference.ReferencedSOPInstanceUID == first["sop_instance_uid"]
    assert second["predecessors"] == first["sop_instance_uid"]
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
