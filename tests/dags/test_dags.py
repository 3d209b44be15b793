"""The DAG files: light to read, in DVC's order, with the pools and limits that long work needs."""

import json
import os
import re
import shutil
import subprocess
import sys
from itertools import pairwise
from pathlib import Path

import pytest
import yaml

from pneumo import workflow

pytestmark = pytest.mark.slow

ROOT = Path(__file__).parents[2]
HEAVY = ("tensorflow", "keras", "mlflow", "great_expectations", "pandas", "numpy", "pydicom", "dvc")

MODULES = "import runpy, sys; runpy.run_path(sys.argv[1]); print(*sys.modules)"

DESCRIBE = """
import json, sys
from airflow.dag_processing.dagbag import DagBag
from airflow.serialization.serialized_objects import DagSerialization

bag = DagBag(sys.argv[1])
kept = json.loads(json.dumps(DagSerialization.to_dict(bag.dags["pneumonia_train"])))
scheduled = {task.task_id: task for task in DagSerialization.from_dict(kept).tasks}
tasks = {
    task.task_id: {
        "line": task.python_callable(),
        "cwd": task.cwd,
        "pool": task.pool,
        "queue": task.queue,
        "pod": scheduled[task.task_id].executor_config,
        "handed": (task.env or {}).get("PNEUMO_HANDED", ""),
        "retries": task.retries,
        "policy": type(task.retry_policy).__name__,
        "hours": task.execution_timeout.total_seconds() / 3600,
        "rule": task.trigger_rule.value,
        "after": sorted(task.upstream_task_ids),
        "outlets": [outlet.name for outlet in task.outlets],
    }
    for task in bag.dags["pneumonia_train"].tasks
}
dag = bag.dags["pneumonia_train"]
about = {"runs": dag.max_active_runs, "catchup": dag.catchup, "doc": dag.doc_md}
about["recipes"] = dag.params.get_param("recipe").schema["enum"]
daily = bag.dags["pneumonia_validate"]
about["daily"] = {
    "schedule": str(daily.schedule),
    "runs": daily.max_active_runs,
    "doc": daily.doc_md,
    "tasks": {
        task.task_id: {
            "line": task.python_callable() if not task.outlets else "",
            "retries": task.retries,
            "hours": task.execution_timeout.total_seconds() / 3600,
            "rule": task.trigger_rule.value,
            "after": sorted(task.upstream_task_ids),
            "outlets": [outlet.name for outlet in task.outlets],
        }
        for task in daily.tasks
    },
}
print("RESULT", json.dumps({"errors": bag.import_errors, "tasks": tasks, "dag": about}))
"""


def python(home: Path, program: str, *arguments: Path, **more: str) -> str:
    """What a fresh interpreter prints, with an Airflow home of its own."""
    variables = {
        "PNEUMO_EXCHANGE": "",
        workflow.GPU_POD: "",
        **more,
        "AIRFLOW_HOME": str(home),
        "AIRFLOW__CORE__LOAD_EXAMPLES": "False",
        "AIRFLOW__DATABASE__SQL_ALCHEMY_CONN": f"sqlite:///{home}/airflow.db",
    }
    command = [sys.executable, "-c", program, *map(str, arguments)]
    return subprocess.check_output(command, env=os.environ | variables, text=True, cwd=home)


@pytest.fixture(scope="module")
def parsed(tmp_path_factory) -> dict:
    printed = python(tmp_path_factory.mktemp("airflow"), DESCRIBE, ROOT / "dags")
    return json.loads(printed.rpartition("RESULT ")[2])


@pytest.fixture
def tasks(parsed) -> dict[str, dict]:
    return parsed["tasks"]


@pytest.mark.parametrize("file", sorted((ROOT / "dags").glob("*.py")), ids=lambda f: f.name)
def test_reading_a_dag_file_loads_nothing_heavy(file, tmp_path):
    loaded = {name.partition(".")[0] for name in python(tmp_path, MODULES, file).split()}
    assert "airflow" in loaded
    assert not loaded.intersection(HEAVY)


@pytest.mark.parametrize("file", sorted((ROOT / "dags").glob("*.py")), ids=lambda f: f.name)
def test_a_dag_file_imports_the_sdk_the_standard_library_and_what_is_made_for_it(file):
    imported = re.findall(r"^\s*(?:from|import) (\S+)(?: import (\w+))?", file.read_text(), re.M)
    foreign = {module for module, _ in imported if module not in sys.stdlib_module_names}
    assert foreign <= {"airflow.sdk", "pneumo", "pneumo.workflow.asking", "pneumo.workflow.retries"}
    assert {name for module, name in imported if module == "pneumo"} <= {"workflow"}


def test_airflow_reads_all_dags_without_errors(parsed):
    assert parsed["errors"] == {}


def test_one_run_at_a_time_of_any_recipe(parsed):
    assert parsed["dag"]["runs"] == 1
    assert parsed["dag"]["catchup"] is False
    assert parsed["dag"]["doc"].startswith("Trains the ensemble")
    assert parsed["dag"]["recipes"] == ["params.yaml", *workflow.RECIPES]


def test_data_are_validated_daily_published_and_announced_with_their_facts(parsed):
    daily = parsed["dag"]["daily"]
    assert (daily["schedule"], daily["runs"]) == ("@daily", 1)
    assert "every day" in daily["doc"]
    tasks = daily["tasks"]
    assert stage_of(tasks["validate"]["line"]) == "validate"
    assert tasks["publish"]["line"] == "pneumo publish"
    assert tasks["valid_data"]["outlets"] == [workflow.VALID_DATA]
    assert ancestors(tasks, "valid_data") == {"demo", "validate", "publish"}


def test_nothing_goes_on_after_data_that_are_not_valid(parsed):
    tasks = parsed["dag"]["daily"]["tasks"]
    rules = {name: task["rule"] for name, task in tasks.items()}
    assert rules.pop("validate") == "none_failed"
    assert set(rules.values()) == {"all_success"}
    assert {task["retries"] for task in tasks.values()} == {0}
    assert all(0 < task["hours"] <= 6 for task in tasks.values())


def test_each_network_trains_in_the_gpu_pool_and_is_tried_again(tasks):
    trainings = {name: task for name, task in tasks.items() if name.startswith("train_")}
    assert list(trainings) == [f"train_{model}" for model in workflow.models(ROOT)]
    for task in trainings.values():
        assert (task["pool"], task["retries"], task["hours"]) == ("gpu", 1, 48)


def test_work_that_fails_by_a_users_mistake_is_not_tried_again(tasks):
    again = {name for name, task in tasks.items() if task["retries"]}
    assert again == {name for name in tasks if name.startswith("train_")} | {"promote", "quantise"}


def test_every_task_has_a_limit_and_runs_in_the_workspace(tasks):
    assert all(0 < task["hours"] <= 48 for task in tasks.values())
    assert {task["cwd"] for task in tasks.values()} == {str(ROOT)}


def test_validation_goes_on_when_the_demo_is_skipped(tasks):
    assert tasks["validate"]["rule"] == "none_failed"
    assert "exit 99" in tasks["demo"]["line"]


def test_a_new_champion_is_announced_and_nobody_waits_for_int8(tasks):
    assert tasks["champion"]["outlets"] == [workflow.CHAMPION]
    assert tasks["champion"]["after"] == ["promote"]
    assert (tasks["quantise"]["after"], tasks["quantise"]["outlets"]) == (["champion"], [])


@pytest.mark.parametrize(
    ("precision", "missing", "told"),
    [
        ("auto", True, "int8 is not offered: it needs NNCF here; install pneumo[int8]"),
        ("float32", False, "int8 is not offered: score.precision is float32"),
    ],
)
def test_the_task_of_int8_is_skipped_where_it_is_not_offered(
    tasks, tmp_path, precision, missing, told
):
    shutil.copyfile(ROOT / "dvc.yaml", tmp_path / "dvc.yaml")
    params = yaml.safe_load((ROOT / "params.yaml").read_text())
    params["score"]["precision"] = precision
    (tmp_path / "params.yaml").write_text(yaml.safe_dump(params))
    environment = os.environ | {"PATH": f"{Path(sys.executable).parent}:{os.environ['PATH']}"}
    if missing:  # as where the extra is not installed
        hidden = "import importlib.util as u; f = u.find_spec\n"
        hidden += "u.find_spec = lambda name, *a: None if name == 'nncf' else f(name, *a)\n"
        (tmp_path / "sitecustomize.py").write_text(hidden)
        environment["PYTHONPATH"] = str(tmp_path)
    line = ["bash", "-c", tasks["quantise"]["line"]]
    done = subprocess.run(line, env=environment, capture_output=True, text=True, cwd=tmp_path)
    assert (done.returncode, done.stdout.splitlines()) == (99, [told]), done.stderr


APPROVAL = """
import json, sys
from airflow.dag_processing.dagbag import DagBag

bag = DagBag(sys.argv[1])
dag = bag.dags["pneumonia_train"]
asks = dag.task_dict["approval"]
lines = {n: t.python_callable() for n, t in dag.task_dict.items() if n != "approval"}

from datetime import datetime, UTC
from airflow.providers.standard.exceptions import HITLTimeoutError
from airflow.sdk.definitions.param import process_params
from airflow.serialization.serialized_objects import DagSerialization

def answered(**params):
    event = {"chosen_options": ["promote"], "params_input": params,
             "responded_at": datetime.now(UTC), "responded_by_user": {"id": "1", "name": "Ada"}}
    try:
        return asks.execute_complete({}, event)["params_input"]
    except Exception as error:
        again = asks.retry_policy.evaluate(error, 1, 5).action.value
        return [type(error).__name__, again]

form = json.loads(json.dumps(asks.serialized_params))
process_params(dag, asks, {}, suppress_exception=False)
DagSerialization.to_dict(dag)
answers = {text: answered(because=text) for text in ("", " ", "  \\n", "misses less")}
answers |= {"null": answered(because=None), "no field": answered()}
error = HITLTimeoutError({"error": "late", "error_type": "timeout"})
late = asks.retry_policy.evaluate(error, 1, 5)
print("RESULT", json.dumps({
    "errors": bag.import_errors,
    "lines": lines,
    "after": {n: sorted(t.upstream_task_ids) for n, t in dag.task_dict.items()},
    "env": dag.task_dict["answer"].env,
    "options": asks.options,
    "days": asks.response_timeout.days,
    "subject": asks.subject,
    "answers": answers,
    "late": late.action.value,
    "form": form,
    "retries": asks.retries,
    "rule": dag.task_dict["champion"].trigger_rule.value,
}))
"""


@pytest.fixture(scope="module")
def approval(tmp_path_factory) -> dict:
    """The DAG of a workspace whose params.yaml says ``promotion.approval: required``."""
    home = tmp_path_factory.mktemp("required")
    shutil.copytree(ROOT / "dags", home / "dags")
    shutil.copyfile(ROOT / "dvc.yaml", home / "dvc.yaml")
    params = (ROOT / "params.yaml").read_text()
    assert "approval: none" in params
    (home / "params.yaml").write_text(params.replace("approval: none", "approval: required"))
    printed = python(home, APPROVAL, home / "dags")
    return json.loads(printed.rpartition("RESULT ")[2])


def test_where_approval_is_required_a_person_is_asked_before_the_champion_changes(approval):
    assert approval["errors"] == {}
    order = ["promote", "waiting", "approval", "answer", "champion", "quantise"]
    for before, after in pairwise(order):
        assert approval["after"][after] == [before]
    assert (approval["options"], approval["days"]) == (["promote", "reject"], 7)
    assert approval["rule"] == "none_failed"  # nobody is asked where the gate said no


def test_a_blank_reason_is_asked_for_again_and_a_person_who_is_away_is_not(approval):
    assert list(approval["form"]) == ["because"]
    for blank in ("", " ", "  \n"):
        assert approval["answers"][blank] == ["ValueError", "default"], blank
    assert approval["answers"]["no field"] == ["ValueError", "default"]
    assert approval["answers"]["null"] == ["ParamValidationError", "default"]
    assert approval["answers"]["misses less"] == {"because": "misses less"}
    assert (approval["retries"], approval["late"]) == (5, "fail")


def test_a_person_sees_which_champion_would_be_replaced(approval):
    assert "in the place of" in approval["subject"]
    assert "['against']" in approval["subject"]


def test_without_approval_nobody_is_asked(tasks):
    assert not {"waiting", "approval", "answer"} & set(tasks)


def test_what_a_person_writes_reaches_the_command_as_data(approval, tmp_path):
    assert set(approval["env"]) == {"ANSWER", "CHAMPION", "VERSION", "WHY", "WHO"}
    why = "$(touch hacked); `touch hacked`\" --by=me 'x"
    fake = tmp_path / "pneumo"
    fake.write_text('#!/bin/sh\nprintf "%s\\n" "$@"\n')
    fake.chmod(0o755)
    said = {}
    for answer in ("promote", "reject"):
        env = {
            "ANSWER": answer,
            "CHAMPION": "2",
            "VERSION": "3",
            "WHY": why,
            "WHO": "Ada",
            "PATH": f"{tmp_path}:/bin",
        }
        line = ["bash", "-c", approval["lines"]["answer"]]
        said[answer] = subprocess.check_output(line, env=env, text=True, cwd=tmp_path).splitlines()
    approve = ["approve", "3", "--by=Ada", "--against=2", f"--reason={why}"]
    assert said["promote"] == ["registry", *approve]
    assert said["reject"] == ["registry", "reject", "3", "--by=Ada", f"--because={why}"]
    assert not (tmp_path / "hacked").exists()


@pytest.mark.parametrize(("word", "code"), [("waiting", 0), ("kept", 99), ("promoted", 99)])
def test_a_person_is_asked_only_when_the_gate_waits(approval, tmp_path, word, code):
    (tmp_path / "reports").mkdir()
    verdict = {"version": "3", "reasons": ["held mAP"]}
    (tmp_path / "reports/promotion.json").write_text(json.dumps(verdict, indent=2))
    line = ["bash", "-c", approval["lines"]["waiting"]]
    done = subprocess.run(
        line, env={"VERDICT": word, "PATH": "/bin:/usr/bin"}, capture_output=True, cwd=tmp_path
    )
    assert done.returncode == code
    assert code or json.loads(done.stdout.decode().splitlines()[-1]) == verdict


@pytest.fixture(scope="module")
def cloned(tmp_path_factory) -> dict:
    """The DAGs of a cluster, where every task works in a clone of its own."""
    home = tmp_path_factory.mktemp("cluster")
    more = {"PNEUMO_EXCHANGE": "clones", workflow.GPU_POD: "/srv/pods/gpu.yaml"}
    printed = python(home, DESCRIBE, ROOT / "dags", **more)
    return json.loads(printed.rpartition("RESULT ")[2])


def test_in_a_cluster_every_stage_works_in_a_clone_and_takes_up_what_was_handed_on(cloned):
    assert cloned["errors"] == {}
    tasks = cloned["tasks"]
    assert tasks["settings"]["line"] == 'pneumo task start "{{ params.recipe }}"'
    stages = ["prepare", "tune", "evaluate", *(f"train@{m}" for m in workflow.models(ROOT))]
    for stage in ("validate", *stages):
        assert tasks[stage.replace("@", "_")]["line"] == f"pneumo task stage {stage}"
    assert "pneumo task run -- promote" in tasks["promote"]["line"]
    assert "dvc " not in " ".join(task["line"] for task in tasks.values())
    made = {"settings", "demo", "validate", *(stage.replace("@", "_") for stage in stages)}
    for name in (*made, "lock", "promote"):
        assert made == set(re.findall(r"'(\w+)'", tasks[name]["handed"])), name


def test_in_a_cluster_a_lost_machine_costs_a_try_of_any_task(cloned):
    retries = {name: task["retries"] for name, task in cloned["tasks"].items()}
    assert min(retries.values()) == 3
    assert cloned["tasks"]["lock"]["after"] == ["evaluate"]
    assert {task["retries"] for task in cloned["dag"]["daily"]["tasks"].values()} == {3}


def test_in_a_cluster_a_mistake_is_not_tried_again(cloned):
    assert {task["policy"] for task in cloned["tasks"].values()} == {"AccidentsOnly"}


def test_trainings_have_a_queue_of_their_own_and_one_workspace_has_no_exchange(tasks):
    queues = {name for name, task in tasks.items() if task["queue"] == workflow.GPU_QUEUE}
    assert queues == {f"train_{model}" for model in workflow.models(ROOT)}
    assert {task["handed"] for task in tasks.values()} == {""}
    for task in tasks.values():
        assert not re.search(r"pneumo task (start|stage|run|finish)", task["line"])


def test_trainings_alone_have_the_pod_that_the_site_names_for_them(cloned, tasks):
    trainings = {f"train_{model}" for model in workflow.models(ROOT)}
    for name, task in cloned["tasks"].items():
        named = {"pod_template_file": "/srv/pods/gpu.yaml"} if name in trainings else {}
        assert task["pod"] == named, name
    assert all(task["pod"] == {} for task in tasks.values())


def test_a_word_for_the_exchange_that_is_unknown_is_refused(monkeypatch):
    monkeypatch.setenv(workflow.EXCHANGE, "clone")
    with pytest.raises(ValueError, match="must be shared or clones"):
        workflow.stage("prepare")


def test_every_dvc_stage_is_one_task_in_dvcs_order(tasks):
    graph = subprocess.check_output([dvc(), "dag", "--dot"], cwd=ROOT, text=True)
    stages = {name: stage_of(task["line"]) for name, task in tasks.items()}
    task_of = {stage: name for name, stage in stages.items() if stage}
    assert set(task_of) == set(re.findall(r'^"([^"]+)";$', graph, re.M))
    for before, after in re.findall(r'^"([^"]+)" -> "([^"]+)";$', graph, re.M):
        assert task_of[before] in ancestors(tasks, task_of[after]), f"{before} before {after}"


def stage_of(line: str) -> str | None:
    """The DVC stage that a shell line brings up to date."""
    found = re.search(r"--single-item (\S+)$", line)
    return found[1] if found else None


def ancestors(tasks: dict[str, dict], name: str) -> set[str]:
    direct = set(tasks[name]["after"])
    return direct.union(*(ancestors(tasks, before) for before in direct))


def dvc() -> Path:
    return Path(sys.executable).parent / "dvc"
