import json
from pathlib import Path

import pytest

from pneumo.base.errors import DataError
from pneumo.dataset.publish import publish

LOCK = """
stages:
  validate:
    deps:
    - {path: data/demo, hash: md5, md5: 0123abc.dir}
    - {path: pneumo/detection/boxes.py, hash: md5, md5: ffff}
"""


@pytest.fixture
def reports(tmp_path):
    """What a validation leaves: facts, a page, and the lock file that names the data."""
    (tmp_path / "reports/data_docs").mkdir(parents=True)
    (tmp_path / "reports/data_docs/index.html").write_text("<html>")
    (tmp_path / "dvc.lock").write_text(LOCK)
    write(tmp_path, "warning")
    return tmp_path / "reports"


def write(folder, severity):
    facts = [{"severity": severity, "held": False}, {"severity": "critical", "held": True}]
    result = {"images": 40, "positive": 14, "people": 31, "people_known": True}
    text = json.dumps({**result, "expectations": facts})
    (folder / "reports/validation.json").write_text(text)


def call(reports):
    folder = reports.parent
    return publish(reports, folder / "published", Path("data/demo"), folder / "dvc.lock")


def test_docs_stay_under_the_datas_hash_and_the_facts_are_counts(reports):
    facts = call(reports)
    assert call(reports) == facts  # by hand and by day
    assert facts.pop("docs").endswith("published/0123abc/index.html")
    assert facts == {
        "root": "data/demo", "md5": "0123abc.dir", "images": 40, "positive": 14, "people": 31,
        "people_known": True, "warnings": 1,
    }  # fmt: skip
    assert (reports.parent / "published/0123abc/index.html").read_text() == "<html>"


def test_data_that_are_not_valid_are_not_published(reports):
    write(reports.parent, "critical")
    with pytest.raises(DataError, match="is not valid"):
        call(reports)
    assert not (reports.parent / "published").exists()


@pytest.mark.parametrize("name", ["reports/validation.json", "dvc.lock"])
def test_without_a_validation_it_says_how_to_get_one(name, reports):
    (reports.parent / name).unlink()
    with pytest.raises(DataError, match="run `dvc repro validate`"):
        call(reports)
