"""The DAG that monitors: an alarm fails one task, once, and only labels ask for a training."""

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
dag = bag.dags["pneumonia_monitor"]
class Event:
    def __init__(self, extra=None):
        self.extra = extra
class Events(list):  # as Airflow's inlet events: a list that can be asked for the last ones
    def ascending(self, way):
        return self if way else Events(reversed(self))
    def limit(self, count):
        return self[:count]
def emitted(said, past):
    retrain, new = dag.get_task("retrain"), Event()
    inlets = {inlet: Events(map(Event, json.loads(json.dumps(past)))) for inlet in retrain.inlets}
    line = retrain.python_callable(json.dumps(said), inlets, {o: new for o in retrain.outlets})
    return new.extra if line == "true" else line
def said(model, *fell, reasons=("because",)):
    return {
        "model": model, "version": 1, "wanted": True, "fell": fell, "reasons": reasons, "told": ""
    }
a, both = said("a", "sensitivity"), said("a", "sensitivity", "specificity")
about = {
    "errors": bag.import_errors,
    "schedule": [dag.schedule.timetable.expression]
        + [asset.name for asset in dag.schedule.asset_condition.objects],
    "runs": dag.max_active_runs,
    "catchup": dag.catchup,
    "defaults": dag.params.dump(),
    "lines": {n: dag.get_task(n).python_callable() for n in ("measure", "alarm", "verdicts")},
    "emitted": {
        "first": emitted(a, []),
        "again": emitted(a, [a]),
        "after more readings": emitted(said("a", "sensitivity", reasons=("by more",)), [a]),
        "another figure": emitted(both, [a]),
        "again after it": emitted(both, [a, both]),
        "another ensemble": emitted(said("b", "sensitivity"), [a]),
        "of before it": emitted(a, [a, both]),
    },
    "tasks": {
        task.task_id: {
            "retries": task.retries,
            "after": sorted(task.upstream_task_ids),
            "outlets": [outlet.name for outlet in task.outlets],
        }
        for task in dag.tasks
    },
}
print("RESULT", json.dumps(about))
"""


@pytest.fixture(scope="module")
def described(tmp_path_factory) -> dict:
    said = python(tmp_path_factory.mktemp("airflow"), DESCRIBE, ROOT / "dags")
    return json.loads(said.rpartition("RESULT ")[2])


def test_it_runs_daily_and_when_something_was_scored_one_at_a_time(described):
    assert described["errors"] == {}
    assert (described["runs"], described["catchup"]) == (1, False)
    assert described["schedule"] == ["0 0 * * *", workflow.SCORED]
    assert described["defaults"] == {"results": "data/scored", "output": "data/monitor"}


def test_alarm_and_retraining_are_beside_each_other_after_the_announcement(described):
    tasks = described["tasks"]
    assert tasks["announce"] == {
        "retries": 0, "after": ["measure"], "outlets": [workflow.MONITORED],
    }  # fmt: skip
    assert tasks["alarm"] == {"retries": 0, "after": ["announce"], "outlets": []}
    assert tasks["verdicts"] == {"retries": 2, "after": ["announce"], "outlets": []}
    assert tasks["retrain"] == {
        "retries": 0, "after": ["verdicts"], "outlets": [workflow.RETRAIN_WANTED],
    }  # fmt: skip


def test_a_training_is_wanted_once_for_an_ensemble_and_what_fell(described):
    emitted = described["emitted"]
    assert emitted["first"] == {
        "model": "a", "version": 1, "fell": ["sensitivity"], "reasons": ["because"],
    }  # fmt: skip
    assert emitted["another figure"]["fell"] == ["sensitivity", "specificity"]
    assert emitted["another ensemble"]["model"] == "b"
    assert emitted["of before it"]["fell"] == ["sensitivity"]
    for case in ("again", "after more readings", "again after it"):
        assert emitted[case].endswith("; exit 99"), case


FAKE = """#!/bin/sh
echo '{"level": "alarm"}'
exit $CODE
"""


@pytest.mark.parametrize(("code", "end"), [(0, 0), (4, 0), (1, 1), (2, 2), (130, 130)])
def test_an_alarm_is_no_failure_of_the_measuring_and_a_fault_is(described, tmp_path, code, end):
    (tmp_path / "results/shards").mkdir(parents=True)
    (tmp_path / "pneumo").write_text(FAKE)
    (tmp_path / "pneumo").chmod(0o755)
    path = {
        "PATH": f"{tmp_path}:/usr/bin:/bin",
        "CODE": str(code),
        "RESULTS": "results",
        "OUT": "m",
    }
    line = described["lines"]["measure"]
    done = subprocess.run(["bash", "-c", line], cwd=tmp_path, env=path, capture_output=True)
    assert done.returncode == end
    assert json.loads(done.stdout.splitlines()[-1])["level"] == "alarm"


def test_without_results_the_measuring_is_skipped(described, tmp_path):
    given = {"RESULTS": "results", "OUT": "m", "PATH": "/usr/bin:/bin"}
    line = described["lines"]["measure"]
    assert subprocess.run(["bash", "-c", line], cwd=tmp_path, env=given).returncode == 99


def test_a_parameter_never_becomes_a_word_of_the_shell(described):
    for line in described["lines"].values():
        assert "{{" not in line
        assert '"$OUT"' in line


def test_the_commands_of_the_tasks_exist():
    import pneumo.cli.app  # puts the commands around readers into the group
    from pneumo.cli.commands.monitor import app

    assert pneumo.cli.app.app
    known = {command.callback.__name__ for command in app.registered_commands}
    text = (ROOT / "dags/pneumonia_monitor.py").read_text()
    assert set(re.findall(r"'pneumo monitor (\w+) ", text)) == {"run", "show", "retrain"} <= known
