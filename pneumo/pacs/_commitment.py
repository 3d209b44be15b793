"""Storage commitment (PS3.4 J): a peer's word that it will keep what it was sent.

Only for sites that ask for it: what is confirmed is read back in any case, since some peers commit
themselves to what they have overwritten or deleted. The answer comes on an association that the
peer opens, to a port of ours that is open while we wait.
"""

import threading
from collections.abc import Sequence
from typing import Any

from pydicom.dataset import Dataset
from pydicom.uid import generate_uid
from pynetdicom import AE, build_context, evt
from pynetdicom.sop_class import (  # type: ignore[attr-defined]
    StorageCommitmentPushModel,
    StorageCommitmentPushModelInstance,
)

from pneumo.base.errors import PneumoError
from pneumo.pacs._dimse import Dimse
from pneumo.pacs._link import AwayError
from pneumo.pacs.peers import Peer


def committed(name: str, peer: Peer, title: str, objects: Sequence[tuple[str, str]]) -> set[str]:
    """Ask a peer to commit itself to objects ``(SOP class, SOP instance)``; those that it names.

    Raises AwayError when it does not answer in time, what ``Dimse`` raises when it does not let us
    in, PneumoError when our port is taken.
    """
    asked = Dataset()
    asked.TransactionUID = generate_uid()
    asked.ReferencedSOPSequence = [_reference(*one) for one in objects]
    answers: list[Dataset] = []
    came = threading.Event()

    def take(event: Any) -> tuple[int, None]:
        told = event.event_information
        if told.get("TransactionUID") == asked.TransactionUID:
            answers.append(told)
            came.set()
        return 0x0000, None

    ae = AE(ae_title=title)
    for limit in ("acse_timeout", "dimse_timeout", "network_timeout", "connection_timeout"):
        setattr(ae, limit, peer.timeout_s)
    ae.require_calling_aet = [str(peer.ae_title)]
    ae.add_supported_context(StorageCommitmentPushModel, scu_role=False, scp_role=True)
    place = (peer.commitment_host, int(peer.commitment_port or 0))
    handlers: list[Any] = [(evt.EVT_N_EVENT_REPORT, take)]
    try:
        server = ae.start_server(place, block=False, evt_handlers=handlers)
    except OSError as error:
        raise PneumoError(
            f"{name}: commitment_port {place[1]} cannot be listened on ({error.strerror}); free it "
            "or name another one, here and in the peer"
        ) from None
    try:
        with Dimse(name, peer, title, None) as link:
            association = link.associated(
                "commitment", [build_context(StorageCommitmentPushModel)], evt_handlers=handlers
            )
            status, _ = association.send_n_action(
                asked, 1, StorageCommitmentPushModel, StorageCommitmentPushModelInstance
            )
            if status.get("Status") != 0x0000 or not came.wait(peer.timeout_s):
                raise AwayError(
                    f"{name}: does not answer for storage commitment; it is tried again"
                )
    finally:
        server.shutdown()  # type: ignore[union-attr]
    kept = answers[0].get("ReferencedSOPSequence") or []
    return {str(item.ReferencedSOPInstanceUID) for item in kept}


def _reference(sop_class: str, sop: str) -> Dataset:
    item = Dataset()
    item.ReferencedSOPClassUID, item.ReferencedSOPInstanceUID = sop_class, sop
    return item
