"""The DAG of the round trip: when it runs, in which order, and what its lines do."""

import json
import os
import subprocess
from itertools import pairwise
from pathlib import Path

import pytest

from pneumo import workflow
from tests.dags.test_dags import python

ROOT = Path(__file__).parents[2]
STEPS = ["poll", "fetch", "score", "write", "send", "confirm", "publish"]

DESCRIBE = """
import json, sys
from airflow.dag_processing.dagbag import DagBag

bag = DagBag(sys.argv[1])
dag = bag.dags["pneumonia_pacs"]
def accepts(name, value):
    try:
        dag.params.get_param(name).resolve(value)
    except Exception:
        return False
    return True
print("RESULT", json.dumps({
    "errors": bag.import_errors,
    "schedule": dag.timetable.expression,
    "runs": dag.max_active_runs,
    "catchup": dag.catchup,
    "paused": dag.is_paused_upon_creation,
    "defaults": dag.params.dump(),
    "accepts": [accepts(*pair) for pair in json.loads(sys.argv[2])],
    "tasks": {task.task_id: {
        "line": task.python_callable(), "cwd": task.cwd, "env": task.env, "pool": task.pool,
        "queue": task.queue, "retries": task.retries, "rule": task.trigger_rule.value,
        "policy": type(task.retry_policy).__name__,
        "minutes": task.execution_timeout.total_seconds() / 60,
        "after": sorted(task.upstream_task_ids),
        "outlets": [outlet.name for outlet in task.outlets],
    } for task in dag.tasks},
}))
"""

VALUES = [
    ("model", "models:/pneumonia-ensemble/7", True),
    ("model", "models:/x; rm -rf /", False),
    ("secondary", "all", True),
    ("secondary", "some", False),
    ("peers", "/srv/shared/pacs/pacs.yaml", True),
    ("peers", 7, False),
]


@pytest.fixture(scope="module")
def about(tmp_path_factory) -> dict:
    asked = json.dumps([pair[:2] for pair in VALUES])
    printed = python(tmp_path_factory.mktemp("airflow"), DESCRIBE, ROOT / "dags", asked)
    return json.loads(printed.rpartition("RESULT ")[2])


def test_it_runs_every_minute_once_a_site_wants_it_and_one_run_at_a_time(about):
    assert about["errors"] == {}
    assert (about["schedule"], about["runs"], about["catchup"]) == ("* * * * *", 1, False)
    assert about["paused"] is True
    assert about["defaults"] == {
        "peers": "", "model": workflow.CHAMPION_MODEL, "secondary": "none"
    }  # fmt: skip
    assert about["accepts"] == [wanted for *_, wanted in VALUES]


def test_each_step_is_one_shell_line_after_the_one_before(about):
    tasks = about["tasks"]
    assert list(tasks) == STEPS
    for before, after in pairwise(STEPS):
        assert tasks[after]["after"] == [before]
    for name in ("poll", "fetch", "send", "confirm"):
        assert f"pneumo pacs {name} " in tasks[name]["line"]
    assert {task["cwd"] for task in tasks.values()} == {str(ROOT)}
    assert tasks["publish"]["outlets"] == [workflow.IN_PACS]


def test_all_run_where_the_ledger_is_and_scoring_takes_its_turn(about):
    tasks = about["tasks"]
    assert {task["queue"] for task in tasks.values()} == {workflow.PACS_QUEUE}
    pools = {name: task["pool"] for name, task in tasks.items()}
    assert pools.pop("score") == workflow.SCORING_POOL
    assert set(pools.values()) == {workflow.PACS_POOL}
    assert {task["policy"] for task in tasks.values()} == {"AccidentsOnly"}
    assert all(0 < task["minutes"] <= 360 for task in tasks.values())


def test_what_waits_is_sent_though_nothing_was_scored(about):
    rules = {name: about["tasks"][name]["rule"] for name in STEPS}
    assert rules["send"] == rules["confirm"] == rules["publish"] == "none_failed"


def run(about: dict, name: str, folder: Path, codes: dict[str, int], **given: str) -> tuple:
    """Exit code of a task's line with a `pneumo` that notes its words, and these words."""
    fake = folder / "pneumo"
    cases = "".join(f"{words}) exit {code};; " for words, code in codes.items())
    fake.write_text(f'#!/bin/sh\necho "$@" >> {folder}/words\ncase "$1" in {cases} esac\n')
    fake.chmod(0o755)
    (folder / "words").write_text("")
    line = ["bash", "-c", about["tasks"][name]["line"]]
    env = {"PATH": f"{folder}:{os.defpath}", "PEERS": "", "MODEL": "m", "SECONDARY": "none",
           "FOLDER": "f", "TO_SCORE": "0", "CONFIRMED": "0", **given}  # fmt: skip
    code = subprocess.run(line, env=env, cwd=folder, capture_output=True).returncode
    return code, (folder / "words").read_text().splitlines()


@pytest.mark.parametrize("name", STEPS)
def test_without_a_file_of_peers_every_step_is_skipped(about, tmp_path, name):
    assert run(about, name, tmp_path, {}, TO_SCORE="3", CONFIRMED="1") == (99, [])


@pytest.mark.parametrize(("ended", "code"), [(0, 0), (3, 0), (2, 2), (1, 1)])
@pytest.mark.parametrize(
    ("name", "word"), [("score", "score"), ("write", "dicom"), ("send", "pacs")]
)
def test_some_that_are_rejected_fail_no_run_and_a_fault_does(
    about, tmp_path, name, word, ended, code
):
    (tmp_path / "pacs.yaml").touch()
    found, words = run(about, name, tmp_path, {word: ended}, TO_SCORE="2")
    assert found == code
    assert ("pacs record" in " ".join(words)) == (name != "send" and code == 0)


def test_what_is_written_is_told_which_reports_were_sent(about, tmp_path):
    (tmp_path / "pacs.yaml").touch()
    code, words = run(about, "write", tmp_path, {"pacs": 0, "dicom": 0}, TO_SCORE="2")
    assert code == 0
    (line,) = (line for line in words if line.startswith("dicom write"))
    assert "--predecessors /dev/fd/" in line
    assert "<(pneumo pacs sent " in about["tasks"]["write"]["line"]


def test_a_source_that_is_away_holds_nothing_else_back(about, tmp_path):
    (tmp_path / "pacs.yaml").touch()
    assert about["tasks"]["fetch"]["rule"] == "all_done"
    for code, wanted in ((0, 0), (1, 0), (2, 2)):
        assert run(about, "fetch", tmp_path, {"pacs": code}) == (wanted, ["pacs fetch"])


def test_nothing_is_scored_when_nothing_waits(about, tmp_path):
    (tmp_path / "pacs.yaml").touch()
    for name in ("score", "write"):
        assert run(about, name, tmp_path, {}) == (99, [])


def test_a_named_file_reaches_each_command_as_data(about, tmp_path):
    peers = tmp_path / "my $(touch hacked) peers.yaml"
    peers.touch()
    _, words = run(about, "poll", tmp_path, {}, PEERS=str(peers))
    assert words == [f"pacs poll --peers {peers}"]
    assert not (tmp_path / "hacked").exists()
