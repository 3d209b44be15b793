"""Which failures of a task Airflow tries again; imported by DAG files alone.

DVC ends with a code of its own, whatever that of a stage was: `pneumo task` reads the stage's,
`dvc repro` in one workspace does not.
"""

from datetime import timedelta
from typing import Any

from airflow.sdk import Context, RetryDecision, RetryPolicy

MISTAKE = "exit code 2."
"""How Airflow's message ends when a shell line was told something that it cannot do."""


class AccidentsOnly(RetryPolicy):
    """Tries again what an accident ended; a user's mistake stays one, however often it is tried."""

    def evaluate(
        self,
        exception: BaseException,
        try_number: int,
        max_tries: int,
        context: Context | None = None,
    ) -> RetryDecision:
        """Fail at once after exit code 2, whatever the number of the try."""
        if str(exception).endswith(MISTAKE):
            return RetryDecision.fail("a mistake that another try would repeat; see above")
        return RetryDecision.default()


DEFAULTS: dict[str, Any] = {
    "retries": 0,
    "retry_policy": AccidentsOnly(),
    "retry_delay": timedelta(seconds=10),
}
"""The ``default_args`` of a DAG, beside its own."""
