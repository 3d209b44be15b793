"""DIMSE (PS3.4, PS3.7): C-FIND to search, C-GET to fetch, C-STORE to store.

Where a peer has no DICOMweb. C-GET needs no port of ours to be open; each storage class is offered
with a context per transfer syntax, so that a file comes as the peer has it.
"""

import contextlib
import datetime
import socket
import ssl
from collections import Counter
from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import Any

from pydicom.dataset import Dataset
from pydicom.uid import (
    JPEG2000,
    DeflatedExplicitVRLittleEndian,
    ExplicitVRBigEndian,
    ExplicitVRLittleEndian,
    ImplicitVRLittleEndian,
    JPEG2000Lossless,
    JPEGBaseline8Bit,
    JPEGExtended12Bit,
    JPEGLossless,
    JPEGLosslessSV1,
    JPEGLSLossless,
    JPEGLSNearLossless,
    RLELossless,
)
from pynetdicom import AE, build_context, build_role, evt
from pynetdicom.association import Association
from pynetdicom.presentation import PresentationContext
from pynetdicom.sop_class import (  # type: ignore[attr-defined]
    StudyRootQueryRetrieveInformationModelFind as Find,
)
from pynetdicom.sop_class import (  # type: ignore[attr-defined]
    StudyRootQueryRetrieveInformationModelGet as Get,
)
from pynetdicom.sop_class import Verification  # type: ignore[attr-defined]

from pneumo.dicom.ours import KINDS
from pneumo.pacs._link import (
    MODALITIES,
    RADIOGRAPHS,
    AbsentError,
    Answer,
    AwayError,
    DeniedError,
    Instance,
    Page,
    UnfitError,
    answer_of,
)
from pneumo.pacs.peers import Peer

SYNTAXES = (
    ExplicitVRLittleEndian, ImplicitVRLittleEndian, DeflatedExplicitVRLittleEndian,
    ExplicitVRBigEndian, JPEGBaseline8Bit, JPEGExtended12Bit, JPEGLossless, JPEGLosslessSV1,
    JPEGLSLossless, JPEGLSNearLossless, JPEG2000Lossless, JPEG2000, RLELossless,
)  # fmt: skip
"""Every transfer syntax that is read here."""

PENDING = (0xFF00, 0xFF01)
TRANSIENT = 2
"""Result of a rejected association: another try may be taken (PS3.8 9.3.4)."""


class Dimse:
    """A peer by DIMSE; ``title`` is ours. ``days``: how far a search goes back; None: all."""

    def __init__(self, name: str, peer: Peer, title: str, days: int | None) -> None:
        self.name, self.peer, self.days = name, peer, days
        self.ae = AE(ae_title=title)
        for limit in ("acse_timeout", "dimse_timeout", "network_timeout", "connection_timeout"):
            setattr(self.ae, limit, peer.timeout_s)
        self._open: dict[str, Association] = {}
        self._got: list[bytes] = []

    def __enter__(self) -> "Dimse":
        return self

    def __exit__(self, *_: object) -> None:
        for association in self._open.values():
            if association.is_established:
                association.release()

    def echo(self) -> str:
        """C-ECHO."""
        association = self.associated("echo", [build_context(Verification)])
        status = association.send_c_echo()
        if "Status" not in status:
            raise self._away("breaks off")
        return f"{self.peer.ae_title} answers C-ECHO with 0x{status.Status:04X}"

    def pages(self, cursor: str) -> Iterator[Page]:
        """A page per study of the last days that holds radiographs; as the search by DICOMweb."""
        today = datetime.date.today()
        dates = ""
        if self.days is not None:
            last = datetime.date.fromisoformat(cursor) if cursor else today
            dates = f"{last - datetime.timedelta(days=self.days):%Y%m%d}-"
        studies = {
            str(row.StudyInstanceUID)
            for modality in MODALITIES
            for row in self._find("STUDY", StudyDate=dates, ModalitiesInStudy=modality)
            if "StudyInstanceUID" in row
        }
        for study in sorted(studies):
            found, others = [], Counter[tuple[str, str]]()
            for row in self._find("SERIES", StudyInstanceUID=study, Modality=""):
                series, modality = str(row.SeriesInstanceUID), str(row.get("Modality", ""))
                rows = self._find("IMAGE", StudyInstanceUID=study, SeriesInstanceUID=series)
                for image in rows:
                    sop_class = str(image.get("SOPClassUID", ""))
                    if modality in MODALITIES and sop_class in ("", *RADIOGRAPHS):
                        sop = str(image.SOPInstanceUID)
                        found.append(Instance(sop, sop_class, series, study, modality))
                    else:
                        others[series, modality or "unknown"] += 1
            yield Page(cursor, found, dict(others), whole=True)
        yield Page(today.isoformat(), [], {}, whole=True)

    def fetch(self, instance: Instance) -> bytes:
        """C-GET of one instance."""
        classes = (*RADIOGRAPHS, *KINDS.values())
        contexts = [build_context(one, [s]) for one in RADIOGRAPHS for s in SYNTAXES]
        contexts += [build_context(one, [s]) for one in KINDS.values() for s in SYNTAXES[:3]]
        association = self.associated(
            "get", [build_context(Get), *contexts],
            ext_neg=[build_role(one, scp_role=True) for one in classes],
            evt_handlers=[(evt.EVT_C_STORE, self._take)],
        )  # fmt: skip
        asked = Dataset()
        asked.QueryRetrieveLevel = "IMAGE"
        asked.StudyInstanceUID, asked.SeriesInstanceUID = instance.study, instance.series
        asked.SOPInstanceUID = instance.sop
        self._got.clear()
        status = 0
        for told, _ in association.send_c_get(asked, Get):
            if "Status" not in told:
                raise self._away("breaks off")
            status = told.Status
        if self._got:
            return self._got.pop()
        one = {"StudyInstanceUID": instance.study, "SeriesInstanceUID": instance.series}
        found = self._find("IMAGE", **one, SOPInstanceUID=instance.sop)
        if not any(row.get("SOPInstanceUID") == instance.sop for row in found):
            raise AbsentError  # peers differ in what they answer a C-GET of nothing with
        raise self._away(f"does not give what it has (0x{status:04X})")

    def store(self, files: Sequence[tuple[str, str, Path]]) -> dict[str, Answer]:
        """C-STORE of each file, over one association."""
        syntaxes = (ExplicitVRLittleEndian, ImplicitVRLittleEndian)  # PS3.5 10.1: the default too
        contexts = [build_context(one, [s]) for one in KINDS.values() for s in syntaxes]
        answers = {}
        for sop, _, path in files:
            try:
                association = self.associated("store", contexts)
                status = association.send_c_store(path)
            except (ValueError, UnfitError):  # no context for the class
                answers[sop] = Answer("refused", "0x0122")
                continue
            if "Status" not in status:
                raise self._away("breaks off")
            answers[sop] = answer_of(status.Status)
        return answers

    def _take(self, event: Any) -> int:
        self._got.append(event.encoded_dataset())
        return 0x0000

    def _find(self, level: str, **keys: str) -> list[Dataset]:
        asked = Dataset()
        asked.QueryRetrieveLevel = level
        for name in {
            "STUDY": ("StudyInstanceUID",),
            "SERIES": ("SeriesInstanceUID", "Modality"),
            "IMAGE": ("SOPInstanceUID", "SOPClassUID"),
        }[level]:
            setattr(asked, name, "")
        for name, value in keys.items():
            setattr(asked, name, value)
        rows = []
        for told, row in self.associated("find", [build_context(Find)]).send_c_find(asked, Find):
            if "Status" not in told:
                raise self._away("breaks off")
            if told.Status in PENDING and row is not None:
                rows.append(row)
            elif told.Status:
                raise self._away(f"answers a search with 0x{told.Status:04X}")
        return rows

    def associated(
        self, what: str, contexts: list[PresentationContext], **more: Any
    ) -> Association:
        """The open association for a kind of work, or a new one."""
        held = self._open.get(what)
        if held is not None and held.is_established:
            return held
        tls = (self._trusted(), str(self.peer.host)) if self.peer.tls else None
        made = self.ae.associate(
            str(self.peer.host), int(self.peer.port or 0), contexts=contexts,
            ae_title=str(self.peer.ae_title), tls_args=tls, **more,
        )  # fmt: skip
        if not made.is_established:
            raise self._why_not(made)
        self._open[what] = made
        return made

    def _why_not(self, made: Association) -> AwayError | DeniedError | UnfitError:
        told = made.acceptor.primitive
        if made.is_rejected and told is not None and told.result != TRANSIENT:
            return DeniedError(
                f"{self.name}: refuses the association (reason {told.diagnostic}); correct the AE "
                "titles, or have ours allowed there"
            )
        if made.is_rejected:
            return self._away("has too many associations")
        if made.rejected_contexts:
            said = f"{self.name}: takes none of the classes and transfer syntaxes that we offer"
            return UnfitError(said, "0x0122")
        return self._away("does not answer")

    def _away(self, what: str) -> AwayError:
        return AwayError(f"{self.name}: {what}; nothing is lost, it is tried again")

    def _trusted(self) -> ssl.SSLContext:
        """TLS of at least 1.2 (PS3.15 B.12), tried once: pynetdicom does not tell why it failed."""
        context = ssl.create_default_context(cafile=self.peer.ca)
        if self.peer.certificate and self.peer.key:
            context.load_cert_chain(self.peer.certificate, self.peer.key)
        place = (str(self.peer.host), int(self.peer.port or 0))
        try:
            with (
                socket.create_connection(place, timeout=self.peer.timeout_s) as plain,
                context.wrap_socket(plain, server_hostname=place[0]) as stream,
                contextlib.suppress(TimeoutError),
            ):
                stream.settimeout(0.2)
                stream.recv(1)  # TLS 1.3 refuses a certificate after the handshake
        except ssl.SSLError:
            raise DeniedError(
                f"{self.name}: its certificate cannot be trusted, or it will not have ours; name "
                "the right ca (certificate, key) in the file of the peers"
            ) from None
        except OSError:
            raise self._away("does not answer") from None
        return context
