"""What a PACS and a disk may do to us: nothing is lost, nothing is doubled, a person is told."""

import os
import subprocess
import sys
import time
from collections import Counter
from pathlib import Path
from shutil import copytree

import pytest

from pneumo.base.errors import DataError
from pneumo.pacs._link import AwayError, DeniedError
from pneumo.pacs.confirm import confirm
from pneumo.pacs.echo import echo
from pneumo.pacs.fetch import fetch
from pneumo.pacs.poll import poll
from pneumo.pacs.record import record
from pneumo.pacs.send import send
from pneumo.pacs.status import status
from tests.pacs.fault_server import Faults

pytestmark = [pytest.mark.slow, pytest.mark.outage]

PNEUMO = Path(sys.executable).with_name("pneumo")


@pytest.fixture
def written(archive, faults, workspace, radiographs):
    """Two radiographs whose four objects wait, with a server of faults before the PACS."""
    archive.put(*radiographs[:2])
    workspace.knows(archive, faults.url).fetched()
    workspace.scored()
    return workspace


def due_now(workspace):
    from pneumo.pacs.ledger import opened

    with opened(workspace.site.path()) as ledger:
        ledger.change(("UPDATE objects SET due = 0", ()))


def assert_whole(archive, workspace):
    found = status(workspace.site)
    assert found["states"]["confirmed"] == 2
    assert found["decide"] == []
    assert Counter(archive.held().values()) == {"CR": 2, "SR": 2, "PR": 2}


@pytest.mark.parametrize(
    "fault",
    [503, 500, 429, ("reason", 409, 0xA700), ("reason", 202, 0xA701), ("reason", 409, 0x0110)],
)
def test_what_cannot_be_taken_now_is_sent_again_later(archive, faults, written, fault):
    faults.plan = [("POST", fault)]
    assert send(written.site) == {"sent": 2, "later": 2, "refused": 0}
    assert len(status(written.site)["later"]) == 2
    assert send(written.site) == {"sent": 0, "later": 0, "refused": 0}  # not before it is due
    due_now(written)
    assert send(written.site) == {"sent": 2, "later": 0, "refused": 0}
    confirm(written.site)
    assert_whole(archive, written)


def test_the_wait_doubles_up_to_an_hour(faults, written):
    waits = []
    for _ in range(8):
        due_now(written)
        faults.plan = [("POST", 503)] * 2
        send(written.site)
        waits.append(round(max(d for (d,) in written.rows("objects", "due")) - time.time(), -1))
    assert waits == [60, 120, 240, 480, 960, 1920, 3600, 3600]


@pytest.mark.parametrize(
    ("fault", "code"),
    [
        (("reason", 409, 0xA900), "0xA900"),
        (("reason", 202, 0xA9FF), "0xA9FF"),
        (("reason", 409, 0xC000), "0xC000"),
        (("reason", 200, 0xC123), "0xC123"),
        (("reason", 409, 0x0122), "0x0122"),
        (409, "409"),
        (400, "400"),
        (413, "413"),
    ],
)
def test_what_is_refused_goes_to_a_person_and_is_not_tried_again(
    archive, faults, written, fault, code
):
    faults.plan = [("POST", fault)]
    assert send(written.site) == {"sent": 2, "later": 0, "refused": 2}
    assert send(written.site) == {"sent": 0, "later": 0, "refused": 0}
    decide = status(written.site)["decide"]
    assert [row["reason"] for row in decide] == [code, code]
    assert all("again" in row["do"] or "DIMSE" in row["do"] for row in decide)
    assert send(written.site, again=True) == {"sent": 2, "later": 0, "refused": 0}
    confirm(written.site)
    assert_whole(archive, written)


def test_an_empty_list_of_failures_is_success(archive, faults, written):
    import requests

    def answer(body: bytes) -> bytes:
        return body

    faults.plan = [("POST", answer)]
    assert send(written.site) == {"sent": 4, "later": 0, "refused": 0}
    told = requests.post(
        f"{archive.web}/studies",
        data=b'--b\r\nContent-Type: application/dicom\r\n\r\n'
        + next(written.site.path("outbox").iterdir()).read_bytes()
        + b"\r\n--b--\r\n",
        headers={"Content-Type": 'multipart/related; type="application/dicom"; boundary=b',
                 "Accept": "application/dicom+json"},
        auth=("pneumo", archive.password),
        timeout=20,
    )  # fmt: skip
    assert told.json()["00081198"].get("Value", []) == []  # what this PACS does say
    confirm(written.site)
    assert_whole(archive, written)


@pytest.mark.parametrize("fault", ["cut", "drop"])
def test_a_connection_that_breaks_while_sending_costs_a_try(archive, faults, written, fault):
    faults.plan = [("POST", fault)]
    assert send(written.site) == {"sent": 2, "later": 2, "refused": 0}  # the other does not wait
    due_now(written)
    assert send(written.site) == {"sent": 2, "later": 0, "refused": 0}
    confirm(written.site)
    assert_whole(archive, written)


def test_what_was_acknowledged_and_is_not_there_is_sent_again(archive, faults, written):
    faults.plan = [("POST", "swallow")]
    assert send(written.site) == {"sent": 4, "later": 0, "refused": 0}
    assert confirm(written.site) == {"confirmed": 2, "absent": 2, "other": 0}
    assert status(written.site)["states"]["written"] == 1
    assert send(written.site) == {"sent": 2, "later": 0, "refused": 0}
    assert confirm(written.site) == {"confirmed": 2, "absent": 0, "other": 0}
    assert_whole(archive, written)


@pytest.mark.parametrize("fault", [500, 503, "cut", 400, 403, 406, 302, bytes(66 * 2**20)])
def test_one_that_the_source_cannot_give_stops_no_other(
    archive, faults, workspace, radiographs, fault
):
    archive.put(*radiographs[:3])
    poll(workspace.knows(archive, faults.url).site)
    faults.plan = [("GET", fault)]
    assert fetch(workspace.site)["fetched"] == 2
    found = status(workspace.site)
    if fault in (500, 503, "cut"):
        assert found["decide"] == []
        assert [row["tries"] for row in found["later"]] == [1]
    else:
        (told,) = found["decide"]
        large = not isinstance(fault, int)
        assert told["reason"] == ("too_large" if large else f"answer_{fault}")
    assert workspace.rows("closed") == []
    assert "110113" not in workspace.site.path("audit/audit.log").read_text()
    assert fetch(workspace.site)["fetched"] == 0
    assert fetch(workspace.site, again=True)["fetched"] == 1


def test_one_that_cannot_be_read_back_stops_no_other(archive, faults, written):
    send(written.site)
    faults.plan = [("GET", 500)]
    assert confirm(written.site) == {"confirmed": 3, "absent": 0, "other": 0}
    assert confirm(written.site) == {"confirmed": 0, "absent": 0, "other": 0}
    due_now(written)
    assert confirm(written.site) == {"confirmed": 1, "absent": 0, "other": 0}
    assert_whole(archive, written)


def test_tries_of_sending_are_not_counted_as_losses(archive, faults, written):
    for _ in range(4):
        faults.plan = [("POST", 503)] * 2
        due_now(written)
        send(written.site)
    due_now(written)
    faults.plan = [("POST", "swallow")] * 2
    send(written.site)
    assert confirm(written.site) == {"confirmed": 0, "absent": 4, "other": 0}
    assert status(written.site)["decide"] == []
    assert send(written.site)["sent"] == 4
    confirm(written.site)
    assert_whole(archive, written)


def test_what_is_lost_again_and_again_is_for_a_person(faults, written):
    for number in range(5):
        if number > 1:
            assert send(written.site)["sent"] == 0  # not before it is due
            due_now(written)
        faults.plan = [("POST", "swallow")] * 2
        send(written.site)
        confirm(written.site)
    assert {row["reason"] for row in status(written.site)["decide"]} == {"absent_again"}


def test_other_bytes_than_were_sent_are_an_alarm(archive, faults, written):
    faults.plan = [("POST", lambda body: body.replace(b"pneumo findings", b"pneumo Findings", 1))]
    assert send(written.site)["sent"] == 4
    assert confirm(written.site) == {"confirmed": 3, "absent": 0, "other": 1}
    (told,) = status(written.site)["decide"]
    assert told["reason"] == "other_content"
    assert told["do"].startswith("ALARM")
    (alert,) = [
        line
        for line in written.site.path("audit/audit.log").read_text().splitlines()
        if 'csd-code="110113"' in line
    ]
    (changed,) = (s for s, state in written.rows("objects", "sop", "state") if state == "refused")
    assert changed in alert


def test_away_for_a_while_loses_nothing(own_archive, workspace, radiographs):
    archive = own_archive
    archive.put(*radiographs[:2])
    poll(workspace.knows(archive).site)
    archive.stop()
    for step in (poll, fetch):
        with pytest.raises(AwayError, match="connection refused"):
            step(workspace.site)
    archive.start()
    fetch(workspace.site)
    workspace.scored()
    archive.stop()
    with pytest.raises(AwayError):
        send(workspace.site)
    archive.start()
    send(workspace.site)
    archive.stop()
    with pytest.raises(AwayError):
        confirm(workspace.site)
    archive.start()
    confirm(workspace.site)
    assert_whole(archive, workspace)


def test_a_wrong_password_is_one_line_and_the_peer_is_left_in_peace(archive, faults, workspace):
    secret = "wr0ng-pass"
    workspace.knows(archive, faults.url)
    (workspace.folder / "credentials").write_text(f"pneumo:{secret}")
    command = [PNEUMO, "pacs", "poll", "--peers", workspace.folder / "pacs.yaml"]
    first = subprocess.run(command, capture_output=True, text=True)
    assert first.returncode == 2
    assert first.stderr.count("\n") == 1
    assert "refuses the credentials (401)" in first.stderr
    asked = len(faults.asked)
    with pytest.raises(DeniedError, match="not asked again"):
        poll(workspace.site)
    assert len(faults.asked) == asked == 1
    assert status(workspace.site)["decide"][0]["what"] == "peer archive"
    everything = first.stderr + first.stdout
    for path in workspace.folder.rglob("*"):
        if path.is_file() and path.name != "credentials":
            everything += path.read_bytes().decode(errors="replace")
    assert secret not in everything
    (workspace.folder / "credentials").write_text(f"pneumo:{archive.password}")
    assert poll(workspace.site) == {"new": 0, "left_alone": 0}  # another file is another try


def test_a_peer_that_forbids_everything_is_left_in_peace(archive, faults, workspace, radiographs):
    archive.put(*radiographs[:2])
    poll(workspace.knows(archive, faults.url).site)
    faults.plan = [("GET", 403)] * 9
    with pytest.raises(DeniedError, match="403"):
        fetch(workspace.site)
    assert [row["reason"] for row in workspace.rows("radiographs")] == ["", ""]
    with pytest.raises(DeniedError, match="not asked again"):
        fetch(workspace.site)


def test_a_peer_that_refused_is_asked_again_by_hand(archive, workspace):
    import yaml

    workspace.knows(archive)
    right = archive.password
    archive.password = "another"
    workspace.knows(archive)
    archive.password = right
    with pytest.raises(DeniedError):
        poll(workspace.site)
    with pytest.raises(DeniedError, match=r"401\); correct the file that `credentials` names$"):
        list(echo(workspace.site))
    workspace.knows(archive)
    assert list(echo(workspace.site)) == ["archive: DICOMweb answers; Orthanc 1.10.1 answers"]
    assert yaml.safe_load((workspace.folder / "pacs.yaml").read_text())["source"] == "archive"


def certificate(folder: Path, name: str) -> tuple[Path, Path]:
    key, cert = folder / f"{name}.key", folder / f"{name}.pem"
    subprocess.run(
        ["openssl", "req", "-x509", "-newkey", "rsa:2048", "-nodes", "-days", "2", "-subj",
         f"/CN={name}", "-addext", "subjectAltName=IP:127.0.0.1", "-keyout", key, "-out", cert],
        check=True, capture_output=True,
    )  # fmt: skip
    key.chmod(0o600)
    return cert, key


def test_a_certificate_that_nobody_signed_is_refused_and_the_right_one_taken(
    archive, workspace, radiographs, tmp_path
):
    cert, key = certificate(tmp_path, "right")
    other, _ = certificate(tmp_path, "other")
    server = Faults(archive.url, certificate=(cert, key))
    archive.put(radiographs[0])
    for wrong in (None, str(other)):
        workspace.knows(archive, server.url, ca=wrong)
        with pytest.raises(DeniedError, match="certificate cannot be trusted"):
            poll(workspace.site)
    assert poll(workspace.knows(archive, server.url, ca=str(cert)).site)["new"] == 1
    assert fetch(workspace.site)["fetched"] == 1
    server.stop()


def test_a_full_disk_of_ours_loses_nothing(archive, workspace, radiographs):
    place = workspace.folder / "pacs"
    place.mkdir()
    mount = ["mount", "-t", "tmpfs", "-o", "size=280k", "tmpfs", str(place)]
    if os.getuid() or subprocess.run(mount, capture_output=True).returncode:
        pytest.skip("only root may mount a small file system")
    try:
        archive.put(*radiographs[:3])
        workspace.knows(archive)
        poll(workspace.site)
        command = [PNEUMO, "pacs", "fetch", "--peers", workspace.folder / "pacs.yaml"]
        full = subprocess.run(command, capture_output=True, text=True)
        assert full.returncode == 2, full.stderr
        assert "make room" in full.stderr
        assert full.stderr.count("\n") == 1
        assert not list(place.glob(".aside.*"))
        subprocess.run(["mount", "-o", "remount,size=99M", str(place)], check=True)
        fetch(workspace.site)
        found = workspace.trip()
        assert found["states"]["confirmed"] == 3
        assert Counter(archive.held().values()) == {"CR": 3, "SR": 3, "PR": 3}
    finally:
        subprocess.run(["umount", str(place)], check=True)


def test_an_object_that_is_not_what_its_index_says_is_not_sent(archive, workspace, radiographs):
    archive.put(radiographs[0])
    workspace.knows(archive).fetched()
    site = workspace.site
    for name in ("results", "objects"):
        copytree(workspace.template / name, site.path(name))
    for path in site.path("objects").glob("*.dcm"):
        path.write_bytes(path.read_bytes().replace(b"pneumo findings", b"pneumo Findings"))
    for step in (record, send):
        with pytest.raises(DataError, match=r"is not what objects.csv says"):
            step(site)
    assert Counter(archive.held().values()) == {"CR": 1}
