"""Killed before any write of the ledger, after it, and between effect and row, then run again."""

import json
import subprocess
import sys
from pathlib import Path
from shutil import copytree

import pydicom

ROOT = Path(__file__).parents[2]


def test_killed_anywhere_and_run_again_each_radiograph_has_each_object_once(
    archive, workspace, radiographs, tmp_path
):
    archive.put(*radiographs[:2])
    workspace.knows(archive).fetched()
    workspace.scored()
    template = tmp_path / "template"
    for name in ("results", "objects"):
        copytree(workspace.site.path(name), template / name)
    objects = sorted(row["sop"] for row in workspace.rows("objects"))
    sources = [pydicom.dcmread(path).SOPInstanceUID for path in radiographs[:2]]
    files = json.dumps([str(path) for path in radiographs[:2]])
    program = [sys.executable, "-m", "tests.pacs.kills", workspace.folder / "pacs.yaml", template]
    done = subprocess.run(
        [*program, archive.url, archive.password, files],
        cwd=ROOT, capture_output=True, text=True,
    )  # fmt: skip
    assert done.returncode == 0, done.stderr
    first, *kills = map(json.loads, done.stdout.splitlines())
    assert len(kills) == first["points"] > 20
    for kill in kills:
        assert kill["died"], kill
        assert kill["counts"]["confirmed"] == 2, kill
        assert sum(kill["counts"].values()) == 2, kill
        assert kill["objects"] == objects, kill
        assert kill["held"] == sorted([*sources, *objects]), kill
        assert kill["left"] == [], kill
    print(f"{len(kills)} kills")
