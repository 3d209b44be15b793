"""From a version to what it was made from, and back."""

import json
import os

import pytest

from pneumo.base.errors import RegistryError
from pneumo.registry import store
from pneumo.registry.lineage import lineage, made_from, origin
from pneumo.tracking.runs import client

PROFILE = {"sha256": {"index.parquet": "0" * 64}, "size_px": 32}
EVALUATION = {"test_set": "abcdef" + "1" * 58, "leaked_people": 0, "leaked_images": 0}


def validation(folder, severity):
    facts = {"expectations": [{"held": False, "severity": severity}]}
    (folder / "validation.json").write_text(json.dumps(facts))


@pytest.mark.parametrize(("severity", "success"), [("critical", "false"), ("warning", "true")])
def test_tags_say_what_was_validated_and_whether_it_passed(tmp_path, severity, success):
    validation(tmp_path, severity)
    (tmp_path / "dvc.lock").write_text("schema: 2.0\n")
    tags = lineage(tmp_path, tmp_path, PROFILE, EVALUATION)
    assert tags["pneumo.validation_success"] == success
    assert len(tags["pneumo.validation"]) == len(tags["pneumo.dvc_lock"]) == 64
    assert (tags["pneumo.git_commit"], tags["pneumo.leaked_images"]) == ("unknown", "0")


@pytest.fixture
def known(mlflow_store, monkeypatch, tmp_path):
    monkeypatch.setattr(store, "ENSEMBLE", f"ensemble-{os.urandom(4).hex()}")
    server = client()
    server.create_registered_model(store.ENSEMBLE)
    for number in range(2):
        validation(tmp_path, "warning")
        tags = lineage(tmp_path, tmp_path, PROFILE, EVALUATION)
        tags["pneumo.git_commit"] = f"{number}c0ffee{'0' * 33}+"
        server.create_model_version(store.ENSEMBLE, "x", tags=tags)
    return store.versions(server)


def test_a_hash_leads_to_the_versions_made_of_it(known):
    (row,) = made_from(known, "1C0FFEE")
    assert (row["what"], str(row["version"])) == ("commit", "2")
    assert [row["what"] for row in made_from(known, "abcdef1")] == ["test set"] * 2


def test_a_version_leads_to_what_it_was_made_from(known):
    found = origin(known[0])
    assert found["commit"].startswith("1c0ffee")
    assert (found["validation result"], found["dvc.lock"]) == ("passed", "unknown")


@pytest.mark.parametrize(
    ("digest", "complaint"),
    [("abc", "neither a version nor a hash"), ("champions", "neither"), ("dead00", "no version")],
)
def test_what_leads_nowhere_is_said(known, digest, complaint):
    with pytest.raises(RegistryError, match=complaint):
        made_from(known, digest)
