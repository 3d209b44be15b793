"""The DAG that scores: when it runs, what it may be given, and how its tasks hang together."""

import json
import re
import subprocess
from pathlib import Path

import pytest

from pneumo import workflow
from tests.dags.test_dags import python

ROOT = Path(__file__).parents[2]

DESCRIBE = """
import json, sys
from airflow.dag_processing.dagbag import DagBag

bag = DagBag(sys.argv[1])
dag = bag.dags["pneumonia_score"]
def facts(task):
    options = task.partial_kwargs if task.is_mapped else vars(task)
    return {
        "mapped": task.is_mapped,
        "pool": options["pool"],
        "queue": options["queue"],
        "retries": options["retries"],
        "hours": options["execution_timeout"].total_seconds() / 3600,
        "rule": task.trigger_rule.value,
        "after": sorted(task.upstream_task_ids),
        "outlets": [] if task.is_mapped else [outlet.name for outlet in task.outlets],
    }
def accepts(name, value):
    try:
        dag.params.get_param(name).resolve(value)
    except Exception:
        return False
    return True
names = [asset.name for asset in dag.schedule.asset_condition.objects]
about = {
    "errors": bag.import_errors,
    "schedule": [dag.schedule.timetable.expression, *names],
    "runs": dag.max_active_runs,
    "catchup": dag.catchup,
    "defaults": dag.params.dump(),
    "accepts": [[n, v, accepts(n, v)] for n, v in json.loads(sys.argv[2])],
    "tasks": {task.task_id: facts(task) for task in dag.tasks},
}
print("RESULT", json.dumps(about))
"""

VALUES = [
    ("model", "models:/pneumonia-ensemble/7", True),
    ("model", "models:/pneumonia-ensemble@challenger", True),
    ("model", "models:/x; rm -rf /", False),
    ("model", 7, False),
    ("input", "", False),
    ("input", "/mnt/inbox", True),
    ("rescore", "yes", False),
    ("rescore", True, True),
]


@pytest.fixture(scope="module")
def described(tmp_path_factory) -> dict:
    values = json.dumps([value[:2] for value in VALUES])
    home, more = tmp_path_factory.mktemp("airflow"), {workflow.SCORING_QUEUE: "scoring"}
    said = python(home, DESCRIBE, ROOT / "dags", values, **more)
    return json.loads(said.rpartition("RESULT ")[2])


def test_it_runs_daily_and_on_a_new_champion_one_at_a_time(described):
    assert described["errors"] == {}
    assert (described["runs"], described["catchup"]) == (1, False)
    assert described["schedule"] == ["0 0 * * *", workflow.CHAMPION]


def test_its_parameters_are_typed(described):
    assert set(described["defaults"]) == {"input", "output", "model", "rescore"}
    assert described["defaults"]["model"] == workflow.CHAMPION_MODEL
    assert described["accepts"] == [list(value) for value in VALUES]


def test_without_a_queue_that_is_named_scoring_has_the_one_of_all_tasks(monkeypatch):
    monkeypatch.setenv(workflow.SCORING_QUEUE, "")
    assert workflow.for_scoring() == {"pool": workflow.SCORING_POOL}


def test_parts_are_mapped_into_the_scoring_pool_and_tried_again(described):
    score = described["tasks"]["score"]
    assert score["mapped"]
    assert (score["pool"], score["retries"]) == (workflow.SCORING_POOL, 2)
    others = [task for name, task in described["tasks"].items() if name != "score"]
    assert score["queue"] == "scoring" not in {task["queue"] for task in others}
    assert {task["retries"] for task in others} == {0}
    assert all(0 < task["hours"] <= 6 for task in described["tasks"].values())


def test_results_are_published_after_all_parts_and_then_announced(described):
    tasks = described["tasks"]
    assert tasks["score"]["after"] == ["numbers"]
    assert tasks["publish"]["after"] == ["plan", "score"]
    assert tasks["publish"]["rule"] == "none_failed_min_one_success"  # also when nothing is new
    assert tasks["announce"]["outlets"] == [workflow.SCORED]
    assert tasks["announce"]["after"] == ["publish"]


def test_a_parameter_never_becomes_a_word_of_the_shell():
    text = (ROOT / "dags/pneumonia_score.py").read_text()
    lines = re.findall(r"pneumo score-.*", text)
    assert len(lines) == 3
    assert all("{{" not in line for line in lines)
    assert all(re.findall(r'"\$RESULTS"', line) for line in lines)


@pytest.mark.parametrize("task", ["plan"])
def test_without_an_inbox_the_task_is_skipped(tmp_path, task):
    text = (ROOT / "dags/pneumonia_score.py").read_text()
    guard = re.search(r"""'(\[ -e "\$PLACE" \].*); '""", text)[1]
    done = subprocess.run(
        ["bash", "-c", guard], cwd=tmp_path, env={"PLACE": "data/inbox"}, capture_output=True
    )
    assert done.returncode == 99
    assert b"data/inbox: there is no inbox" in done.stdout


def test_the_commands_of_the_tasks_exist():
    from pneumo.cli.app import app

    known = {c.callback.__name__.replace("_", "-") for c in app.registered_commands}
    text = (ROOT / "dags/pneumonia_score.py").read_text()
    assert set(re.findall(r"pneumo (score-\w+)", text)) <= known
