"""The round trip by DIMSE alone, and what a peer's statuses mean."""

import threading
from collections import Counter

import pytest
from pynetdicom import AE, evt
from pynetdicom.sop_class import (
    ComprehensiveSRStorage,
    GrayscaleSoftcopyPresentationStateStorage,
    Verification,
)

from pneumo.pacs._link import AwayError, DeniedError, UnfitError
from pneumo.pacs.confirm import confirm
from pneumo.pacs.echo import echo
from pneumo.pacs.poll import poll
from pneumo.pacs.send import send
from pneumo.pacs.status import status
from tests.pacs.archive import free_port

pytestmark = pytest.mark.slow


def by_dimse(workspace, port, title="ARCHIVE", **more):
    peer = {"ae_title": title, "host": "127.0.0.1", "port": port, "timeout_s": 10.0, **more}
    workspace.write(
        {"folder": str(workspace.folder / "pacs"), "source": "archive", "days": None,
         "destination": "archive", "peers": {"archive": peer}}
    )  # fmt: skip
    return workspace


def test_there_and_back_without_dicomweb(archive, real_workspace, radiographs):
    workspace = real_workspace  # a file by DIMSE has other meta information
    archive.put(*radiographs[:2])
    by_dimse(workspace, archive.dicom_port)
    assert list(echo(workspace.site)) == ["archive: ARCHIVE answers C-ECHO with 0x0000"]
    found = workspace.trip()
    assert found["states"]["confirmed"] == 2
    assert found["decide"] == []
    assert Counter(archive.held().values()) == {"CR": 2, "SR": 2, "PR": 2}
    again = workspace.trip()
    assert again["states"] == found["states"]
    assert again["left_alone"] == {"our own": 4}


def test_the_same_radiograph_is_the_same_by_both_ways(archive, workspace, radiographs):
    archive.put(*radiographs[:3])
    by_dimse(workspace, archive.dicom_port).fetched()
    sums = dict(workspace.rows("radiographs", "sop", "data_set_sum"))
    workspace.knows(archive)
    workspace.write(workspace.site.model_dump() | {"folder": str(workspace.folder / "other")})
    workspace.fetched()
    assert dict(workspace.rows("radiographs", "sop", "data_set_sum")) == sums
    assert len(sums) == 3


def test_what_the_peer_lost_is_sent_again(archive, real_workspace, radiographs):
    workspace = real_workspace  # a file by DIMSE has other meta information
    archive.put(radiographs[0])
    by_dimse(workspace, archive.dicom_port).fetched()
    workspace.scored()
    assert send(workspace.site)["sent"] == 2
    archive.wipe()
    assert confirm(workspace.site) == {"confirmed": 0, "absent": 2, "other": 0}
    assert send(workspace.site)["sent"] == 2
    assert confirm(workspace.site) == {"confirmed": 2, "absent": 0, "other": 0}


def test_a_commitment_is_asked_for_and_what_is_kept_is_read_back_too(
    archive, workspace, radiographs
):
    """Orthanc commits itself to what it has deleted, so its word alone is not enough."""
    archive.put(radiographs[0])
    workspace.knows(archive).fetched()
    workspace.scored()
    asked = {"ae_title": "ARCHIVE", "host": "127.0.0.1", "port": archive.dicom_port}
    workspace.knows(archive, **asked, commitment_port=archive.callback_port)
    assert send(workspace.site)["sent"] == 2
    gone = next(sop for sop, kind in archive.held().items() if kind == "SR")
    (one,) = archive.ask("POST", "/tools/lookup", data=gone).json()
    archive.ask("DELETE", f"/instances/{one['ID']}").raise_for_status()
    assert confirm(workspace.site) == {"confirmed": 1, "absent": 1, "other": 0}
    assert send(workspace.site)["sent"] == 1
    assert confirm(workspace.site) == {"confirmed": 1, "absent": 0, "other": 0}


def test_a_peer_that_knows_no_commitment_is_told_of_and_nothing_is_lost(storer, workspace):
    by_dimse(workspace, storer.port, "STORER", commitment_port=free_port())
    assert send(workspace.site)["sent"] == 2
    with pytest.raises(UnfitError, match="takes none of the classes"):
        confirm(workspace.site)
    assert status(workspace.site)["objects"] == {"sent": 2}


def test_a_peer_left_in_peace_is_not_asked_for_a_commitment(storer, workspace):
    by_dimse(workspace, storer.port, "STORER", commitment_port=free_port(), timeout_s=2)
    assert send(workspace.site)["sent"] == 2
    by_dimse(workspace, storer.port, "ANOTHER", commitment_port=free_port(), timeout_s=2)
    with pytest.raises(DeniedError):
        confirm(workspace.site)
    with pytest.raises(DeniedError, match="not asked again"):
        confirm(workspace.site)


class Storer:
    """A real SCP that answers a C-STORE as it is told to, or aborts."""

    def __init__(self, *answers) -> None:
        self.answers, self.asked = list(answers), 0
        self.ae = AE("STORER")
        self.ae.require_called_aet = True
        for sop_class in (Verification, ComprehensiveSRStorage,
                          GrayscaleSoftcopyPresentationStateStorage):  # fmt: skip
            self.ae.add_supported_context(sop_class)
        self.port = free_port()
        handlers = [(evt.EVT_C_STORE, self.answer)]
        place = ("127.0.0.1", self.port)
        self.server = self.ae.start_server(place, block=False, evt_handlers=handlers)

    def answer(self, event) -> int:
        self.asked += 1
        status = self.answers.pop(0) if self.answers else 0x0000
        if status == "abort":
            threading.Thread(target=event.assoc.abort).start()
            event.assoc.join(5)
            return 0x0000
        return status


@pytest.fixture
def storer(archive, workspace, radiographs):
    """Two objects that wait for a peer of which the test gives the answers."""
    archive.put(radiographs[0])
    workspace.knows(archive).fetched()
    workspace.scored()
    made = Storer()
    by_dimse(workspace, made.port, "STORER")
    yield made
    made.server.shutdown()


@pytest.mark.parametrize(
    ("code", "word"),
    [
        (0x0000, "sent"), (0xB000, "sent"), (0xA700, "later"), (0xA7FF, "later"),
        (0x0110, "later"), (0xA900, "refused"), (0xA9AB, "refused"), (0xC000, "refused"),
        (0xCFFF, "refused"), (0x0122, "refused"), (0x0124, "refused"),
    ],
)  # fmt: skip
def test_each_status_has_its_consequence(storer, workspace, code, word):
    storer.answers = [code]
    counts = {"sent": 1, "later": 0, "refused": 0}
    counts[word] += 1
    assert send(workspace.site) == counts
    reasons = [row["reason"] for row in status(workspace.site)["decide"]]
    assert reasons == ([f"0x{code:04X}"] if word == "refused" else [])
    assert storer.asked == 2


def test_an_association_that_is_aborted_costs_a_try(storer, workspace):
    storer.answers = ["abort"]
    assert send(workspace.site) == {"sent": 0, "later": 2, "refused": 0}
    assert send(workspace.site, again=True) == {"sent": 2, "later": 0, "refused": 0}


def test_a_title_that_is_not_known_there_is_for_a_person(storer, workspace):
    by_dimse(workspace, storer.port, "ANOTHER")
    with pytest.raises(DeniedError, match="refuses the association"):
        send(workspace.site)
    with pytest.raises(DeniedError, match="not asked again"):
        send(workspace.site)


def test_nobody_there_is_away(workspace):
    by_dimse(workspace, free_port())
    with pytest.raises(AwayError, match="archive: does not answer"):
        poll(workspace.site)
