"""What a service sees of the machine: the folders that Compose mounts, and secrets in them."""

import json
import os
import shutil
import subprocess
import tempfile
from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.containers.files import as_nobody, checkout, git, prepare, services

WORKERS = ("worker", "worker-gpu", "worker-pacs", "scorer")

NEEDS = {
    "api-server": {"airflow", "fernet", "api", "jwt", "admin"},
    "scheduler": {"airflow", "celery", "redis", "jwt"},
    "dag-processor": {"airflow"},
    "migrate": {"airflow"},
    "worker": {"celery", "redis", "s3", "mlflow_admin"},
    "worker-gpu": {"celery", "redis", "s3", "mlflow_admin"},
    "scorer": {"celery", "redis", "s3", "mlflow_admin"},
    "worker-pacs": {"celery", "redis", "s3", "mlflow_admin", "pacs"},
    "orthanc": {"pacs"},
    "mlflow": {"mlflow", "mlflow_admin", "flask", "s3"},
    "postgres": {"postgres"},
    "redis": {"redis"},
    "s3": {"s3"},
    "setup": {"postgres", "airflow", "celery", "mlflow", "s3"},
}
"""Names in ``all.json`` of what a service's work needs."""


@pytest.fixture(scope="module")
def here(tmp_path_factory) -> Path:
    """A checkout with secrets, which a file of the caller's and a branch's lie beside."""
    folder = checkout(tmp_path_factory.mktemp("site") / "here")
    assert prepare(folder).returncode == 0
    return folder


@pytest.fixture(scope="module")
def resolved(here) -> dict:
    return services(here, here / "docker/compose.yaml")


def files(service: dict, here: Path) -> Iterator[Path]:
    """Every file of the machine that a service's mounts and secrets lead to."""
    for secret in service.get("secrets", []):
        yield here / "docker/secrets" / secret["source"]
    for mount in service.get("volumes", []):
        if mount["type"] == "bind":
            top = Path(mount["source"])
            yield from (path for path in (top, *top.rglob("*")) if path.is_file())


def known(service: dict, here: Path) -> set[str]:
    """Names of the secrets that are in the files of a service."""
    made = json.loads((here / "docker/secrets/all.json").read_text())
    texts = [path.read_bytes() for path in files(service, here)]
    return {name for name, secret in made.items() if any(secret.encode() in t for t in texts)}


@pytest.mark.parametrize("name", sorted(NEEDS))
def test_a_service_finds_the_secrets_that_it_needs_and_no_other(resolved, here, name):
    assert known(resolved[name], here) == NEEDS[name]


def test_every_service_is_in_the_table_and_a_mounted_checkout_is_noticed(resolved, here):
    assert set(resolved) == set(NEEDS)
    mount = {"type": "bind", "source": str(here), "target": "/srv/origin"}
    found = known({**resolved["worker"], "volumes": [mount]}, here)
    assert found == set(json.loads((here / "docker/secrets/all.json").read_text()))


@pytest.mark.parametrize("name", sorted(NEEDS))
def test_a_secret_is_told_to_airflow_only_where_it_is_mounted(resolved, name):
    mounted = {f"/run/secrets/{one['source']}" for one in resolved[name].get("secrets", [])}
    told = resolved[name].get("environment", {}).values()
    named = {word for value in told for word in (value or "").split() if "/run/secrets/" in word}
    assert named <= mounted


@pytest.mark.parametrize("name", WORKERS)
def test_a_worker_writes_no_hook_no_setting_and_nothing_that_is_deployed(resolved, here, name):
    writable = [
        Path(mount["source"])
        for mount in resolved[name]["volumes"]
        if mount["type"] == "bind" and not mount.get("read_only")
    ]
    assert {path.relative_to(here / "docker/state").as_posix() for path in writable} == {
        "shared",
        "runs.git/objects",
        "runs.git/refs/heads/runs",
    }
    for path in writable:  # git reads neither settings nor hooks in them, whatever lies there
        assert path.is_dir()
        for name in ("HEAD", "config", "hooks", "commondir", ".git"):
            assert not (path / name).exists()


@pytest.mark.parametrize("name", sorted(set(NEEDS) - {*WORKERS, "s3", "orthanc"}))
def test_no_other_service_writes_to_a_folder_of_the_machine(resolved, name):
    for mount in resolved[name].get("volumes", []):
        assert mount["type"] == "volume" or mount["read_only"], mount


def test_a_worker_pushes_a_branch_with_what_it_may_write(here, resolved):
    """The modes of a copy stand for the mounts; a user without root's rights is the worker."""
    copied = Path(tempfile.mkdtemp())
    try:
        copied.chmod(0o755)
        state = copied / "state"
        shutil.copytree(here / "docker/state", state)
        rights(state, {Path(m["source"]).relative_to(here / "docker/state")
                       for m in resolved["worker"]["volumes"]
                       if m["type"] == "bind" and not m.get("read_only")})  # fmt: skip
        (copied / "gitconfig").write_text("[safe]\n\tdirectory = *\n")
        work = copied / "work"
        work.mkdir()
        work.chmod(0o777)
        script = """set -e
            git clone -q "$1/origin.git" clone && cd clone
            git config user.name a && git config user.email a@localhost
            git remote set-url --push origin "$1/runs.git"
            for text in first second; do
                echo $text > dvc.lock && git add dvc.lock && git commit -q -m $text
                git push -q --force origin HEAD:refs/heads/runs/1
            done
            exec 2> /dev/null
            refused() { if "$@"; then echo "not refused: $*"; exit 3; fi; }
            refused git push -q origin HEAD:refs/heads/main
            refused git push -q "$1/origin.git" HEAD:refs/heads/main
            for name in origin.git runs.git; do
                refused touch "$1/$name/config"
                refused touch "$1/$name/commondir"
                refused mkdir "$1/$name/hooks"
            done
        """
        done = subprocess.run(
            as_nobody("sh", "-c", script, "sh", state), cwd=work, capture_output=True, text=True,
            env={"PATH": os.environ["PATH"], "HOME": str(work),
                 "GIT_CONFIG_SYSTEM": str(copied / "gitconfig")},
        )  # fmt: skip
        assert done.returncode == 0, done.stdout + done.stderr
        fetched = copied / "fetched"
        git(copied, "clone", "-q", "-b", "main", str(state / "origin.git"), str(fetched))
        git(fetched, "fetch", "-q", str(state / "runs.git"), "+refs/heads/runs/*:refs/runs/*")
        assert git(fetched, "show", "refs/runs/1:dvc.lock") == "second"
    finally:
        subprocess.run(["chmod", "-R", "u+rwX", copied], check=True)
        shutil.rmtree(copied)


def rights(state: Path, writable: set[Path]) -> None:
    """Let others read everything, and write below ``writable`` alone."""
    for path in [*state.rglob("*"), state]:
        inside = any(path.relative_to(state).is_relative_to(folder) for folder in writable)
        path.chmod((0o777 if inside else 0o555) if path.is_dir() else (0o666 if inside else 0o444))
