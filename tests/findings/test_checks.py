"""``pneumo dicom check`` finds whatever is not as it was written; commands say so."""

import subprocess
import sys
from shutil import copytree

import pytest
from pydicom import dcmread
from typer.testing import CliRunner

from pneumo.base.errors import PneumoError
from pneumo.cli.app import app
from pneumo.findings import check, write
from tests.findings.made import BOXES, MODEL, index_of, radiograph, results


@pytest.fixture(scope="module")
def whole(tmp_path_factory):
    folder = tmp_path_factory.mktemp("whole")
    paths = [radiograph(folder / f"inbox/{n}.dcm", number=n) for n in (1, 2)]
    results(folder / "results", {paths[0]: BOXES, paths[1]: []})
    write(folder / "results", folder / "objects", secondary="all")
    return folder


@pytest.fixture
def place(whole, tmp_path):
    return copytree(whole, tmp_path / "place")


def checked(place):
    return check(place / "objects", place / "results", place / "inbox")


def report(place, kind="sr"):
    rows = [row for row in index_of(place / "objects") if row["kind"] == kind]
    (row,) = (row for row in rows if row["source_sop_instance_uid"].endswith("9999.1.3"))
    return place / "objects" / row["file"]


def test_what_was_written_is_as_its_rows_say(place):
    found = checked(place)
    assert found.faults == []
    assert found.kinds == {"sr": 2, "gsps": 2, "sc": 2}


def test_files_that_came_back_from_elsewhere_are_as_good(place):
    """Other names, other file meta, no index."""
    for number, path in enumerate(sorted((place / "objects").glob("*.dcm"))):
        data = dcmread(path)
        data.file_meta.ImplementationVersionName = "A_PACS"
        data.file_meta.TransferSyntaxUID = "1.2.840.10008.1.2"
        data.save_as(place / f"objects/{number}.dcm", implicit_vr=True, little_endian=True)
        path.unlink()
    (place / "objects/objects.csv").unlink()
    assert checked(place).faults == []


def _rectangle(dataset):
    group = dataset.ContentSequence[8].ContentSequence[0]
    region = next(item for item in group.ContentSequence if item.ValueType == "SCOORD")
    points = list(region.GraphicData)
    points[0] = points[6] = points[8] = points[0] + 0.25
    region.GraphicData = points


def _line(dataset):
    graphic = dataset.GraphicAnnotationSequence[0].GraphicObjectSequence[0]
    graphic.GraphicData = [value + 0.5 for value in graphic.GraphicData]


TAMPERED = {
    "a box is moved": ("sr", _rectangle, "box 1 is more than"),
    "a line is moved": ("gsps", _line, "box 1 is more than"),
    "another patient": ("sr", lambda d: setattr(d, "PatientID", "P2"), "PatientID is not"),
    "another study": (
        "gsps",
        lambda d: setattr(d, "StudyInstanceUID", "1.2.3"),
        "StudyInstanceUID",
    ),
    "verified": ("sr", lambda d: setattr(d, "VerificationFlag", "VERIFIED"), "was changed"),
    "polarity": ("gsps", lambda d: setattr(d, "PresentationLUTShape", "INVERSE"), "was changed"),
    "a pixel": ("sc", lambda d: setattr(d, "PixelData", b"\1" + d.PixelData[1:]), "was changed"),
    "not ours": ("sr", lambda d: setattr(d, "Manufacturer", "other"), "no object of findings"),
}


@pytest.mark.parametrize("name", TAMPERED)
@pytest.mark.parametrize("listed", [True, False])
def test_what_was_changed_is_found(place, name, listed):
    kind, change, says = TAMPERED[name]
    path = report(place, kind)
    dataset = dcmread(path)
    change(dataset)
    dataset.save_as(path)
    if not listed:
        (place / "objects/objects.csv").unlink()
    faults = [fault for fault in checked(place).faults if str(path) in fault]
    assert faults
    expected = "other contents than were written" if listed and name != "not ours" else says
    assert any(expected in fault for fault in faults), faults


def test_what_is_missing_or_double_or_strange_is_found(place):
    path = report(place)
    (place / "objects/again.dcm").write_bytes(report(place, "gsps").read_bytes())
    (place / "objects/strange.dcm").write_bytes((place / "inbox/1.dcm").read_bytes())
    (place / "objects/noise.dcm").write_bytes(b"noise")
    path.unlink()
    faults = "\n".join(checked(place).faults)
    assert "is listed, and not there" in faults
    assert "has 0 objects of kind sr" in faults
    assert "has 2 objects of kind gsps" in faults
    assert "strange.dcm: is no object of findings" in faults
    assert "noise.dcm: is no DICOM file" in faults


@pytest.mark.parametrize(
    ("cells", "says"),
    [({"boxes": "[]"}, "boxes, its row 0"), ({"probability": 0.5}, "another probability"),
     ({"model_sha256": MODEL[::-1]}, "another model")],
)  # fmt: skip
def test_another_row_is_found(place, cells, says):
    paths = sorted((place / "inbox").glob("*.dcm"))
    results(place / "results", {paths[0]: BOXES, paths[1]: []}, **cells)
    assert any(says in fault for fault in checked(place).faults)


def test_a_source_that_is_missing_is_found(place):
    (place / "inbox/2.dcm").unlink()
    assert any("is not among the sources" in fault for fault in checked(place).faults)


def command(*words):
    return CliRunner().invoke(app, ["dicom", *map(str, words)])


def test_commands_end_with_their_exit_codes(place):
    folders = [place / name for name in ("objects", "results", "inbox")]
    told = command("check", *folders)
    assert told.exit_code == 0, told.output
    assert "2 reports, 2 overlays, 2 pictures read back" in told.output
    report(place).unlink()
    assert command("check", *folders).exit_code == 3
    (place / "inbox/2.dcm").unlink()
    told = command("write", place / "results", place / "o", "--sources", place / "inbox")
    assert told.exit_code == 3
    assert "1 refused (1 no_source)" in told.output


@pytest.mark.parametrize("damage", ["missing", "no column", "no number", "a flat box", "times"])
def test_results_that_cannot_be_read_are_a_users_mistake(place, tmp_path, damage):
    table = place / "results/predictions.csv"
    text = table.read_text()
    if damage == "missing":
        table.unlink()
    elif damage == "times":
        (place / "results/times.csv").write_text("content,scored_at\na,yesterday\n")
    else:
        old, new = {
            "no column": ("model_sha256", "sum"), "no number": ("0.8123456", "high"),
            "a flat box": ("20.125", "0"),
        }[damage]  # fmt: skip
        table.write_text(text.replace(old, new))
    with pytest.raises(PneumoError, match=r"results") as fault:
        write(place / "results", tmp_path / "o")
    assert fault.value.exit_code == 2
    assert "\n" not in str(fault.value)


WITHOUT = "import sys; sys.modules['highdicom'] = None; sys.argv = ['pneumo', *sys.argv[1:]]; "


def test_without_the_extra_one_line_says_what_to_install(place):
    code = WITHOUT + "from pneumo.cli.app import main; main()"
    command = [sys.executable, "-c", code, "dicom", "write", place / "results", place / "o"]
    told = subprocess.run(command, capture_output=True, text=True)
    assert told.returncode == 2
    (line,) = told.stderr.strip().splitlines()
    assert "highdicom, which is not installed; install pneumo[pacs]" in line


def test_scoring_never_loads_the_extra():
    code = (
        "import sys; import pneumo.scoring.score, pneumo.cli.app, pneumo.findings; "
        "print({'highdicom', 'pynetdicom', 'dicomweb_client'} & set(sys.modules))"
    )
    told = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert told.stdout.strip() == "set()"
