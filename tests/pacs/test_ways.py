"""Ways to a PACS: in pages, over TLS, through a restart, after a database that was made anew."""

import shutil
import subprocess
from collections import Counter

import pytest

from pneumo.pacs import _orthanc, _web
from pneumo.pacs._link import AwayError, DeniedError
from pneumo.pacs.confirm import confirm
from pneumo.pacs.echo import echo
from pneumo.pacs.poll import poll
from pneumo.pacs.send import send
from pneumo.pacs.status import status
from tests.pacs.archive import Archive
from tests.pacs.fault_server import Faults
from tests.pacs.test_faults import certificate
from tests.pacs.test_receive import STORESCU, started  # noqa: F401

pytestmark = pytest.mark.slow


@pytest.mark.parametrize("orthanc", [True, False])
def test_what_is_new_comes_in_pages_and_nothing_is_left_out(
    archive, workspace, radiographs, monkeypatch, orthanc
):
    monkeypatch.setattr(_web, "PAGE_ROWS", 2)
    monkeypatch.setattr(_orthanc, "PAGE_CHANGES", 3)
    archive.put(*radiographs[:5])
    workspace.knows(archive, **({} if orthanc else {"orthanc": None}))
    workspace.write(workspace.site.model_dump() | {"days": None})
    assert poll(workspace.site)["new"] == 5
    archive.put(radiographs[5])
    assert poll(workspace.site)["new"] == 1
    assert poll(workspace.site)["new"] == 0


def test_studies_before_the_days_of_a_search_are_not_asked_for(archive, workspace, radiographs):
    archive.put(radiographs[0])  # of 1901, as RSNA's are
    workspace.knows(archive, orthanc=None)
    assert workspace.site.days == 3
    assert poll(workspace.site)["new"] == 0


def test_a_database_that_was_made_anew_is_read_from_its_beginning(
    own_archive, workspace, radiographs
):
    own_archive.put(*radiographs[:3])
    assert poll(workspace.knows(own_archive).site)["new"] == 3
    own_archive.stop()
    shutil.rmtree(own_archive.folder / "db")
    own_archive.start()
    own_archive.put(radiographs[0])
    assert poll(workspace.site)["new"] == 0
    own_archive.put(radiographs[3])
    assert poll(workspace.site)["new"] == 1


def test_restarted_while_sending_loses_and_doubles_nothing(own_archive, workspace, radiographs):
    own_archive.put(*radiographs[:3])
    faults = Faults(own_archive.url)
    workspace.knows(own_archive, faults.url).fetched()
    workspace.scored()

    def stop(body: bytes) -> bytes:
        own_archive.stop()
        return body

    faults.plan = [("POST", lambda body: body), ("POST", stop)]
    with pytest.raises(AwayError):
        send(workspace.site)
    assert Counter(workspace.rows("objects", "state")) == {("sent",): 2, ("written",): 4}
    own_archive.start()
    assert send(workspace.site)["sent"] == 4
    assert confirm(workspace.site)["confirmed"] == 6
    assert Counter(own_archive.held().values()) == {"CR": 3, "SR": 3, "PR": 3}
    faults.stop()


def test_dimse_over_tls_with_certificates_on_both_sides(workspace, radiographs, tmp_path):
    cert, key = certificate(tmp_path, "pacs")
    ours, our_key = certificate(tmp_path, "ours")
    archive = Archive(
        tmp_path / "orthanc", DicomTlsEnabled=True, DicomTlsCertificate=str(cert),
        DicomTlsPrivateKey=str(key), DicomTlsTrustedCertificates=str(ours),
    ).start()  # fmt: skip
    try:
        archive.put(*radiographs[:2])
        peer = {"ae_title": "ARCHIVE", "host": "127.0.0.1", "port": archive.dicom_port,
                "tls": True, "timeout_s": 10.0, "certificate": str(ours),
                "key": str(our_key)}  # fmt: skip
        about = {"folder": str(tmp_path / "pacs"), "source": "a", "destination": "a", "days": None}
        workspace.write(about | {"peers": {"a": peer | {"ca": str(ours)}}})
        with pytest.raises(DeniedError, match="certificate cannot be trusted"):
            poll(workspace.site)
        workspace.write(about | {"peers": {"a": peer | {"ca": str(cert)}}})
        assert list(echo(workspace.site)) == ["a: ARCHIVE answers C-ECHO with 0x0000"]
        assert workspace.fetched()["fetched"] == 2
        assert status(workspace.site)["decide"] == []
    finally:
        archive.stop()


def test_the_receiver_asks_callers_for_a_certificate(
    started,  # noqa: F811
    workspace, radiographs, tmp_path,
):  # fmt: skip
    cert, key = certificate(tmp_path, "receiver")
    theirs, their_key = certificate(tmp_path, "caller")
    port, process = started(certificate=str(cert), key=str(key), ca=str(theirs))

    def storescu(*words) -> int:
        command = [STORESCU, "-xy", "-aet", "SENDER", "-aec", "PNEUMO", "-to", "10", *words]
        return subprocess.run([*command, "127.0.0.1", str(port), radiographs[0]]).returncode

    assert storescu() != 0
    assert storescu("+tla", "+cf", cert) != 0  # shows none
    assert storescu("+tls", their_key, theirs, "+cf", cert) == 0
    assert process.poll() is None
    assert len(list(workspace.site.path("inbox").iterdir())) == 1


def test_a_study_that_is_deleted_while_it_is_listed_is_left_out(
    archive, faults, workspace, radiographs
):
    archive.put(*radiographs[:2])
    workspace.knows(archive, faults.url)
    faults.plan = [("POST", lambda body: body), ("POST", lambda body: body), ("POST", b"[]")]
    assert poll(workspace.site)["new"] == 0
