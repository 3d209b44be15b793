"""A small receiver (C-STORE SCP) for sites without one: known callers, whole files, no room said.

Files go to the inbox, from which ``pneumo pacs fetch`` takes them; a caller is told that a file is
stored when it is on the disk under its name.
"""

import hashlib
import os
import re
import shutil
import signal
import socket
import ssl
import sys
import threading
from io import BytesIO
from pathlib import Path
from types import FrameType
from typing import Any, cast

from pneumo.base.errors import PneumoError
from pneumo.base.files import NO_ROOM, flush
from pneumo.dicom.source import LARGEST_FILE_BYTES
from pneumo.pacs._audit import AUTHENTICATION, Audit
from pneumo.pacs._link import RADIOGRAPHS
from pneumo.pacs.peers import Receiver, Site

STORED, NO_SPACE, OTHER, CANNOT = 0x0000, 0xA700, 0xA900, 0xC000
LARGEST_PDU_BYTES = 2**18
LARGEST_MESSAGE_BYTES = LARGEST_FILE_BYTES + 2**20
"""Of a data set that is on its way; more is cut off, since it is held in memory."""


def receive(site: Site) -> None:
    """Listen until the process is told to end. Raises PneumoError when no receiver is set."""
    with_receiver = site.receiver
    if with_receiver is None:
        raise PneumoError(
            "the file of the peers has no `receiver`; docs/pacs.md has one to start from"
        )
    ended = threading.Event()

    def end(_number: int, _frame: FrameType | None) -> None:
        ended.set()

    for number in (signal.SIGTERM, signal.SIGINT):
        signal.signal(number, end)
    server = start(site, with_receiver)
    host, port = server.server_address[:2]
    print(f"{site.ae_title} listens on {host}:{port}", file=sys.stderr, flush=True)
    Audit(site).application("start")
    ended.wait()
    server.shutdown()
    Audit(site).application("stop")


def start(site: Site, receiver: Receiver) -> Any:
    """Start to listen in threads of this process; returns the server, to be shut down."""
    try:
        from pynetdicom import AE, evt
        from pynetdicom.sop_class import Verification  # type: ignore[attr-defined]
        from pynetdicom.transport import ThreadedAssociationServer

        from pneumo.pacs._dimse import SYNTAXES
    except ImportError:
        raise PneumoError("receive: DIMSE is not installed; install pneumo[pacs]") from None

    class Server(ThreadedAssociationServer):
        """Turns connections away when twice as many are open as may be associations."""

        def verify_request(self, request: Any, client_address: Any) -> bool:
            return len(self.active_associations) < 2 * receiver.associations

        def get_request(self) -> Any:
            plain, address = cast(socket.socket, self.socket).accept()
            plain.settimeout(receiver.timeout_s)
            if self.ssl_context:  # the caller's own thread waits for it to say something
                plain = self.ssl_context.wrap_socket(
                    plain, server_side=True, do_handshake_on_connect=False
                )
            return plain, address

    inbox = site.path("inbox")
    inbox.mkdir(mode=0o700, parents=True, exist_ok=True)
    ae = AE(ae_title=site.ae_title)
    ae.require_calling_aet = list(receiver.callers)
    ae.require_called_aet = True
    ae.maximum_associations = receiver.associations
    ae.maximum_pdu_size = LARGEST_PDU_BYTES
    for limit in ("acse_timeout", "dimse_timeout", "network_timeout"):
        setattr(ae, limit, receiver.timeout_s)
    ae.add_supported_context(Verification)
    for sop_class in RADIOGRAPHS:
        ae.add_supported_context(sop_class, list(SYNTAXES))
    taker = _Taker(site, receiver, inbox)
    handlers: list[Any] = [
        (evt.EVT_C_STORE, taker.take), (evt.EVT_REJECTED, taker.turned_away),
        (evt.EVT_CONN_CLOSE, taker.closed), (evt.EVT_CONN_OPEN, _limit),
    ]  # fmt: skip
    address = (receiver.host, receiver.port)
    try:
        server = ae.make_server(
            address, ssl_context=_tls(receiver), evt_handlers=handlers, server_class=Server
        )
    except OSError as error:
        raise PneumoError(
            f"{receiver.host}:{receiver.port}: cannot be listened on ({error.strerror}); choose "
            "another port or host"
        ) from None
    for left in inbox.glob(".*.part"):  # of a process that was killed: the port is ours alone
        left.unlink(missing_ok=True)
    ae._servers.append(server)
    server.request_queue_size = 128
    cast(socket.socket, server.socket).listen(server.request_queue_size)
    threading.Thread(target=server.serve_forever, name="receiver", daemon=True).start()
    return server


def _limit(event: Any) -> None:
    """Cut a connection off that announces a longer PDU than any may be, or sends without end.

    pynetdicom takes what a PDU's header announces, up to 4 GiB, before it knows who calls.
    """
    association = event.assoc
    stream = association.dul.socket
    take = stream.recv

    def recv(size: int) -> bytearray:
        message = association.dimse.message
        held = 0
        if message is not None:
            held = message.data_set.tell() + message.encoded_command_set.tell()
        if size > LARGEST_PDU_BYTES + 2**16 or held > LARGEST_MESSAGE_BYTES:
            stream.close()
            raise OSError("longer than any may be")
        return cast(bytearray, take(size))

    stream.recv = recv


class _Taker:
    """Takes what is sent; one per server, called from a thread per association."""

    def __init__(self, site: Site, receiver: Receiver, inbox: Path) -> None:
        self._site, self._receiver, self._inbox = site, receiver, inbox
        self._audit = Audit(site)
        self._lock = threading.Lock()
        self._taken: dict[int, dict[tuple[str, str, str], int]] = {}

    def take(self, event: Any) -> int:
        """Answer one C-STORE with a status (PS3.4 B.2.3)."""
        free = shutil.disk_usage(self._inbox).free
        if free < self._receiver.free_mb * 2**20:
            return NO_SPACE
        try:
            data = event.encoded_dataset()
            if len(data) > LARGEST_FILE_BYTES:
                return CANNOT
            study, sop, sop_class = _uids(data)
            if sop != event.request.AffectedSOPInstanceUID:
                return OTHER
            _put(self._inbox, sop, data)
        except OSError as error:
            return NO_SPACE if error.errno in NO_ROOM else CANNOT
        except Exception:  # pydicom raises many kinds on what is no data set
            return CANNOT
        with self._lock:
            counts = self._taken.setdefault(id(event.assoc), {})
            key = (event.assoc.requestor.ae_title, study, sop_class)
            counts[key] = counts.get(key, 0) + 1
        return STORED

    def turned_away(self, event: Any) -> None:
        """Note a caller that is not known, or one too many."""
        self._audit.alert(AUTHENTICATION, "unknown caller")

    def closed(self, event: Any) -> None:
        """Note what an association has brought."""
        with self._lock:
            counts = self._taken.pop(id(event.assoc), {})
        for (caller, study, sop_class), number in counts.items():
            self._audit.transferred(caller, self._site.ae_title, [(study, sop_class, number)])


def _uids(data: bytes) -> tuple[str, str, str]:
    """Study, instance and class of a file."""
    from pydicom import dcmread

    names = ("StudyInstanceUID", "SOPInstanceUID", "SOPClassUID")
    head = dcmread(BytesIO(data), specific_tags=list(names), stop_before_pixels=True)
    study, sop, sop_class = (str(head.get(name, "")) for name in names)
    return study, sop, sop_class


def _put(inbox: Path, sop: str, data: bytes) -> None:
    """Write a file under its name: whole, flushed, and the same for the same bytes."""
    total = hashlib.sha256(data).hexdigest()
    name = f"{re.sub('[^0-9.]', '_', sop)[:64]}.{total[:16]}.dcm"
    aside = inbox / f".{name}.{threading.get_ident()}.part"
    try:
        with aside.open("xb") as file:
            file.write(data)
            file.flush()
            os.fsync(file.fileno())
        aside.replace(inbox / name)
        flush(inbox)
    except OSError:
        aside.unlink(missing_ok=True)
        raise


def _tls(receiver: Receiver) -> ssl.SSLContext | None:
    if receiver.certificate is None or receiver.key is None:
        return None
    context = ssl.create_default_context(ssl.Purpose.CLIENT_AUTH, cafile=receiver.ca)
    context.load_cert_chain(receiver.certificate, receiver.key)
    if receiver.ca is not None:
        context.verify_mode = ssl.CERT_REQUIRED
    return context
