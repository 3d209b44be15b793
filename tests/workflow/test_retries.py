"""Airflow's own operator runs a shell line; what its failure means for another try."""

import pytest
from airflow.exceptions import AirflowException
from airflow.providers.standard.operators.bash import BashOperator
from airflow.sdk import RetryAction, RetryDecision

from pneumo.workflow.retries import AccidentsOnly


def decision_after(line: str) -> RetryDecision:
    with pytest.raises(AirflowException) as failed:
        BashOperator(task_id="some", bash_command=line).execute({})
    return AccidentsOnly().evaluate(failed.value, try_number=1, max_tries=3)


def test_a_mistake_is_not_tried_again():
    found = decision_after("exit 2")
    assert found.action == RetryAction.FAIL
    assert found.reason


@pytest.mark.parametrize("line", ["exit 1", "exit 12", "exit 255", "kill -9 $$"])
def test_an_accident_is(line):
    assert decision_after(line).action == RetryAction.DEFAULT
