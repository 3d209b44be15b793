"""``pneumo check`` as a person and a program see it."""

import json
from shutil import copy

import pytest

from tests.test_cli import pneumo


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
