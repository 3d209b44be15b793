"""Addresses of databases: SQLAlchemy finds the driver of each in what the images install."""

import os
import re
import shutil
import subprocess
import tomllib
from urllib.parse import urlsplit

import pytest
import sqlalchemy

from tests.containers.files import ROOT, checkout, prepare

ADDRESS = re.compile(r"(?:db\+)?postgres[a-z0-9+]*://[^\s\"'`);]*")
DRIVERS = {"psycopg2": "psycopg2-binary", "asyncpg": "asyncpg", "psycopg": "psycopg"}


def shipped(*folders: str) -> set[str]:
    """Every address in committed files, with placeholders made into values."""
    listed = ["git", "ls-files", "-z", "--", *folders]
    names = subprocess.run(listed, cwd=ROOT, capture_output=True, text=True, check=True).stdout
    text = "\n".join(
        (ROOT / name).read_text(encoding="utf-8", errors="replace")
        for name in names.split("\0")[:-1]
    )
    text = re.sub(r"\{self\.ports\[[^]]*\]\}", "5432", text)
    return {re.sub(r"[{}]|\.\.\.$", "", found) for found in ADDRESS.findall(text)}


def test_addresses_are_found_where_they_are_written():
    assert {urlsplit(found.removeprefix("db+")).hostname for found in shipped("docker")} >= {
        "postgres",
        "host",
    }


def test_an_engine_is_made_from_every_address():
    addresses = shipped("docker", "docs", "pneumo", "README.md", "Makefile", "dags")
    assert len(addresses) >= 5
    for address in sorted(addresses):
        url = sqlalchemy.make_url(address.removeprefix("db+"))
        assert sqlalchemy.create_engine(url).dialect.dbapi is not None, address


def test_the_driver_of_every_address_is_in_the_images():
    project = tomllib.loads((ROOT / "pyproject.toml").read_text())
    installed = project["project"]["optional-dependencies"]["cluster"]
    mlflow = project["dependency-groups"]["mlflow"]
    for address in shipped("docker"):
        url = sqlalchemy.make_url(address.removeprefix("db+"))
        package = DRIVERS[url.get_dialect().driver]
        for packages in (installed, mlflow):
            assert any(re.match(rf"{package}\b", one) for one in packages), address


@pytest.mark.parametrize("old", ["postgresql://", "postgresql+psycopg2://"])
def test_the_address_of_mlflows_log_in_has_a_driver_also_when_it_was_written_without(tmp_path, old):
    folder = checkout(tmp_path / "here")
    assert prepare(folder).returncode == 0
    file = folder / "docker/secrets/mlflow_auth.ini"
    first = file.read_text()
    assert "database_uri = postgresql+psycopg2://mlflow@postgres/mlflow_auth\n" in first
    file.write_text(first.replace("postgresql+psycopg2://", old) + "# by hand\n")
    done = prepare(folder)
    assert file.read_text() == first + "# by hand\n"
    assert ("mlflow_auth.ini" in done.stdout) == (old == "postgresql://")


@pytest.mark.parametrize(
    ("metadata", "results", "faulty"),
    [
        (None, None, "metadata"),
        ("postgresql://a:b@c/d", "db+postgresql+psycopg2://a:b@c/d", "metadata"),
        ("postgres://a:b@c/d", "db+postgresql+psycopg2://a:b@c/d", "metadata"),
        ("postgresql+psycopg2://a:b@c/d", "db+postgresql://a:b@c/d", "result_backend"),
        ("postgresql+psycopg2://a:b@c/d", "db+postgresql+psycopg2://a:b@c/d", ""),
    ],
)
def test_kubernetes_gets_no_address_without_a_driver(tmp_path, metadata, results, faulty):
    folder = tmp_path / "docker"
    for name in ("secrets", "kubernetes", "bin"):
        (folder / name).mkdir(parents=True)
    shutil.copy(ROOT / "docker/kubernetes/secrets.sh", folder / "kubernetes")
    for name, address in (("metadata", metadata), ("result_backend", results)):
        if address:
            (folder / "secrets" / name).write_text(address)
    (folder / "bin/kubectl").write_text('#!/bin/sh\necho "$1 $2 $4" >> "$0.called"\n')
    (folder / "bin/kubectl").chmod(0o755)
    done = subprocess.run(
        [folder / "kubernetes/secrets.sh", "pneumo"], capture_output=True, text=True,
        env={"PATH": f"{folder}/bin{os.pathsep}{os.environ['PATH']}"},
    )  # fmt: skip
    called = folder / "bin/kubectl.called"
    assert called.exists() == (not faulty)
    assert done.returncode == (2 if faulty else 0)
    assert done.stderr.count("\n") == bool(faulty)
    assert f"/{faulty}: " in done.stderr or not faulty
    assert "a:b@c" not in done.stdout + done.stderr
