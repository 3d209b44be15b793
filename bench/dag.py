"""The DAG ``pneumonia_score`` under the real scheduler, on 1,000 radiographs: ``make bench-dag``.

A clone of this checkout with servers of its own, four networks of the demo's size with random
weights as champion, tasks of 125 radiographs each. Prints what tasks took, and what is in XCom.
"""

import argparse
import json
import os
import statistics
import subprocess
import sys
import tempfile
import time
from datetime import datetime
from pathlib import Path
from typing import Any

import yaml
from first import register
from inbox import ROOT, fill
from scoring import machine, random_package

from pneumo.servers import config, environment, launch

DAG = "pneumonia_score"


def main() -> None:
    """Start the servers, run the DAG twice, print, stop the servers."""
    options = argparse.ArgumentParser(description=__doc__)
    options.add_argument("--files", type=int, default=1000)
    options.add_argument("--task-files", type=int, default=125)
    options.add_argument("--package", type=Path, help="folder of a registered ensemble")
    chosen = options.parse_args()
    with tempfile.TemporaryDirectory() as name:
        folder = Path(name)
        checkout = folder / "checkout"
        subprocess.run(["git", "clone", "-q", str(ROOT), str(checkout)], check=True)
        choose_settings(checkout, chosen.task_files)
        package = chosen.package or random_package(folder / "package", 64, "small")
        fill(checkout / "data/inbox", chosen.files, folder)
        os.environ["XDG_CACHE_HOME"] = str(folder / "cache")
        os.environ |= environment.of_users(config.load(checkout))
        try:
            services = launch.up(checkout)
            register(package)
            for what in ("everything is new", "nothing is new"):
                print(what, flush=True)
                run(services, checkout)
        finally:
            launch.stop_all(checkout)
    print(machine())


def choose_settings(checkout: Path, task_files: int) -> None:
    """Settings that cut the work as a cluster would have it."""
    path = checkout / "params.yaml"
    settings = yaml.safe_load(path.read_text())
    settings["score"]["task_images"] = task_files
    path.write_text(yaml.safe_dump(settings))


def run(services: launch.Services, checkout: Path) -> None:
    """Trigger the DAG, wait for its end, print its tasks."""
    with services.airflow() as airflow:
        while airflow.find(f"/dags/{DAG}") is None:
            time.sleep(1)
        airflow.patch(f"/dags/{DAG}", {"is_paused": False})
        begun = airflow.post(f"/dags/{DAG}/dagRuns", {"logical_date": None})
        path = f"/dags/{DAG}/dagRuns/{begun['dag_run_id']}"
        while (found := airflow.get(path))["state"] in ("queued", "running"):
            time.sleep(1)
        tasks = airflow.get(f"{path}/taskInstances", limit=1000)["task_instances"]
        stored = airflow.get(f"{path}/taskInstances/~/xcomEntries", limit=1000)["xcom_entries"]
        sizes = [len(json.dumps(xcom(airflow, path, entry))) for entry in stored]
    if found["state"] != "success":
        raise SystemExit(f"the run ended as {found['state']}: {[t['state'] for t in tasks]}")
    for name in dict.fromkeys(task["task_id"] for task in tasks):
        taken = [t["duration"] for t in tasks if t["task_id"] == name and t["duration"]]
        if taken:
            told = f"{min(taken):.1f} / {statistics.median(taken):.1f} / {max(taken):.1f} s"
            print(f"  {name:10} {len(taken)} x, {told}")
    whole = seconds(found["start_date"], found["end_date"])
    print(f"  the run    {whole:.1f} s; XCom: {len(sizes)} entries, the largest {max(sizes)} bytes")
    summary = json.loads((checkout / "data/scored/summary.json").read_text())
    print("  " + ", ".join(f"{summary[name]} {name}" for name in ("files", "scored", "rejected")))


def xcom(airflow: Any, path: str, entry: dict[str, Any]) -> Any:
    """The value of one entry."""
    where = f"{path}/taskInstances/{entry['task_id']}/xcomEntries/{entry['key']}"
    return airflow.get(where, map_index=entry["map_index"])["value"]


def seconds(start: str, end: str) -> float:
    """From one of Airflow's time stamps to another."""
    return (datetime.fromisoformat(end) - datetime.fromisoformat(start)).total_seconds()


if __name__ == "__main__":
    sys.exit(main())
