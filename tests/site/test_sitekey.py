"""Who a radiograph is of, under a name that needs the site's key."""

import hashlib
import hmac
import os
import subprocess
import sys

import pytest

from pneumo.base.errors import PneumoError
from pneumo.site.sitekey import KEY_FILE, person_of, site_id, site_key

PATIENT = hashlib.sha256(b"PLANTEDID77").hexdigest()


@pytest.fixture
def key_file(tmp_path, monkeypatch):
    path = tmp_path / "deep" / "site.key"
    monkeypatch.setenv(KEY_FILE, str(path))
    return path


def test_a_key_is_made_once_and_only_its_owner_reads_it(key_file):
    key = site_key()
    assert (len(key), site_key()) == (32, key)
    assert key_file.stat().st_mode & 0o777 == 0o600
    assert [path.name for path in key_file.parent.iterdir()] == ["site.key"]


def test_without_an_address_it_lies_in_the_workspace(tmp_path, monkeypatch):
    monkeypatch.delenv(KEY_FILE, raising=False)
    monkeypatch.chdir(tmp_path)
    assert (tmp_path / ".pneumo/site.key").exists() is False
    assert site_key() == (tmp_path / ".pneumo/site.key").read_bytes()


@pytest.mark.parametrize("mode", [0o640, 0o604, 0o666])
def test_a_key_that_others_may_read_is_refused(key_file, mode):
    site_key()
    key_file.chmod(mode)
    with pytest.raises(PneumoError, match="chmod 600"):
        site_key()


@pytest.mark.parametrize("content", [b"", b"short", b"x" * 33])
def test_what_is_no_key_is_refused(key_file, content):
    site_key()
    key_file.write_bytes(content)
    with pytest.raises(PneumoError, match="32"):
        site_key()


def test_where_none_can_be_made_it_is_said(tmp_path, monkeypatch):
    (tmp_path / "file").write_text("")
    monkeypatch.setenv(KEY_FILE, str(tmp_path / "file" / "site.key"))
    with pytest.raises(PneumoError, match=KEY_FILE):
        site_key()


def test_processes_that_begin_at_once_share_one_key(key_file):
    line = "from pneumo.site.sitekey import site_key; print(site_key().hex())"
    begun = [
        subprocess.Popen([sys.executable, "-c", line], stdout=subprocess.PIPE, text=True)
        for _ in range(4)
    ]
    assert len({process.communicate()[0] for process in begun}) == 1


def test_a_person_is_an_hmac_and_blank_stays_blank():
    right = hmac.digest(b"k" * 32, PATIENT.encode(), "sha256").hex()[:32]
    assert person_of(PATIENT, b"k" * 32) == right
    assert person_of(PATIENT, b"l" * 32) != right
    assert person_of("", b"k" * 32) == ""


@pytest.mark.parametrize("kind", ["folder", "dangling link", "link to a folder", "no leave"])
def test_a_key_that_cannot_be_read_is_one_line(key_file, kind):
    key_file.parent.mkdir()
    if kind == "folder":
        key_file.mkdir(mode=0o755)
    elif kind == "no leave":
        site_key()
        key_file.chmod(0)
        if os.access(key_file, os.R_OK):
            pytest.skip("who runs this may read everything")
    else:
        key_file.symlink_to("gone" if kind == "dangling link" else ".")
    with pytest.raises(PneumoError, match="cannot be read") as error:
        site_key()
    assert len(str(error.value).splitlines()) == 1
    assert "chmod" not in str(error.value)


def test_a_key_that_was_lost_is_missed_and_none_is_made(key_file, trail):
    lost = site_key()
    key_file.unlink()
    with pytest.raises(PneumoError, match="is not there") as error:
        site_key()
    assert len(str(error.value).splitlines()) == 1
    assert not key_file.exists()
    assert trail.with_suffix(".site").stat().st_mode & 0o777 == 0o600
    assert lost.hex() not in trail.with_suffix(".site").read_text()
    key_file.write_bytes(lost)
    key_file.chmod(0o600)
    assert site_key() == lost


def test_another_key_in_its_place_or_elsewhere_is_refused(key_file, tmp_path, monkeypatch):
    site_key()
    key_file.write_bytes(bytes(32))
    with pytest.raises(PneumoError, match="is not the key"):
        site_key()
    monkeypatch.setenv(KEY_FILE, str(tmp_path / "elsewhere"))
    with pytest.raises(PneumoError, match="is not there"):
        site_key()
    assert not (tmp_path / "elsewhere").exists()


def test_who_means_to_begin_anew_removes_what_knows_the_key(key_file, trail):
    first = site_key()
    key_file.unlink()
    trail.with_suffix(".site").unlink()
    assert site_key() != first


def test_from_another_working_directory_no_key_is_made_unsaid(tmp_path, monkeypatch, capsys):
    monkeypatch.delenv(KEY_FILE, raising=False)
    for name in ("here", "there"):
        (tmp_path / name).mkdir()
    monkeypatch.chdir(tmp_path / "here")
    site_key()
    made = tmp_path / "here/.pneumo/site.key"
    assert capsys.readouterr().err == f"{made}: the site's key is made; keep a copy of it\n"
    monkeypatch.chdir(tmp_path / "there")
    with pytest.raises(PneumoError, match="is not there"):  # the trail knows a key
        site_key()
    assert not list((tmp_path / "there").rglob("*.key"))


def test_what_names_a_site_is_an_hmac_of_its_key():
    right = hmac.digest(b"k" * 32, b"pneumo site", "sha256").hex()[:32]
    assert site_id(b"k" * 32) == right
