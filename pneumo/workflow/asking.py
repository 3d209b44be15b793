"""How a DAG asks a person who has to say why; imported where one is asked alone.

Airflow checks a form's fields against their schema, and their defaults, too, before the question is
put; so a field that starts blank can only be refused when the answer is there.
"""

from collections.abc import Mapping
from typing import Any

from airflow.providers.standard.exceptions import HITLTimeoutError
from airflow.providers.standard.operators.hitl import HITLOperator
from airflow.sdk import ExceptionRetryPolicy, RetryAction, RetryRule

REASON = "because"
"""The field of the form that must not be blank."""


class Question(HITLOperator):
    """Asks a person on Airflow's page, who must fill in the field ``because``."""

    def validate_params_input(self, params_input: Mapping[str, Any]) -> None:
        """Raise ValueError without a reason; then the task's next try asks again."""
        super().validate_params_input(params_input)
        if not str(params_input.get(REASON) or "").strip():
            raise ValueError(
                "the answer gives no reason, which is needed and recorded; asked again"
            )


ASK_AGAIN = ExceptionRetryPolicy(
    [RetryRule(HITLTimeoutError, RetryAction.FAIL, reason="nobody answered in time")]
)
"""Asks a person again whose answer cannot be used, as without a reason; not one who is away."""
