"""Thousands of files through the real planner and the real publication; networks aside."""

import json
import subprocess
import sys
from pathlib import Path

import pyarrow.parquet as pq
import pytest

from pneumo.dataset.rsna import read_submission
from pneumo.scoring._rows import named

ROOT = Path(__file__).parents[2]
FILES = 3000


@pytest.fixture(scope="module")
def scaled(tmp_path_factory) -> Path:
    folder = tmp_path_factory.mktemp("scale") / "work"
    command = [sys.executable, ROOT / "bench/scale.py", "--files", str(FILES), "--keep", folder]
    subprocess.run(command, check=True, timeout=500)
    return folder


@pytest.mark.slow
def test_every_file_of_an_inbox_is_in_one_row(scaled):
    table = pq.read_table(scaled / "results/predictions.parquet").to_pylist()
    files = [row["file"] for row in table]
    assert len(files) == len(set(files)) == FILES
    assert set(files) == {str(path) for path in (scaled / "inbox").glob("*/*/*.dcm")}
    counts = json.loads((scaled / "results/summary.json").read_text())
    statuses = [row["status"] for row in table]
    assert counts["scored"] == statuses.count("scored")
    assert counts["rejected"] == statuses.count("rejected") > 0
    copies = [row for row in table if row["duplicate_of"]]
    assert len(copies) == FILES // 100


@pytest.mark.slow
def test_files_of_one_name_keep_lines_of_their_own(scaled):
    table = pq.read_table(scaled / "results/predictions.parquet").to_pylist()
    names = {(row["image_id"], row["content"]) for row in table if row["status"] == "scored"}
    lines = read_submission(scaled / "results/submission.csv")
    assert len(lines) == len(names) > FILES * 0.95
    assert set(lines) == {name for name, _ in names}


def test_a_hundred_thousand_files_of_one_name_are_numbered():
    rows = [{"image_id": "IM0001", "content": str(number // 2)} for number in range(100_000)]
    rows.insert(0, {"image_id": "IM0001~3", "content": "taken"})
    names = [row["image_id"] for row in named(rows)]
    assert names[:6] == ["IM0001~3", "IM0001", "IM0001", "IM0001~2", "IM0001~2", "IM0001~4"]
    assert len(set(names)) == 50_001
