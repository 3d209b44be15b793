"""Finished parts are kept unless they were read and are not what was written."""

import json
import os
import resource
import shutil
import subprocess
import sys
import time
from datetime import datetime
from pathlib import Path

import pyarrow.parquet as pq
import pytest

from pneumo.base.aside import aside
from pneumo.base.errors import TransientError
from pneumo.scoring.parts import SCHEMA, Scorer, Store, write_part

SCORER = Scorer("models:/x/1", 1, "d" * 64, "openvino", "float32", False)
CONTENTS = ["a" * 64, "b" * 64]

LOOK = """
import os, resource, sys
from pathlib import Path
from pneumo.base.errors import TransientError
from pneumo.scoring.parts import Store

store = Store(Path(sys.argv[1]))
few = int(sys.argv[2])
resource.setrlimit(resource.RLIMIT_NOFILE, (64, 64))
held = []
try:
    while True:
        held.append(os.open("/dev/null", os.O_RDONLY))
except OSError:
    for _ in range(few):
        os.close(held.pop())
try:
    print("found", len(list(store.parts())))
except TransientError as error:
    print(error)
"""


def write(out: Path, contents: list[str] = CONTENTS, probability: float = 0.25) -> Path:
    path = Store(out).path(SCORER, contents, "all")
    rows = [
        dict.fromkeys(SCHEMA.names)
        | {"content": content, "reason": "", "probability": probability, "boxes": "[]"}
        for content in contents
    ]
    with aside(path) as folder:
        folder.mkdir()
        (folder / "a.png").write_bytes(b"picture")
        write_part(path, SCORER, "all", rows, folder)
    return path


@pytest.mark.parametrize("few", range(4))
def test_with_too_many_files_open_no_part_is_removed(tmp_path, few):
    path = write(tmp_path)
    assert resource.getrlimit(resource.RLIMIT_NOFILE)[0] >= 64
    words = [sys.executable, "-c", LOOK, str(tmp_path), str(few)]
    said = subprocess.run(words, capture_output=True, text=True, check=True, timeout=60).stdout
    assert said.strip() == "found 1" or "cannot be read (Too many open files)" in said
    assert few or "Too many" in said
    assert {file.name for file in path.iterdir()} == {"part.json", "rows.parquet", "a.png"}
    assert Store(tmp_path).done(SCORER, "all") == set(CONTENTS)


@pytest.mark.parametrize("name", ["rows.parquet", "part.json"])
@pytest.mark.parametrize("error", [5, 13, 116], ids=["EIO", "EACCES", "ESTALE"])
@pytest.mark.parametrize("look", ["parts", "holds", "write"])
def test_a_disk_that_answers_with_an_error_costs_no_part(tmp_path, monkeypatch, name, error, look):
    path = write(tmp_path)
    opened = Path.open

    def refuse(self, *words, **named):
        if self.name == name and self.parent == path:
            raise OSError(error, "the disk said no", str(self))
        return opened(self, *words, **named)

    acts = {
        "parts": lambda: list(Store(tmp_path).parts()),
        "holds": lambda: Store(tmp_path).holds(SCORER, CONTENTS, "all"),
        "write": lambda: write(tmp_path, probability=0.75),
    }
    with monkeypatch.context() as broken:
        broken.setattr(Path, "open", refuse)
        with pytest.raises(TransientError, match="the disk said no"):
            acts[look]()
    (part,) = Store(tmp_path).parts()
    assert [row["probability"] for row in part.rows()] == [0.25, 0.25]


def test_a_folder_in_the_place_of_a_file_is_said_and_left(tmp_path):
    path = write(tmp_path)
    (path / "rows.parquet").rename(path / "kept")
    (path / "rows.parquet").mkdir()
    with pytest.raises(TransientError, match="Is a directory"):
        list(Store(tmp_path).parts())
    assert (path / "kept").exists()


def damage(path: Path, how: str) -> None:
    rows = path / "rows.parquet"
    if how == "cut":
        rows.write_bytes(rows.read_bytes()[:-1])
    elif how == "bit":
        content = bytearray(rows.read_bytes())
        content[20] ^= 1
        rows.write_bytes(content)
    elif how == "no rows":
        rows.unlink()
    elif how == "no about":
        (path / "part.json").unlink()
    elif how == "no JSON":
        (path / "part.json").write_text("{")
    elif how == "other JSON":
        (path / "part.json").write_text("[]")
    elif how == "picture gone":
        (path / "a.png").unlink()
    else:
        (path / "a.png").write_bytes(b"")


DAMAGES = ["cut", "bit", "no rows", "no about", "no JSON", "other JSON", "picture gone", "empty"]


@pytest.mark.parametrize("how", DAMAGES)
@pytest.mark.parametrize("look", ["parts", "holds", "write"])
def test_what_was_read_and_differs_is_removed_or_replaced(tmp_path, how, look):
    path = write(tmp_path)
    other = write(tmp_path, ["c" * 64])
    damage(path, how)
    if look == "parts":
        assert [part.folder for part in Store(tmp_path).parts()] == [other]
    elif look == "holds":
        assert not Store(tmp_path).holds(SCORER, CONTENTS, "all")
    if look == "write":
        write(tmp_path, probability=0.75)
        assert set(pq.read_table(path / "rows.parquet")["probability"].to_pylist()) == {0.75}
    else:
        assert not path.exists()
    assert other.exists()


def test_a_part_that_is_there_already_stays(tmp_path):
    path = write(tmp_path)
    write(tmp_path, probability=0.75)
    assert set(pq.read_table(path / "rows.parquet")["probability"].to_pylist()) == {0.25}
    assert sorted(one.name for one in path.parent.iterdir()) == [path.name]
    shutil.rmtree(path)
    assert Store(tmp_path).done(SCORER, "all") == set()


@pytest.mark.parametrize("named", [True, False])
def test_a_part_knows_when_it_was_finished(tmp_path, named):
    """One of before there were times has that of its file."""
    before = int(time.time())
    about = write(tmp_path) / "part.json"
    if not named:
        told = json.loads(about.read_text())
        del told["scored_at"]
        about.write_text(json.dumps(told))
        os.utime(about, (1_700_000_000, 1_700_000_000))
    (part,) = Store(tmp_path).parts()
    moment = datetime.strptime(part.scored_at, "%Y-%m-%dT%H:%M:%S%z").timestamp()
    assert before <= moment <= time.time() if named else moment == 1_700_000_000
