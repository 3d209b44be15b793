"""A version that older code registered still loads, scores, verifies and serves."""

import base64
import json
import sqlite3
import tarfile
from pathlib import Path

import numpy as np
import pandas as pd
import pytest
from PIL import Image

from pneumo.base.settings import load_settings
from pneumo.registry import store
from pneumo.registry.judging import seat_at
from pneumo.registry.verify import verify
from pneumo.scoring.score import score
from pneumo.tracking.runs import client

pytestmark = pytest.mark.slow

PACK = Path(__file__).with_name("registered.tar.xz")
RECIPE = Path(__file__).parents[2] / "recipes/demo.yaml"
CHAMPION = "models:/pneumonia-ensemble@champion"


def unpacked(folder: Path) -> Path:
    """The registry of before in ``folder``: its database holds the addresses of another one."""
    with tarfile.open(PACK) as pack:
        pack.extractall(folder, filter="data")
    old = (folder / "place.txt").read_text()
    with sqlite3.connect(folder / "mlflow.db") as database:
        names = database.execute("SELECT name FROM sqlite_master WHERE type = 'table'").fetchall()
        for (table,) in names:
            for column in database.execute(f"PRAGMA table_info({table})").fetchall():
                if column[2].upper().startswith(("VARCHAR", "TEXT")):
                    database.execute(
                        f"UPDATE {table} SET {column[1]} = replace({column[1]}, ?, ?) "
                        f"WHERE {column[1]} LIKE ?",
                        (old, str(folder), f"%{old}%"),
                    )
    return folder


@pytest.fixture(scope="module")
def place(tmp_path_factory) -> Path:
    return unpacked(tmp_path_factory.mktemp("before"))


@pytest.fixture
def old(place, monkeypatch, cache):
    monkeypatch.setenv("MLFLOW_TRACKING_URI", f"sqlite:///{place}/mlflow.db")
    monkeypatch.chdir(place)
    return store.version_of(client(), store.CHAMPION)


@pytest.fixture
def picture(place, tmp_path) -> Path:
    """A radiograph of the old test set on which the ensemble found an opacity."""
    images = np.load(place / "prepared/images.npy")
    index = pd.read_parquet(place / "prepared/index.parquet")
    row = int(np.flatnonzero((index["split"] == "test") & (index["target"] == 1))[0])
    path = tmp_path / "inbox/radiograph.png"
    path.parent.mkdir()
    Image.fromarray(images[row]).resize((1024, 1024), Image.Resampling.NEAREST).save(path)
    return path


def box_of(place) -> dict[str, float]:
    """The true box of that radiograph: all networks see is brighter than what surrounds it."""
    index = pd.read_parquet(place / "prepared/index.parquet")
    first = index[(index["split"] == "test") & (index["target"] == 1)].iloc[0]
    boxes = pd.read_parquet(place / "prepared/boxes.parquet").set_index("patientId")
    return boxes.loc[first["patientId"]].to_dict()


def test_it_is_fetched_whole_and_has_its_tags(old):
    assert old.tags["pneumo.verdict"] == "promoted"
    assert float(old.tags["pneumo.map"]) > 0.9
    assert old.tags["pneumo.content"]


def test_it_scores_and_finds_the_opacity(old, place, picture, tmp_path):
    settings = load_settings(RECIPE).score
    summary = score([picture], tmp_path / "out", CHAMPION, score=settings)
    assert (summary["scored"], summary["positive"]) == (1, 1)
    (line,) = (tmp_path / "out/submission.csv").read_text().splitlines()[1:]
    found = [float(number) for number in line.split(",")[1].split()[1:]]
    assert found == pytest.approx(list(box_of(place).values()), abs=64)


def test_it_verifies(old, place):
    with seat_at({"prepared": place / "prepared"}, load_settings(RECIPE).promotion) as seat:
        checks = verify(seat, old)
    assert {check.name for check in checks} >= {"files", "golden images", "mAP", "images"}
    assert all(check.held for check in checks), list(map(str, checks))


def test_mlflows_own_tools_serve_it(old, place, picture):
    import mlflow

    model = mlflow.pyfunc.load_model(CHAMPION)
    text = base64.b64encode(picture.read_bytes()).decode()
    (answer,) = model.predict(pd.DataFrame({"dicom_base64": [text]})).to_dict("records")
    assert answer["probability"] > 0.5
    found = pd.DataFrame(json.loads(answer["boxes"])).iloc[0]
    assert found[["x", "y", "width", "height"]].tolist() == pytest.approx(
        list(box_of(place).values()), abs=64
    )
