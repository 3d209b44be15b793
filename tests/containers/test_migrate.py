"""What compose and the chart run before anything is scheduled: Airflow's tables and pools."""

import os
import sqlite3
import subprocess
import sys
from pathlib import Path

import pytest
import yaml

from pneumo import workflow
from pneumo.servers.api import POOLS
from tests.containers.files import ROOT, services, stages

SCRIPT = ROOT / "docker/migrate.sh"


def _migrated(home: Path, **sizes: str) -> dict[str, tuple[int, str]]:
    """Slots and description of every pool after the script has run."""
    database = home / "airflow.db"
    environment = {
        **os.environ, **sizes, "AIRFLOW_HOME": str(home),
        "AIRFLOW__CORE__LOAD_EXAMPLES": "False",
        "AIRFLOW__DATABASE__SQL_ALCHEMY_CONN": f"sqlite:///{database}",
        "PATH": f"{Path(sys.executable).parent}{os.pathsep}{os.environ['PATH']}",
    }  # fmt: skip
    done = subprocess.run([SCRIPT], env=environment, cwd=home, capture_output=True, text=True)
    assert done.returncode == 0, done.stdout + done.stderr
    with sqlite3.connect(database) as connection:
        rows = connection.execute("SELECT pool, slots, description FROM slot_pool")
        return {pool: (slots, about) for pool, slots, about in rows}


@pytest.mark.slow
def test_the_pools_of_the_dags_are_there_with_the_sizes_that_are_asked_for(tmp_path):
    pools = _migrated(tmp_path)
    assert set(pools) == {"default_pool", *POOLS}
    assert {name: pools[name] for name in POOLS} == {n: (1, about) for n, about in POOLS.items()}
    again = _migrated(tmp_path, PNEUMO_GPU_SLOTS="3", PNEUMO_SCORING_SLOTS="2")
    assert (again[workflow.GPU_POOL][0], again[workflow.SCORING_POOL][0]) == (3, 2)


def test_compose_and_chart_run_it_and_hand_on_the_sizes(tmp_path):
    (line,) = [line for line in stages()["machine"] if "migrate.sh" in line]
    assert line == "COPY docker/migrate.sh /usr/local/bin/migrate"
    assert "!docker/migrate.sh" in (ROOT / "docker/Dockerfile.dockerignore").read_text()
    assert os.access(SCRIPT, os.X_OK)
    values = yaml.safe_load((ROOT / "docker/kubernetes/values.yaml").read_text())
    asked = {entry["name"] for entry in values["migrateDatabaseJob"]["env"]}
    found = services(tmp_path, PNEUMO_GPU_SLOTS="3")
    assert found["migrate"]["command"] == values["migrateDatabaseJob"]["args"] == ["migrate"]
    sizes = {name: found["migrate"]["environment"][name] for name in sorted(asked)}
    assert sizes == {"PNEUMO_GPU_SLOTS": "3", "PNEUMO_SCORING_SLOTS": "1"}
    script = SCRIPT.read_text()
    assert all(f"${{{name}:-1}}" in script for name in asked)


def test_nothing_is_scheduled_before_it_has_ended(tmp_path):
    found = services(tmp_path)
    for name in ("api-server", "scheduler", "dag-processor"):
        needs = found[name]["depends_on"]["migrate"]["condition"]
        assert needs == "service_completed_successfully", name
    assert found["migrate"]["restart"] == "no"
