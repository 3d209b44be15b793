"""What is scored of what a person names, and what is passed over."""

import zipfile

import pytest

from pneumo.dataset.folder import list_folder
from pneumo.findings import write
from pneumo.scoring._inputs import list_inputs
from tests.findings.made import radiograph, results

OURS = ["predictions.csv", "predictions.parquet", "rejected.csv", "submission.csv", "summary.json",
        "times.csv", "index.html", "overlays/a.png", "shards/k/p/a.png",
        ".scoring/plan.json"]  # fmt: skip
TREE = ["a.dcm", "DICOMDIR", "st/dicomdir", "st/DICOMDIR.;1", "st/b.dcm", "dicomdir.dcm",
        "DICOMDIR2", "DICOMDIRS/c.dcm", "overlays/d.png", "index.html", ".hid/e.dcm"]  # fmt: skip
KEPT = {"a.dcm", "st/b.dcm", "dicomdir.dcm", "DICOMDIR2", "DICOMDIRS/c.dcm", "overlays/d.png",
        "index.html"}  # fmt: skip


def fill(folder, names):
    for name in names:
        (folder / name).parent.mkdir(parents=True, exist_ok=True)
        (folder / name).write_text(name)


def names_of(folder, tmp_path):
    """As scoring and as a look at the folder see it."""
    scored = {item.file for item in list_inputs([folder], tmp_path / "unpacked")}
    assert scored == {str(path) for path in list_folder(folder)}
    return {name.removeprefix(f"{folder}/") for name in scored}


def test_a_dicomdir_is_passed_over(tmp_path):
    fill(tmp_path / "inbox", TREE)
    assert names_of(tmp_path / "inbox", tmp_path) == KEPT


@pytest.mark.parametrize("place", ["results", "older/results", "."])
@pytest.mark.parametrize("lost", [(), (".scoring/plan.json",), ("summary.json",)])
def test_results_inside_the_input_are_no_input_but_radiographs_beside_them_are(
    tmp_path, place, lost
):
    inbox = tmp_path / "inbox"
    fill(inbox, ["a.dcm", "st/b.dcm"])
    fill(inbox / place, ["beside.dcm", *(name for name in OURS if name not in lost)])
    kept = {"a.dcm", "st/b.dcm", str((inbox / place / "beside.dcm").relative_to(inbox))}
    assert names_of(inbox, tmp_path) == kept


@pytest.mark.parametrize("sign", ["/", "\\"])
def test_an_archive_is_read_as_its_folder_would_be(tmp_path, sign):
    inbox = tmp_path / "inbox.zip"
    names = [*TREE, "__MACOSX/a.dcm", *(f"old/{name}" for name in [*OURS, "beside.dcm"])]
    with zipfile.ZipFile(inbox, "w") as archive:
        archive.writestr(f"st{sign}", "")
        for name in [*names, "../up.dcm", "st/../../up.dcm"]:
            archive.writestr(name.replace("/", sign), name)
    items = {
        item.file.removeprefix(f"{inbox}/"): item
        for item in list_inputs([inbox], tmp_path / "unpacked")
    }
    refused = {"../up.dcm", "st/../../up.dcm"}
    assert set(items) == KEPT | {"old/beside.dcm"} | refused
    for name, item in items.items():
        assert item.reason == ("bad_member" if name in refused else "")
        assert name in refused or item.path.read_text() == name
    assert not (tmp_path.parent / "up.dcm").exists()
    assert items["st/b.dcm"].image_id == "b"


def test_objects_of_our_own_in_a_folder_or_an_archive_are_no_input(tmp_path):
    inbox = tmp_path / "inbox"
    path = radiograph(inbox / "one.dcm")
    write(results(tmp_path / "results", {path: []}), inbox / "objects")
    with zipfile.ZipFile(inbox / "study.zip", "w") as archive:
        for file in sorted([path, *(inbox / "objects").glob("*.dcm")]):
            archive.write(file, file.name)
    items = list_inputs([inbox], tmp_path / "unpacked")
    assert [item.file for item in items] == [str(path), f"{inbox}/study.zip/one.dcm"]
