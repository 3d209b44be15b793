"""The audit trail: messages of PS3.15 A.5, in a file and to syslog; and what has no DIMSE."""

import socket
import stat
import subprocess
import sys
import threading
from xml.etree import ElementTree

import pytest

from pneumo.pacs._audit import AUTHENTICATION, OTHER_CONTENT, Audit
from pneumo.pacs.peers import Site

PEER = {"ae_title": "A", "host": "127.0.0.1", "port": 1}


def site(folder, **more) -> Site:
    about = {"folder": str(folder), "source": "a", "destination": "a", "peers": {"a": PEER}}
    return Site.model_validate(about | more)


def say_all(audit: Audit) -> None:
    audit.application("start")
    audit.transferred("a", "PNEUMO", [("1.2.3", "1.2.840.10008.5.1.4.1.1.1", 2)])
    audit.transferred("PNEUMO", "a", [("1.2.3", "1.2.840.10008.5.1.4.1.1.88.33", 1)])
    audit.query("a")
    audit.alert(AUTHENTICATION, "a")
    audit.alert(OTHER_CONTENT, "a", [("1.2.3", "1.2.840.10008.5.1.4.1.1.7", "2.25.9")])
    audit.application("stop")


def test_each_message_has_what_the_standard_asks_of_it(tmp_path):
    say_all(Audit(site(tmp_path)))
    path = tmp_path / "audit/audit.log"
    assert stat.S_IMODE(path.stat().st_mode) == 0o600
    found = [ElementTree.fromstring(line) for line in path.read_text().splitlines()]
    events = [one.find("EventIdentification") for one in found]
    told = [(e.find("EventID").get("csd-code"), e.get("EventActionCode")) for e in events]
    assert told == [
        ("110100", "E"), ("110104", "C"), ("110104", "R"), ("110112", "E"), ("110113", "E"),
        ("110113", "E"), ("110100", "E"),
    ]  # fmt: skip
    kinds = [e.find("EventTypeCode").get("csd-code") for e in events if len(e) > 1]
    assert kinds == ["110120", "110126", "other-content", "110121"]
    for one, event in zip(found, events, strict=True):
        assert event.get("EventOutcomeIndicator") in ("0", "8")
        assert event.get("EventDateTime").endswith("Z")
        assert one.find("ActiveParticipant").get("UserID") in ("PNEUMO", "a")
        assert one.find("AuditSourceIdentification").get("AuditSourceID") == "PNEUMO"
    item = found[1].find("ParticipantObjectIdentification")
    assert item.get("ParticipantObjectID") == "1.2.3"
    assert item.find("ParticipantObjectIDTypeCode").get("csd-code") == "110180"
    assert item.find("ParticipantObjectDescription/SOPClass").get("NumberOfInstances") == "2"
    uid = found[5].find("ParticipantObjectIdentification/ParticipantObjectDescription/SOPClass")
    assert uid.find("Instance").get("UID") == "2.25.9"


@pytest.mark.parametrize("scheme", ["udp", "tcp"])
def test_syslog_gets_each_message_too(tmp_path, scheme):
    kind = socket.SOCK_DGRAM if scheme == "udp" else socket.SOCK_STREAM
    taken: list[bytes] = []
    with socket.socket(socket.AF_INET, kind) as server:
        server.bind(("127.0.0.1", 0))
        server.settimeout(20)
        port = server.getsockname()[1]
        if scheme == "tcp":
            server.listen()

        def take() -> None:
            for _ in range(7):
                if scheme == "udp":
                    taken.append(server.recv(2**16))
                else:
                    with server.accept()[0] as stream:
                        taken.append(stream.makefile("rb").read())

        thread = threading.Thread(target=take)
        thread.start()
        say_all(Audit(site(tmp_path, syslog=f"{scheme}://127.0.0.1:{port}")))
        thread.join(20)
    lines = (tmp_path / "audit/audit.log").read_text().splitlines()
    assert len(taken) == len(lines) == 7
    for sent, line in zip(taken, lines, strict=True):
        if scheme == "tcp":
            length, _, sent = sent.partition(b" ")
            assert int(length) == len(sent)
        assert sent.startswith(b"<85>1 ")
        assert sent.endswith(line.encode())
        assert b" IHE+DICOM " in sent


def test_a_syslog_that_is_away_stops_nothing(tmp_path):
    say_all(Audit(site(tmp_path, syslog="tcp://127.0.0.1:1")))
    assert len((tmp_path / "audit/audit.log").read_text().splitlines()) == 7


def test_without_the_extra_dimse_says_what_to_install(tmp_path):
    (tmp_path / "pacs.yaml").write_text(
        "source: a\ndestination: a\npeers: {a: {ae_title: A, host: 127.0.0.1, port: 1}}\n"
        "receiver: {callers: [A]}\n"
    )
    for word in ("poll", "receive", "echo"):
        program = (
            "import sys; sys.modules['pynetdicom'] = None; sys.modules['highdicom'] = None; "
            f"sys.argv = ['pneumo', 'pacs', '{word}']; from pneumo.cli.app import main; main()"
        )
        done = subprocess.run(
            [sys.executable, "-c", program], cwd=tmp_path, capture_output=True, text=True
        )
        assert done.returncode == 2, done.stderr
        assert done.stderr.count("\n") == 1
        assert "install pneumo[pacs]" in done.stderr
