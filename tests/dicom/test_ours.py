"""Objects of ours among radiographs are known as such, and nothing else is."""

import pytest
from pydicom import uid

from pneumo.dataset.folder import list_folder
from pneumo.dicom.ours import KINDS, is_ours, ours
from tests.dicom import files

ABOUT = {"Manufacturer": "pneumo", "ManufacturerModelName": "pneumo findings",
         "SOPInstanceUID": "2.25.7"}  # fmt: skip


def saved(path, kind, **tags):
    data = files.dataset(files.values(), SOPClassUID=kind, **(ABOUT | tags))
    data.file_meta.MediaStorageSOPClassUID = kind
    data.save_as(path, enforce_file_format=True)
    return data


@pytest.mark.parametrize("kind", KINDS.values())
def test_objects_of_ours_in_a_folder_are_passed_over(tmp_path, kind):
    assert ours(saved(tmp_path / "ours.dcm", kind))
    saved(tmp_path / "radiograph.dcm", uid.ComputedRadiographyImageStorage, Manufacturer="other")
    assert is_ours(tmp_path / "ours.dcm")
    assert list_folder(tmp_path) == [tmp_path / "radiograph.dcm"]
    assert list_folder(tmp_path / "ours.dcm") == [tmp_path / "ours.dcm"]  # named on purpose


@pytest.mark.parametrize(
    "tags",
    [{"Manufacturer": "other"}, {"ManufacturerModelName": "viewer"}, {"SOPInstanceUID": "1.2.7"}],
)
def test_objects_of_others_are_not(tmp_path, tags):
    assert not ours(saved(tmp_path / "other.dcm", KINDS["sr"], **tags))
    assert not is_ours(tmp_path / "other.dcm")


def test_files_that_cannot_be_read_and_links_are_not(tmp_path):
    saved(tmp_path / "ours.dcm", KINDS["sr"])
    (tmp_path / "cut.dcm").write_bytes((tmp_path / "ours.dcm").read_bytes()[:330])
    (tmp_path / "link.dcm").symlink_to(tmp_path / "ours.dcm")
    assert not any(is_ours(tmp_path / name) for name in ("cut.dcm", "link.dcm", "none.dcm"))
