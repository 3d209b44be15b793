"""The audit trail: who did what to whose objects, as messages of PS3.15 A.5.

A line each in a file, and to syslog (RFC 5424, RFC 5425) where the site names one. UIDs and titles
only; no name, no number of a patient.
"""

import contextlib
import os
import socket
import ssl
import time
from collections.abc import Iterable
from pathlib import Path
from urllib.parse import urlsplit
from xml.etree import ElementTree as Xml

from pneumo.pacs.peers import Site

EVENTS = {
    "110100": "Application Activity",
    "110104": "DICOM Instances Transferred",
    "110112": "Query",
    "110113": "Security Alert",
}
AUTHENTICATION = ("110126", "DCM", "Node Authentication")
OTHER_CONTENT = ("other-content", "99PNEUMO", "Other content than was sent")
"""Kinds of security alerts; no code of the standard says the second."""

SUCCESS, MINOR, SERIOUS = "0", "4", "8"
"""Outcomes (PS3.15 A.5.2)."""

FACILITY_SECURITY = 10 * 8


class Audit:
    """Writes messages for a site."""

    def __init__(self, site: Site) -> None:
        self._site = site
        self._file = site.path("audit", "audit.log")

    def application(self, kind: str) -> None:
        """``kind``: start or stop (DCM 110120, 110121)."""
        code = {"start": "110120", "stop": "110121"}[kind]
        event = self._event("110100", "E", SUCCESS, (code, "DCM", f"Application {kind.title()}"))
        self._us(event)
        self._write(event)

    def transferred(
        self, source: str, target: str, studies: Iterable[tuple[str, str, int]], *,
        outcome: str = SUCCESS,
    ) -> None:  # fmt: skip
        """Instances went from one to the other: ``(study, SOP class, number)``."""
        event = self._event("110104", "C" if target == self._site.ae_title else "R", outcome)
        self._person(event, source, "110153", "Source Role ID")
        self._person(event, target, "110152", "Destination Role ID")
        for study, sop_class, number in studies:
            Xml.SubElement(
                _study(event, study), "SOPClass", UID=sop_class, NumberOfInstances=str(number)
            )
        self._write(event)

    def query(self, peer: str) -> None:
        """We asked a peer what is new."""
        event = self._event("110112", "E", SUCCESS)
        self._person(event, self._site.ae_title, "110153", "Source Role ID")
        self._person(event, peer, "110152", "Destination Role ID")
        self._write(event)

    def alert(
        self, code: tuple[str, str, str], who: str, objects: Iterable[tuple[str, str, str]] = ()
    ) -> None:
        """Something that a person must look at: ``AUTHENTICATION`` or ``OTHER_CONTENT``.

        ``objects``: study, SOP class and SOP instance of each.
        """
        event = self._event("110113", "E", SERIOUS, code)
        self._us(event)
        self._person(event, who, "110152", "Destination Role ID")
        for study, sop_class, sop in objects:
            told = Xml.SubElement(_study(event, study), "SOPClass", UID=sop_class)
            Xml.SubElement(told, "Instance", UID=sop)
        self._write(event)

    def _event(
        self, code: str, action: str, outcome: str, kind: tuple[str, str, str] | None = None
    ) -> Xml.Element:
        message = Xml.Element("AuditMessage")
        event = Xml.SubElement(
            message, "EventIdentification", EventActionCode=action,
            EventDateTime=time.strftime("%Y-%m-%dT%H:%M:%SZ", time.gmtime()),
            EventOutcomeIndicator=outcome,
        )  # fmt: skip
        _code(event, "EventID", code, EVENTS[code])
        if kind:
            code, scheme, meaning = kind
            _code(event, "EventTypeCode", code, meaning, scheme)
        return message

    def _us(self, message: Xml.Element) -> None:
        self._person(message, self._site.ae_title, "110150", "Application")

    def _person(self, message: Xml.Element, title: str, code: str, meaning: str) -> None:
        person = Xml.SubElement(
            message, "ActiveParticipant", UserID=title,
            UserIsRequestor="true" if title == self._site.ae_title else "false",
        )  # fmt: skip
        _code(person, "RoleIDCode", code, meaning)

    def _write(self, message: Xml.Element) -> None:
        source = Xml.SubElement(
            message, "AuditSourceIdentification", AuditSourceID=self._site.ae_title
        )
        _code(source, "AuditSourceTypeCode", "4", "Application Server")
        text = Xml.tostring(message, encoding="unicode")
        _append(self._file, text)
        if self._site.syslog:
            # The file has it; a syslog that is away must not stop the work.
            with contextlib.suppress(OSError):
                _to_syslog(self._site, text)


def _study(message: Xml.Element, study: str) -> Xml.Element:
    """Name a study in a message; returns the place for what it is about."""
    item = Xml.SubElement(
        message, "ParticipantObjectIdentification", ParticipantObjectID=study,
        ParticipantObjectTypeCode="2", ParticipantObjectTypeCodeRole="3",
    )  # fmt: skip
    _code(item, "ParticipantObjectIDTypeCode", "110180", "Study Instance UID")
    return Xml.SubElement(item, "ParticipantObjectDescription")


def _code(parent: Xml.Element, name: str, code: str, meaning: str, scheme: str = "DCM") -> None:
    told = {"csd-code": code, "codeSystemName": scheme, "originalText": meaning}
    Xml.SubElement(parent, name, told)


def _append(path: Path, text: str) -> None:
    path.parent.mkdir(mode=0o700, parents=True, exist_ok=True)
    descriptor = os.open(path, os.O_WRONLY | os.O_APPEND | os.O_CREAT, 0o600)
    try:
        os.write(descriptor, text.encode() + b"\n")
    finally:
        os.close(descriptor)


def _to_syslog(site: Site, text: str) -> None:
    """One message (RFC 5424), framed by its length on a stream (RFC 6587)."""
    parts = urlsplit(str(site.syslog))
    head = f"<{FACILITY_SECURITY + 5}>1 {time.strftime('%Y-%m-%dT%H:%M:%SZ', time.gmtime())}"
    line = f"{head} {socket.gethostname()} pneumo {os.getpid()} IHE+DICOM - {text}".encode()
    place = (parts.hostname or "", parts.port or 0)
    if parts.scheme == "udp":
        with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as out:
            out.sendto(line, place)
        return
    with socket.create_connection(place, timeout=5) as plain:
        stream: socket.socket = plain
        if parts.scheme == "tls":
            context = ssl.create_default_context(cafile=site.syslog_ca)
            stream = context.wrap_socket(plain, server_hostname=parts.hostname)
        stream.sendall(b"%d %s" % (len(line), line))
        if parts.scheme == "tls":
            stream.close()
