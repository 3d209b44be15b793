"""The file of the peers: every fault at once, and no secret in any message."""

from pathlib import Path

import pytest
import yaml

from pneumo.base.errors import SettingsError
from pneumo.pacs.peers import Peer, is_read_on_the_way, load_site, secret_of, site_file

SECRET = "s3cr3t-w0rd"


@pytest.fixture
def place(tmp_path) -> Path:
    (tmp_path / "cred").write_text(f"user:{SECRET}:with:colons\n")
    (tmp_path / "cred").chmod(0o600)
    return tmp_path


def written(place: Path, peer: dict, **more) -> Path:
    about = {"source": "one", "destination": "one", "peers": {"one": peer}} | more
    path = place / "pacs.yaml"
    path.write_text(yaml.safe_dump(about))
    return path


WEB = {"dicomweb": "https://pacs.example/dicom-web/"}
DIMSE = {"ae_title": "ARCHIVE", "host": "10.0.0.1", "port": 104}


@pytest.mark.parametrize("peer", [WEB, DIMSE, WEB | DIMSE])
def test_a_peer_is_reached_by_dicomweb_by_dimse_or_by_both(place, peer):
    site = load_site(written(place, peer | {"credentials": str(place / "cred")}))
    found = site.peers["one"]
    assert found.dicomweb == ("https://pacs.example/dicom-web" if "dicomweb" in peer else None)
    assert secret_of(found) == f"user:{SECRET}:with:colons"
    assert (site.ae_title, site.folder, site.receiver) == ("PNEUMO", "data/pacs", None)


@pytest.mark.parametrize(
    ("peer", "more", "told"),
    [
        ({}, {}, "peers.one: needs dicomweb, or ae_title, host and port"),
        ({"ae_title": "A", "host": "h"}, {}, "ae_title, host and port belong together"),
        ({"dicomweb": f"http://me:{SECRET}@h/x"}, {}, "must hold no user or password"),
        ({"dicomweb": "ftp://h/x"}, {}, "must be an address that begins with http"),
        (WEB | {"password": SECRET}, {}, "peers.one.password: unknown"),
        (WEB | {"credentials": "gone"}, {}, "peers.one.credentials: there is no such file"),
        (WEB | {"ca": "gone.pem"}, {}, "peers.one.ca: there is no such file"),
        (WEB | {"certificate": "c"}, {}, "certificate and key belong together"),
        (DIMSE | {"ae_title": "x" * 17}, {}, "peers.one.ae_title: string should match"),
        (DIMSE | {"ae_title": "a\\b"}, {}, "peers.one.ae_title: string should match"),
        (DIMSE | {"ae_title": " A"}, {}, "peers.one.ae_title: string should match"),
        (DIMSE | {"port": 0}, {}, "peers.one.port: input should be greater"),
        (DIMSE | {"port": "104"}, {}, "peers.one.port: input should be a valid integer"),
        (DIMSE | {"orthanc": "http://h"}, {}, "orthanc needs dicomweb"),
        (WEB, {"source": "two"}, "source must name a peer"),
        (WEB, {"destination": "two"}, "destination must name a peer"),
        (WEB, {"days": 0}, "days: input should be greater"),
        (WEB, {"syslog": "h:514"}, "syslog: string should match"),
        (WEB, {"receiver": {"port": 11112}}, "receiver.callers: missing"),
        (WEB, {"receiver": {"callers": []}}, "receiver.callers: list should have at least 1"),
        (WEB, {"receiver": {"callers": ["A"], "ca": "gone"}}, "receiver.ca: there is no such file"),
        (WEB, {"sauce": 1}, "sauce: unknown"),
        (WEB, {"sauce": 1, "source": "two"}, "source must name a peer"),
        (WEB, {"syslog_ca": "gone"}, "syslog_ca: there is no such file"),
    ],
)
def test_each_fault_is_named_where_it_is(place, peer, more, told):
    with pytest.raises(SettingsError) as error:
        load_site(written(place, peer, **more))
    assert told in str(error.value)
    assert SECRET not in str(error.value)


def test_all_faults_are_told_at_once_and_no_value(place):
    peer = {"dicomweb": f"http://x:{SECRET}@h", "credentials": f"/{SECRET}", "token": SECRET}
    path = written(place, peer, ae_title=f"{SECRET}{SECRET}", sauce=SECRET)
    with pytest.raises(SettingsError) as error:
        load_site(path)
    said = str(error.value)
    assert said.startswith(f"{path}: 5 settings cannot be used")
    assert SECRET not in said


@pytest.mark.parametrize("mode", [0o640, 0o604, 0o620, 0o644])
def test_credentials_that_others_may_read_are_refused(place, mode):
    (place / "cred").chmod(mode)
    with pytest.raises(SettingsError, match="chmod 600") as error:
        load_site(written(place, WEB | {"credentials": str(place / "cred")}))
    assert SECRET not in str(error.value)


@pytest.mark.parametrize("text", ["", "\n", SECRET, f"user:{SECRET}\nmore", f":{SECRET}"[:1]])
def test_credentials_of_another_form_are_refused(place, text):
    (place / "cred").write_text(text)
    with pytest.raises(SettingsError, match=r"USER:PASSWORD or Bearer TOKEN") as error:
        load_site(written(place, WEB | {"credentials": str(place / "cred")}))
    assert SECRET not in str(error.value)


@pytest.mark.parametrize("text", ["", "- a", "a: [", "\t", "a: b: c"])
def test_what_is_no_table_is_refused_in_a_line(place, text):
    (place / "pacs.yaml").write_text(text)
    with pytest.raises(SettingsError, match=r"1 setting cannot be used"):
        load_site(place / "pacs.yaml")


def test_the_environment_names_another_file(monkeypatch):
    assert site_file() == Path("pacs.yaml")
    monkeypatch.setenv("PNEUMO_PACS", "/srv/pacs.yaml")
    assert site_file() == Path("/srv/pacs.yaml")
    assert site_file(Path("given.yaml")) == Path("given.yaml")


@pytest.mark.parametrize(
    ("address", "credentials", "read"),
    [
        ("http://pacs.example/dicom-web", "file", True),
        ("http://10.0.0.5:8042/dicom-web", "file", True),
        ("http://127.0.0.1.example/dicom-web", "file", True),
        ("http://pacs.example/dicom-web", None, False),
        ("https://pacs.example/dicom-web", "file", False),
        ("http://127.0.0.1:8042/dicom-web", "file", False),
        ("http://[::1]:8042/dicom-web", "file", False),
        ("http://localhost/dicom-web", "file", False),
    ],
)
def test_credentials_that_others_could_read_on_the_way_are_known(address, credentials, read):
    assert is_read_on_the_way(Peer(dicomweb=address, credentials=credentials)) is read
