"""The container files as the tests read them: targets, their RUN lines, the resolved services."""

import json
import os
import re
import shutil
import subprocess
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


def services(folder: Path, **environment: str) -> dict:
    """The services as Docker Compose resolves them, every profile on."""
    command = [tool("docker-compose"), "-f", COMPOSE, "--profile", "*", "config", "--format=json"]
    done = subprocess.run(
        command, env={"PATH": os.environ["PATH"], "HOME": str(folder), **environment},
        capture_output=True, text=True, check=True,
    )  # fmt: skip
    return json.loads(done.stdout)["services"]
