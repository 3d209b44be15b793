import os
import zipfile
from shutil import rmtree

import pytest

from pneumo.base.errors import DataError
from pneumo.dataset import fetch as module
from pneumo.dataset.dataset import CLASS_INFO, IMAGES, LABELS
from pneumo.dataset.fetch import Counts, fetch
from pneumo.dataset.manifest import MANIFEST, check_manifest

LABEL_LINES = "patientId,x,y,width,height,Target\na,1,1,5,5,1\na,9,9,5,5,1\nb,,,,,0\n"
SMALL = Counts(images=2, rows=3)


@pytest.fixture
def archive(tmp_path):
    """An archive as the challenge's: tables, train and test images, an advertisement."""
    path = tmp_path / "rsna.zip"
    with zipfile.ZipFile(path, "w") as file:
        file.writestr(LABELS, LABEL_LINES)
        file.writestr(CLASS_INFO, "patientId,class\na,Lung Opacity\na,Lung Opacity\nb,Normal\n")
        file.writestr("GCP Credits Request Link - RSNA.txt", "http://example.org")
        file.writestr(f"{IMAGES}/", "")
        for name in (f"{IMAGES}/a.dcm", f"{IMAGES}/b.dcm", "stage_2_test_images/c.dcm"):
            file.writestr(name, name)
    return path


@pytest.fixture
def nobody(tmp_path, monkeypatch):
    """A user without Kaggle's client and without credentials."""
    for name in list(os.environ):
        if name.startswith("KAGGLE"):
            monkeypatch.delenv(name)
    monkeypatch.setenv("HOME", str(tmp_path / "home"))
    monkeypatch.setattr(module, "_client", lambda: None)


def test_an_archive_is_unpacked_counted_and_summed(archive, tmp_path):
    root = tmp_path / "data/rsna"
    assert fetch(root, archive, SMALL) == SMALL
    found = {str(path.relative_to(root)) for path in root.rglob("*") if path.is_file()}
    assert found == {
        LABELS, CLASS_INFO, MANIFEST, f"{IMAGES}/a.dcm", f"{IMAGES}/b.dcm",
        "stage_2_test_images/c.dcm",
    }  # fmt: skip
    assert check_manifest(root)


def test_data_that_are_there_are_checked_and_kept(archive, tmp_path):
    fetch(tmp_path / "rsna", archive, SMALL)
    assert fetch(tmp_path / "rsna", None, SMALL) == SMALL
    (tmp_path / "rsna" / LABELS).write_text(LABEL_LINES.replace("9,9", "9,8"))
    with pytest.raises(DataError, match=f"{LABELS}: its sha256 differs"):
        fetch(tmp_path / "rsna", None, SMALL)


def test_an_archive_with_other_counts_leaves_nothing(archive, tmp_path):
    with pytest.raises(DataError, match=r"2 radiographs and 3 label rows, but .* 26684 and 30227"):
        fetch(tmp_path / "out/rsna", archive)
    assert list((tmp_path / "out").iterdir()) == []


def test_another_archive_is_not_taken_for_the_challenges(tmp_path):
    path = tmp_path / "a.zip"
    with zipfile.ZipFile(path, "w") as file:
        file.writestr("cats.csv", "a")
    with pytest.raises(DataError, match=f"holds no {IMAGES}, {LABELS}"):
        fetch(tmp_path / "rsna", path)


def test_without_credentials_every_step_is_told(nobody, tmp_path):
    with pytest.raises(DataError) as caught:
        fetch(tmp_path / "rsna")
    for words in ["client is not installed", "no Kaggle credentials", "accept the rules",
                  "--extra kaggle", "access_token", "--archive FILE.zip"]:  # fmt: skip
        assert words in str(caught.value)


@pytest.mark.parametrize("where", ["access_token", "kaggle.json", "KAGGLE_API_TOKEN"])
def test_credentials_are_seen_where_kaggles_client_looks(where, nobody, tmp_path, monkeypatch):
    if where.isupper():
        monkeypatch.setenv(where, "x")
    else:
        (tmp_path / "home/.kaggle").mkdir(parents=True)
        (tmp_path / "home/.kaggle" / where).touch()
    with pytest.raises(DataError) as caught:
        fetch(tmp_path / "rsna")
    assert "no Kaggle credentials" not in str(caught.value)


CLIENT = """#!/bin/sh
[ "$1 $2 $3 $4 $5" = "competitions download -c rsna-pneumonia-detection-challenge -p" ] || exit 9
[ -f {archive} ] || {{ echo '403 - Forbidden' >&2; exit 1; }}
cp {archive} "$6/rsna-pneumonia-detection-challenge.zip"
"""


@pytest.fixture
def client(archive, nobody, tmp_path, monkeypatch):
    """A stand-in for Kaggle's client, which copies the archive."""
    program = tmp_path / "kaggle"
    program.write_text(CLIENT.format(archive=archive))
    program.chmod(0o755)
    monkeypatch.setattr(module, "_client", lambda: str(program))
    monkeypatch.setenv("KAGGLE_API_TOKEN", "x")
    monkeypatch.setattr(module, "DOWNLOAD_BYTES", 0)


def test_the_download_is_unpacked_and_taken_away(client, tmp_path):
    assert fetch(tmp_path / "data/rsna", None, SMALL) == SMALL
    assert [path.name for path in (tmp_path / "data").iterdir()] == ["rsna"]


def test_a_refused_download_says_what_to_do(client, archive, tmp_path):
    archive.unlink()
    with pytest.raises(DataError, match=r"(?s)exit code 1; .*accept the rules"):
        fetch(tmp_path / "data/rsna", None, SMALL)
    rmtree(tmp_path / "data")


def test_room_is_asked_for_before_the_download(client, tmp_path, monkeypatch):
    monkeypatch.setattr(module, "DOWNLOAD_BYTES", 2**60)
    with pytest.raises(DataError, match="GiB are needed"):
        fetch(tmp_path / "rsna", None, SMALL)
