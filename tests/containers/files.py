"""The container files as the tests read them: targets, their RUN lines, the resolved services."""

import json
import os
import re
import shutil
import subprocess
import sys
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[2]
DOCKERFILE = ROOT / "docker/Dockerfile"
COMPOSE = ROOT / "docker/compose.yaml"
KUBERNETES = ROOT / "docker/kubernetes"
OVERLAY = "values-kubernetes-executor.yaml"


def tool(name: str) -> str:
    """A checking program's path; the test is skipped where `make docker-tools` was not run."""
    found = shutil.which(name, path=f"{ROOT}/.venv-docker/bin{os.pathsep}{os.environ['PATH']}")
    if found is None:
        pytest.skip(f"{name} is not installed: make docker-tools")
    return found


def stages() -> dict[str, list[str]]:
    """Every build stage with its instructions, continued lines joined, comments dropped."""
    lines = [line for line in DOCKERFILE.read_text().splitlines() if not line.startswith("#")]
    found: dict[str, list[str]] = {}
    for line in re.sub(r"\\\n\s*", "", "\n".join(lines)).splitlines():
        if named := re.fullmatch(r"FROM \S+ AS (\S+)", line):
            found[named[1]] = []
        elif line and found:
            found[list(found)[-1]].append(line)
    return found


def services(folder: Path, file: Path = COMPOSE, **environment: str) -> dict:
    """The services as Docker Compose resolves them, every profile on."""
    command = [tool("docker-compose"), "-f", file, "--profile", "*", "config", "--format=json"]
    done = subprocess.run(
        command, env={"PATH": os.environ["PATH"], "HOME": str(folder), **environment},
        capture_output=True, text=True, check=True,
    )  # fmt: skip
    return json.loads(done.stdout)["services"]


def checkout(folder: Path) -> Path:
    """A checkout with one commit, which has ``docker/`` as it is here."""
    shutil.copytree(ROOT / "docker", folder / "docker", ignore=ignore)
    (folder / ".gitignore").write_text("/docker/secrets/\n/docker/state/\n/docker/.env\n")
    git(folder, "init", "-q", "-b", "main")
    git(folder, "add", "--all")
    git(folder, "-c", "user.name=a", "-c", "user.email=a@localhost", "commit", "-q", "-m", "first")
    return folder


def ignore(folder: str, names: list[str]) -> set[str]:
    """What was made in the docker/ of this checkout."""
    return {"secrets", "state", ".env"} & set(names)


def git(folder: Path, *words: str) -> str:
    """What git prints in a folder, whose owner may be another."""
    command = ["git", "-c", "safe.directory=*", *words]
    done = subprocess.run(command, cwd=folder, capture_output=True, text=True, check=True)
    return done.stdout.strip()


def prepare(folder: Path, **environment: str) -> subprocess.CompletedProcess:
    """Run ``docker/prepare.py`` of a checkout; as root for the user of the images."""
    command = [sys.executable, folder / "docker/prepare.py"]
    return subprocess.run(
        command + ["--as-root"] * (os.getuid() == 0), env={**os.environ, **environment},
        capture_output=True, text=True,
    )  # fmt: skip


def as_nobody(*command: str | Path) -> list[str | Path]:
    """``command`` for a user without rights; root's own would make every mode look right."""
    if os.getuid():
        return list(command)
    return ["setpriv", "--reuid=65534", "--regid=65534", "--clear-groups", *command]
