"""A person is asked by a real Airflow until the answer has a reason."""

import time
from pathlib import Path

import pytest
from airflow.providers.standard.exceptions import HITLTimeoutError
from airflow.sdk import RetryAction

from pneumo import servers
from pneumo.servers import config
from pneumo.workflow.asking import ASK_AGAIN

DAG = """
from datetime import timedelta
from airflow.sdk import Param, chain, dag, task
from pneumo.workflow.asking import ASK_AGAIN, REASON, Question

@dag(schedule=None)
def asks():
    question = Question(
        task_id="approval",
        subject="Shall it?",
        options=["promote", "reject"],
        params={REASON: Param("", type="string")},
        retries=5,
        retry_delay=timedelta(seconds=1),
        retry_policy=ASK_AGAIN,
    )

    said = "ti.xcom_pull(task_ids='approval')['params_input']['because']"

    @task.bash(task_id="answer", env={"WHY": f"{{{{ {said} }}}}"})
    def answer():
        return 'echo "$WHY"'

    chain(question, answer())

asks()
"""
TASKS = "/dags/asks/dagRuns/run/taskInstances"
ANSWERS = [{}, {"because": ""}, {"because": " "}, {"because": "misses less"}]


def until(what, seconds: float = 180):
    deadline = time.monotonic() + seconds
    while not (found := what()):
        assert time.monotonic() < deadline, "waited too long"
        time.sleep(0.5)
    return found


@pytest.mark.parametrize(
    ("fault", "action"),
    [
        (HITLTimeoutError("nobody"), RetryAction.FAIL),
        (ValueError("the answer gives no reason"), RetryAction.DEFAULT),
    ],
)
def test_who_is_away_is_not_asked_again_and_who_gave_no_reason_is(fault, action):
    assert ASK_AGAIN.evaluate(fault, try_number=1, max_tries=5).action == action


@pytest.mark.slow
@pytest.mark.timeout(900)
def test_a_blank_reason_is_asked_for_again_until_there_is_one(tmp_path, monkeypatch):
    (tmp_path / "dags").mkdir()
    Path(tmp_path / "dags/asks.py").write_text(DAG)
    for name in config.DEFAULT_PORTS:
        monkeypatch.setenv(name, str(config.free_port()))
    try:
        with servers.up(tmp_path).airflow() as airflow:
            until(lambda: airflow.find("/dags/asks"))
            airflow.patch("/dags/asks", {"is_paused": False})
            airflow.post("/dags/asks/dagRuns", {"dag_run_id": "run", "logical_date": None})

            def waits(number: int):
                task = airflow.find(f"{TASKS}/approval")
                return task["state"] == "awaiting_input" and task["try_number"] == number

            for number, answer in enumerate(ANSWERS, start=1):
                until(lambda number=number: waits(number))
                time.sleep(2)  # nobody answers sooner; one answer of the same second ended no run
                body = {"chosen_options": ["promote"], "params_input": answer}
                airflow.patch(f"{TASKS}/approval/-1/hitlDetails", body)
            until(lambda: airflow.get("/dags/asks/dagRuns/run")["state"] in ("success", "failed"))
            assert airflow.get("/dags/asks/dagRuns/run")["state"] == "success"
            found = airflow.get(f"{TASKS}/answer/xcomEntries/return_value")
            assert found["value"] == "misses less"
    finally:
        servers.down(tmp_path)
