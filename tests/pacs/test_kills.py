"""Killed before any write of the ledger, after it, and between effect and row, then run again."""

import json
import os
import subprocess
import sys
from pathlib import Path

import pydicom
import pytest

pytestmark = [pytest.mark.slow, pytest.mark.outage]

EVERY = int(os.environ.get("PNEUMO_KILL_EVERY", "1"))
ROOT = Path(__file__).parents[2]


def test_killed_anywhere_and_run_again_each_radiograph_has_each_object_once(
    archive, workspace, radiographs
):
    archive.put(*radiographs[:1])
    workspace.knows(archive).fetched()
    workspace.scored()
    template = workspace.template
    objects = sorted(row["sop"] for row in workspace.rows("objects"))
    sources = [pydicom.dcmread(path).SOPInstanceUID for path in radiographs[:1]]
    files = json.dumps([str(path) for path in radiographs[:1]])
    program = [sys.executable, "-m", "tests.pacs.kills", workspace.folder / "pacs.yaml", template]
    done = subprocess.run(
        [*program, archive.url, archive.password, files, str(EVERY)],
        cwd=ROOT, capture_output=True, text=True,
    )  # fmt: skip
    assert done.returncode == 0, done.stderr
    first, *kills = map(json.loads, done.stdout.splitlines())
    assert len(kills) == -(-first["points"] // EVERY)
    assert first["points"] > 20
    for kill in kills:
        assert kill["died"], kill
        assert kill["counts"]["confirmed"] == 1, kill
        assert sum(kill["counts"].values()) == 1, kill
        assert kill["objects"] == objects, kill
        assert kill["held"] == sorted([*sources, *objects]), kill
        assert kill["left"] == [], kill
    print(f"{len(kills)} kills")
