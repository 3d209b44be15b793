"""There and back with a real PACS: each radiograph has each of its objects once."""

from collections import Counter
from pathlib import Path

import pydicom
import pytest

from pneumo.base.errors import DataError
from pneumo.findings import write
from pneumo.pacs.confirm import confirm
from pneumo.pacs.fetch import fetch
from pneumo.pacs.ledger import opened
from pneumo.pacs.poll import poll
from pneumo.pacs.record import record
from pneumo.pacs.send import send
from pneumo.pacs.status import status

pytestmark = pytest.mark.slow

ORTHANC = {"orthanc changes": {}, "QIDO-RS": {"orthanc": None}}


def changed(source: Path, path: Path, **elements) -> Path:
    """A radiograph of another person with some elements of its own."""
    found = pydicom.dcmread(source)
    for name in ("SOPInstanceUID", "SeriesInstanceUID", "StudyInstanceUID"):
        setattr(found, name, pydicom.uid.generate_uid())
    for name, value in elements.items():
        setattr(found, name, value)
    found.file_meta.MediaStorageSOPInstanceUID = found.SOPInstanceUID
    found.file_meta.MediaStorageSOPClassUID = found.SOPClassUID
    found.save_as(path)
    return path


@pytest.mark.parametrize("way", ORTHANC)
def test_what_is_stored_comes_back_scored_once(archive, real_workspace, radiographs, way):
    workspace = real_workspace
    archive.put(*radiographs[:4])
    workspace.knows(archive, **ORTHANC[way])
    about = workspace.site.model_dump() | {"days": None}
    workspace.write(about)
    found = workspace.trip()
    assert found["states"]["confirmed"] == 4
    assert found["decide"] == []
    assert Counter(archive.held().values()) == {"CR": 4, "SR": 4, "PR": 4}
    studies = {pydicom.dcmread(path).StudyInstanceUID for path in radiographs[:4]}
    assert {row[0] for row in workspace.rows("objects", "study")} == studies
    assert not list(workspace.site.path("radiographs").iterdir())  # nobody needs them any more
    assert not list(workspace.site.path("outbox").iterdir())

    again = workspace.trip()
    assert again["states"] == found["states"]
    assert len(archive.held()) == 12
    archive.put(radiographs[5])
    assert workspace.trip()["states"]["confirmed"] == 5
    assert Counter(archive.held().values()) == {"CR": 5, "SR": 5, "PR": 5}


def test_what_is_no_frontal_chest_is_left_alone_and_counted(
    archive, real_workspace, radiographs, tmp_path
):
    one = radiographs[0]
    archive.put(
        one,
        changed(one, tmp_path / "lateral.dcm", ViewPosition="LL"),
        changed(one, tmp_path / "hand.dcm", BodyPartExamined="HAND"),
        changed(one, tmp_path / "ct.dcm", Modality="CT", SOPClassUID="1.2.840.10008.5.1.4.1.1.2"),
        changed(one, tmp_path / "dx.dcm", Modality="DX", ViewPosition="PA",
                SOPClassUID="1.2.840.10008.5.1.4.1.1.1.1.1"),
    )  # fmt: skip
    found = real_workspace.knows(archive).trip()
    assert found["states"] == {
        "seen": 0, "fetched": 0, "scored": 0, "written": 0, "sent": 0, "confirmed": 1, "refused": 2,
    }  # fmt: skip
    assert found["left_alone"] == {
        "wrong_view": 1, "wrong_body_part": 1, "modality CT": 1, "modality DX": 1
    }  # fmt: skip
    assert found["decide"] == []
    assert Counter(archive.held().values())["SR"] == 1
    assert real_workspace.trip()["left_alone"] == {**found["left_alone"], "our own": 2}


def test_objects_of_ours_in_the_inbox_are_neither_scored_nor_rejected(
    archive, workspace, radiographs
):
    archive.put(radiographs[0])
    workspace.knows(archive).fetched()
    workspace.scored()
    inbox = workspace.site.path("inbox")
    ours = list(workspace.site.path("objects").glob("*.dcm"))
    for path in ours:
        (inbox / path.name).write_bytes(path.read_bytes())
    (inbox / "new.dcm").write_bytes(radiographs[1].read_bytes())
    (inbox / "known.dcm").write_bytes(radiographs[0].read_bytes())
    assert fetch(workspace.site)["inbox"] == 1
    assert not list(inbox.iterdir())
    workspace.trip()
    found = workspace.trip()  # sees what the first one has brought
    assert found["states"]["confirmed"] == len(workspace.rows()) == 2
    assert found["states"]["refused"] == 0
    assert found["left_alone"] == {"our own": len(ours) + 4}  # in the inbox; in the PACS


def test_a_new_champion_writes_new_objects_and_the_old_ones_stay(
    archive, workspace, radiographs, tmp_path
):
    archive.put(*radiographs[:2])
    workspace.knows(archive).fetched()
    workspace.scored()
    first = workspace.rows("radiographs", "sop")[0][0]
    with opened(workspace.site.path()) as ledger:  # the destination took one radiograph's alone
        line = "UPDATE objects SET due = 1e12 WHERE source != ?"
        ledger.change((line, (first,)))
    assert send(workspace.site)["sent"] == 2
    old = set(archive.held())
    results = workspace.site.path("results/predictions.csv")
    digest = workspace.rows("radiographs", "scorer")[0][0].split()[0]
    results.write_text(results.read_text().replace(digest, "c" * 64))
    write(results.parent, workspace.site.path("objects"))
    record(workspace.site)
    states = sorted(workspace.rows("radiographs", "state", "reason"))
    assert states == [("refused", "superseded"), ("sent", ""), ("written", "")]
    assert send(workspace.site)["sent"] == 2
    assert confirm(workspace.site)["confirmed"] == 4
    assert old < set(archive.held())
    assert Counter(archive.held().values()) == {"CR": 2, "SR": 2, "PR": 2}
    assert status(workspace.site)["decide"] == []


def test_a_file_that_is_gone_before_it_is_fetched_is_for_a_person(archive, workspace, radiographs):
    archive.put(*radiographs[:2])
    poll(workspace.knows(archive).site)
    archive.wipe()
    archive.put(radiographs[0])
    assert fetch(workspace.site)["fetched"] == 1
    (told,) = status(workspace.site)["decide"]
    assert told["reason"] == "absent"
    archive.put(radiographs[1])
    assert fetch(workspace.site, again=True)["fetched"] == 1
    assert status(workspace.site)["decide"] == []


def test_a_ledger_that_is_none_is_told_in_a_line(archive, workspace):
    workspace.knows(archive)
    place = workspace.site.path()
    place.mkdir()
    (place / "ledger.sqlite").write_bytes(b"no database" * 400)
    with pytest.raises(DataError, match="is no ledger; bring it back"):
        poll(workspace.site)


def test_without_its_ledger_everything_is_done_again_and_nothing_is_doubled(
    archive, workspace, radiographs
):
    archive.put(*radiographs[:2])
    workspace.knows(archive).trip()
    before = archive.held()
    workspace.site.path("ledger.sqlite").unlink()
    found = workspace.trip()
    assert found["states"]["confirmed"] == 2
    assert archive.held() == before
