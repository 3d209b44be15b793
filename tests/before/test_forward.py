"""A checkout of 0.1 that is pulled forward: its databases, its settings and its dvc.lock.

``d6a06e6`` stands for 0.1, as in ``make.py``. It pinned the Airflow and MLflow of today, so what is
migrated here is of releases before.
"""

import contextlib
import os
import sqlite3
import subprocess
import sys
from importlib.metadata import version
from pathlib import Path
from shutil import copyfile, copytree

import httpx
import pytest
import yaml
from airflow.utils.db import _REVISION_HEADS_MAP

from pneumo import servers
from pneumo.base.errors import SettingsError
from pneumo.base.settings import load_settings
from pneumo.servers import config
from tests.before.test_before import unpacked
from tests.servers.test_servers import free_ports

HERE, ROOT = Path(__file__).parent, Path(__file__).parents[2]
BIN = Path(sys.executable).parent
OLDER = {"airflow": "3.1.0", "mlflow": "3.16.0"}
NEW = {
    "data": ["frontal_only"],
    "train": ["frozen_epochs", "encoder_rate"],
    "score": ["frontal_only"],
}
"""Settings that sections of 0.1 have got since; ``monitor`` is a new section."""


def database(folder: Path, program: str) -> Path:
    return folder / ".pneumo" / program / f"{program}.db"


def ask(path: Path, query: str) -> list[tuple]:
    with contextlib.closing(sqlite3.connect(path)) as opened:
        return opened.execute(query).fetchall()


@pytest.fixture(scope="module")
def registry(tmp_path_factory) -> Path:
    return unpacked(tmp_path_factory.mktemp("registered"))


@pytest.fixture(scope="module")
def pulled(registry, tmp_path_factory) -> Path:
    """A checkout whose databases older releases made, with a champion and a paused DAG."""
    here = tmp_path_factory.mktemp("pulled")
    (here / "dags").mkdir()
    for program, release in OLDER.items():
        database(here, program).parent.mkdir(parents=True)
        database(here, program).with_suffix(".version").write_text(release)
    copyfile(registry / "mlflow.db", database(here, "mlflow"))
    line = [BIN / "airflow", "db", "migrate", "--to-version", OLDER["airflow"]]
    home = {
        "AIRFLOW_HOME": str(here / ".pneumo/airflow"),
        "AIRFLOW__DATABASE__SQL_ALCHEMY_CONN": f"sqlite:///{database(here, 'airflow')}",
    }
    subprocess.run(line, env=os.environ | home, capture_output=True, check=True)
    with contextlib.closing(sqlite3.connect(database(here, "airflow"))) as opened, opened:
        opened.execute("INSERT INTO variable (key, val) VALUES ('kept', 'since 0.1')")
    return here


@pytest.mark.slow
def test_both_databases_are_migrated_and_the_champion_stays(pulled, monkeypatch):
    revision = "SELECT version_num FROM alembic_version"
    before = ask(database(pulled, "airflow"), revision)
    assert before == [(_REVISION_HEADS_MAP[OLDER["airflow"]],)]
    for name, port in zip(config.DEFAULT_PORTS, free_ports(2), strict=True):
        monkeypatch.setenv(name, str(port))
    try:
        up = servers.up(pulled)
        answer = httpx.get(
            f"{up.mlflow_url}/api/2.0/mlflow/registered-models/alias",
            params={"name": "pneumonia-ensemble", "alias": "champion"},
            auth=(up.user, up.password),
        )
        champion = answer.raise_for_status().json()["model_version"]
    finally:
        servers.down(pulled)
    assert ask(database(pulled, "airflow"), revision) == [(list(_REVISION_HEADS_MAP.values())[-1],)]
    assert ask(database(pulled, "airflow"), "SELECT val FROM variable WHERE key = 'kept'")
    for program, package in {"airflow": "apache-airflow", "mlflow": "mlflow"}.items():
        assert database(pulled, program).with_suffix(".version").read_text() == version(package)
    assert champion["version"] == "1"
    assert {"key": "pneumo.verdict", "value": "promoted"} in champion["tags"]


def test_its_settings_are_refused_with_a_line_each_and_taken_up_without_them(tmp_path):
    path = tmp_path / "params.yaml"
    copyfile(HERE / "params.yaml", path)
    with pytest.raises(SettingsError) as caught:
        load_settings(path)
    head, *lines = str(caught.value).splitlines()
    assert head.startswith(f"{path}: ")
    gone = [line.split(":")[0].strip() for line in lines if "no longer a setting" in line]
    missing = {line.split(":")[0].strip() for line in lines} - set(gone)
    assert len(gone) == 11
    assert missing == {*(f"{s}.{k}" for s, keys in NEW.items() for k in keys), "monitor"}

    params, new = (yaml.safe_load(p.read_text()) for p in (path, ROOT / "recipes/demo.yaml"))
    for section, name in (key.split(".") for key in gone):
        del params[section][name]
    del params["evaluate"]  # nothing is left in it
    for section, keys in NEW.items():
        params[section] |= {key: new[section][key] for key in keys}
    path.write_text(yaml.safe_dump(params | {"monitor": new["monitor"]}))
    assert load_settings(path).train.epochs == 40


@pytest.mark.slow
def test_its_dvc_lock_is_read_and_what_changed_is_named(tmp_path):
    for name in ("dvc.yaml", "dvc.lock"):
        copyfile(HERE / "dvc.lock" if name == "dvc.lock" else ROOT / name, tmp_path / name)
    copyfile(ROOT / "recipes/demo.yaml", tmp_path / "params.yaml")
    copytree(ROOT / "data", tmp_path / "data", ignore=lambda *_: ["demo", "prepared", "rsna"])
    copytree(ROOT / "pneumo", tmp_path / "pneumo", ignore=lambda *_: ["__pycache__"])
    for line in ("init --no-scm -q", f"config core.site_cache_dir {tmp_path}/cache"):
        subprocess.run([BIN / "dvc", *line.split()], cwd=tmp_path, check=True)
    done = subprocess.run(
        [BIN / "dvc", "status"], cwd=tmp_path, capture_output=True, text=True, check=False
    )
    assert done.returncode == 0, done.stderr
    changed = [line[:-1] for line in done.stdout.splitlines() if line[:1].isalpha()]
    assert {"validate", "prepare", "tune", "evaluate"} <= set(changed)
