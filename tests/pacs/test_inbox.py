"""What others put into the inbox, at a site that asks no peer for radiographs."""

import shutil

import pydicom
import pytest
import yaml

from pneumo.base.errors import ServiceError
from pneumo.pacs._reach import reached
from pneumo.pacs.fetch import fetch
from pneumo.pacs.ledger import insert, opened
from pneumo.pacs.peers import load_site
from pneumo.pacs.poll import poll
from tests.pacs.archive import free_port


def site_of(folder, source):
    away = {"dicomweb": f"http://127.0.0.1:{free_port()}/dicom-web"}
    about = {"folder": str(folder / "pacs"), "source": source, "destination": "a"}
    (folder / "pacs.yaml").write_text(yaml.safe_dump(about | {"peers": {"a": away}}))
    site = load_site(folder / "pacs.yaml")
    site.path("inbox").mkdir(parents=True, exist_ok=True)
    return site


def test_without_a_source_the_inbox_alone_is_taken(tmp_path, radiographs):
    site = site_of(tmp_path, None)
    shutil.copy(radiographs[0], site.path("inbox"))
    assert poll(site) == {"new": 0, "left_alone": 0}
    told = fetch(site)
    assert (told["fetched"], told["inbox"], told["to_score"]) == (0, 1, 1)


def test_a_source_that_is_away_does_not_hold_the_inbox_back(tmp_path, radiographs):
    site = site_of(tmp_path, "a")
    seen = dict.fromkeys(("sop_class", "series", "study", "seen_at", "moved_at"), "1")
    with opened(site.path()) as ledger:
        ledger.change(insert("radiographs", seen | {"sop": "1.2", "peer": "a", "state": "seen"}))
    with pytest.raises(ServiceError, match="a: does not answer"):
        fetch(site)
    shutil.copy(radiographs[0], site.path("inbox"))
    told = fetch(site)
    assert (told["inbox"], told["to_score"]) == (1, 1)
    assert "does not answer" in told["source"]


def test_two_files_of_one_name_are_both_kept_aside(tmp_path, radiographs):
    site = site_of(tmp_path, None)
    kept = set()
    for number in (1, 2):
        found = pydicom.dcmread(radiographs[0])
        found.SOPClassUID, found.Modality = "1.2.840.10008.5.1.4.1.1.2", "CT"
        found.SOPInstanceUID = f"1.2.3.{number}"
        found.file_meta.MediaStorageSOPClassUID = found.SOPClassUID
        found.file_meta.MediaStorageSOPInstanceUID = found.SOPInstanceUID
        path = site.path("inbox", str(number), "DOE^JANE")
        path.parent.mkdir()
        found.save_as(path)
        kept.add(path.read_bytes())
    fetch(site)
    assert {path.read_bytes() for path in site.path("left_alone").iterdir()} == kept
    with opened(site.path()) as ledger:
        rows = ledger.rows("SELECT * FROM left_alone")
    assert [(row["reason"], row["instances"]) for row in rows] == [("modality CT", 1)] * 2
    assert "DOE" not in str(rows) + str(list(site.path("left_alone").iterdir()))


def test_a_peer_that_takes_us_again_is_closed_no_more(tmp_path):
    site = site_of(tmp_path, "a")
    with opened(site.path()) as ledger:
        ledger.change(("INSERT INTO closed VALUES ('a', 'settings of before', 'refused', 9e9)", ()))
        with reached(site, "a", ledger):
            pass
        assert ledger.rows("SELECT * FROM closed") == []
