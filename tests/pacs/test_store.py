"""What is sent by DIMSE to a peer that takes only some syntaxes, or when a file is gone."""

import pytest
from pydicom.uid import ExplicitVRBigEndian, ExplicitVRLittleEndian, ImplicitVRLittleEndian
from pynetdicom import AE, evt
from pynetdicom.sop_class import (
    ComprehensiveSRStorage,
    CTImageStorage,
    GrayscaleSoftcopyPresentationStateStorage,
)

from pneumo.dicom.identity import data_set_sum
from pneumo.pacs.peers import Peer
from pneumo.pacs.send import send
from pneumo.pacs.status import status
from tests.pacs.archive import free_port
from tests.pacs.test_record import scored_and_written, site  # noqa: F401

OURS = (ComprehensiveSRStorage, GrayscaleSoftcopyPresentationStateStorage)


@pytest.fixture
def storer(tmp_path):
    """Starts an SCP of classes and syntaxes, which keeps what it is sent."""
    servers, kept = [], {}

    def take(event):
        path = tmp_path / f"{event.request.AffectedSOPInstanceUID}.kept"
        path.write_bytes(event.encoded_dataset())
        kept[event.request.AffectedSOPInstanceUID] = data_set_sum(path)
        return 0x0000

    def start(site, classes, syntax):  # noqa: F811
        ae, port = AE("STORER"), free_port()
        for sop_class in classes:
            ae.add_supported_context(sop_class, syntax)
        handlers = [(evt.EVT_C_STORE, take)]
        servers.append(ae.start_server(("127.0.0.1", port), block=False, evt_handlers=handlers))
        peer = Peer(ae_title="STORER", host="127.0.0.1", port=port, timeout_s=5)
        return site.model_copy(update={"peers": {"a": peer}}), kept

    yield start
    for server in servers:
        server.shutdown()


@pytest.mark.parametrize("syntax", [ImplicitVRLittleEndian, ExplicitVRLittleEndian])
def test_a_peer_of_one_syntax_gets_the_same_data_sets(site, storer, syntax):  # noqa: F811
    scored_and_written(site, "A")
    paths = site.path("outbox").iterdir()
    wanted = {path.stem: data_set_sum(path) for path in paths}
    there, kept = storer(site, OURS, syntax)
    assert send(there) == {"sent": 2, "later": 0, "refused": 0}
    assert kept == wanted
    assert len(wanted) == 2


@pytest.mark.parametrize(
    ("classes", "syntax"),
    [((CTImageStorage,), ExplicitVRLittleEndian), (OURS, ExplicitVRBigEndian)],
)
def test_a_peer_that_takes_none_of_it_is_for_a_person(site, storer, classes, syntax):  # noqa: F811
    scored_and_written(site, "A")
    there, _ = storer(site, classes, syntax)
    assert send(there) == {"sent": 0, "later": 0, "refused": 2}
    assert [row["reason"] for row in status(there)["decide"]] == ["0x0122"] * 2


def test_an_object_whose_file_is_gone_is_for_a_person(site, storer):  # noqa: F811
    scored_and_written(site, "A")
    next(site.path("outbox").glob("*.0.dcm")).unlink()
    there, kept = storer(site, OURS, ExplicitVRLittleEndian)
    assert send(there) == {"sent": 1, "later": 0, "refused": 1}
    assert list(kept) == ["1.9.65.1"]
    assert [row["reason"] for row in status(there)["decide"]] == ["gone"]
