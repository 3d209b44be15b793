"""``pneumo check`` as a person and a program see it."""

import json
from shutil import copy

import pytest
from pydicom import dcmread

from tests.cli.test_app import pneumo


@pytest.fixture
def inbox(demo_root, tmp_path):
    files = sorted((demo_root / "stage_2_train_images").glob("*.dcm"))[:3]
    for path in files:
        copy(path, tmp_path)
    return tmp_path


def test_a_folder_of_radiographs_is_accepted(inbox):
    done = pneumo("check", str(inbox))
    assert done.returncode == 0
    assert done.stdout.splitlines()[-1] == "3 files = 3 accepted + 0 rejected"


def test_a_rejected_file_has_its_reason_and_exit_code_3(inbox):
    (inbox / "notes.txt").write_text("no radiograph")
    done = pneumo("check", str(inbox), "--json")
    assert done.returncode == 3
    found = json.loads(done.stdout)
    assert (found["files"], found["accepted"], found["rejected"]) == (4, 3, 1)
    assert found["reasons"] == {"not_dicom": 1}
    assert "notes.txt" in pneumo("check", str(inbox)).stdout


def test_a_lateral_view_is_rejected_and_with_any_view_noted(inbox):
    path = sorted(inbox.glob("*.dcm"))[0]
    header = dcmread(path)
    header.ViewPosition = "LL"
    header.save_as(path)
    strict, loose = (pneumo("check", str(inbox), *how) for how in ([], ["--any-view"]))
    assert (strict.returncode, loose.returncode) == (3, 0)
    said = "(0018,5101) View Position says a lateral view"
    assert f"{path.name}: wrong_view: {said}" in strict.stdout
    assert f"note: {said}" in loose.stdout
    assert loose.stdout.splitlines()[-1].endswith("1 noted (1 wrong_view)")
