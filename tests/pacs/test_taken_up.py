"""Which objects are taken up into the ledger: those of the results, and no other ones."""

from shutil import copyfile

import pytest
import yaml
from typer.testing import CliRunner

from pneumo.cli.app import app
from pneumo.dicom.identity import data_set_sum
from pneumo.findings import write
from pneumo.pacs.ledger import insert, now, opened, update
from pneumo.pacs.peers import load_site
from pneumo.pacs.record import record
from tests.findings.made import BOXES, MODEL, index_of, radiograph, results


@pytest.fixture
def site(tmp_path):
    """A site that has fetched one radiograph."""
    peer = {"dicomweb": "http://127.0.0.1:1/dicom-web"}
    about = {"folder": str(tmp_path / "pacs"), "source": "archive", "destination": "archive",
             "peers": {"archive": peer}}  # fmt: skip
    (tmp_path / "pacs.yaml").write_text(yaml.safe_dump(about))
    site = load_site(tmp_path / "pacs.yaml")
    path = radiograph(site.path("radiographs", "one.dcm"))
    folder = scored(site, {})
    (content, _) = (folder / "times.csv").read_text().splitlines()[1].split(",")
    row = {"sop": "1.2.826.0.1.3680043.9.9999.1.3", "data_set_sum": data_set_sum(path),
           "sop_class": "1", "series": "1", "study": "1", "peer": "archive", "state": "fetched",
           "file": path.name, "content": content, "seen_at": now(), "moved_at": now()}  # fmt: skip
    with opened(site.path()) as ledger:
        ledger.change(insert("radiographs", row))
    return site


def scored(site, cells, moment="2026-03-29T01:30:05Z"):
    folder = results(
        site.path("results"), {site.path("radiographs", "one.dcm"): cells.pop("boxes", [])}, **cells
    )
    times = folder / "times.csv"
    times.write_text(times.read_text().replace("2026-03-29T01:30:05Z", moment))
    return folder


def latest(site):
    return {row["sop_instance_uid"] for row in index_of(site.path("objects")) if row["latest"]}


def recorded(site):
    with opened(site.path()) as ledger:
        return [(row["sop"], row["kind"]) for row in ledger.rows("SELECT * FROM objects")]


OTHERS = {
    "engine": {"engine": "tensorflow"},
    "precision": {"precision": "float16"},
    "version": {"model_version": 8},
    "model": {"model_sha256": MODEL[::-1]},
    "answer": {"boxes": BOXES},
    "moment": {},
}


@pytest.mark.parametrize("what", OTHERS)
def test_a_radiograph_that_was_written_twice_has_one_report_in_the_ledger(site, what):
    """Both are on the disk when they are taken up; the index is read in either order."""
    write(site.path("results"), site.path("objects"))
    scored(site, dict(OTHERS[what]), "2026-03-30T00:00:00Z")
    write(site.path("results"), site.path("objects"))
    record(site)
    found = recorded(site)
    assert sorted(kind for _, kind in found) == ["gsps", "sr"]
    assert {sop for sop, _ in found} == latest(site)


def test_objects_of_another_scorer_than_the_rows_are_not_taken_up(site):
    """Written by one engine, scored since by another: nothing is due before it is written."""
    write(site.path("results"), site.path("objects"))
    scored(site, {"engine": "open"})  # a part of the other's name
    record(site)
    assert recorded(site) == []
    write(site.path("results"), site.path("objects"))
    record(site)
    assert {sop for sop, _ in recorded(site)} == latest(site)


def test_a_radiograph_that_was_scored_again_keeps_the_objects_it_has(site):
    """The first copy's time stays, so that what is sent and what is on the disk are one."""
    write(site.path("results"), site.path("objects"))
    record(site)
    index = site.path("objects", "objects.csv")
    copyfile(index, site.path("before.csv"))
    scored(site, {}, "2026-03-30T00:00:00Z")
    write(site.path("results"), site.path("objects"))
    record(site)
    assert index.read_bytes() == site.path("before.csv").read_bytes()
    assert len(recorded(site)) == 2


@pytest.mark.parametrize("state", ["written", "sent", "confirmed", "refused"])
def test_reports_are_named_as_predecessors_when_they_were_sent(site, state):
    write(site.path("results"), site.path("objects"))
    record(site)
    (first,) = (row for row in index_of(site.path("objects")) if row["kind"] == "sr")
    with opened(site.path()) as ledger:
        ledger.change(update("objects", {"state": state}, {"kind": "sr"}))
    told = CliRunner().invoke(app, ["pacs", "sent", "--peers", str(site.path("../pacs.yaml"))])
    assert told.exit_code == 0
    site.path("sent.txt").write_text(told.output)
    scored(site, {"model_sha256": MODEL[::-1]}, "2026-03-30T00:00:00Z")
    write(site.path("results"), site.path("objects"), predecessors=site.path("sent.txt"))
    (new,) = (r for r in index_of(site.path("objects")) if r["kind"] == "sr" and r["latest"])
    there = state in ("sent", "confirmed")
    assert new["predecessors"] == (first["sop_instance_uid"] if there else "")


def test_an_index_without_engines_is_taken_up_by_nobody(site):
    """Of before there were such columns: which scorer's objects they are is not known."""
    write(site.path("results"), site.path("objects"))
    index = site.path("objects", "objects.csv")
    rows = index_of(site.path("objects"))
    left = [name for name in rows[0] if name not in ("engine", "precision", "version", "latest")]
    lines = [",".join(row[name] for name in left) for row in rows]
    index.write_text("\n".join([",".join(left), *lines, ""]))
    record(site)
    assert recorded(site) == []
