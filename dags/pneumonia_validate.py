"""Checks the data every day and by hand, publishes the report, and announces data that are valid.

`validate` is the stage of `dvc.yaml`: it does nothing when data and rules are unchanged. A critical
failure fails it with the reasons in its log, and nothing after it runs; warnings stand in the log
and in the Data Docs. The last task emits the Asset `pneumonia-valid-data`, whose event carries the
data's hash and counts. To train on it, give `pneumonia_train` the schedule
`[Asset(workflow.VALID_DATA)]`.
"""

import json
from datetime import timedelta
from pathlib import Path
from typing import Any

from airflow.sdk import Asset, XComArg, chain, dag, task

from pneumo import workflow
from pneumo.workflow.retries import AccidentsOnly

WORKSPACE = Path(__file__).parents[1]
VALID_DATA = Asset(workflow.VALID_DATA)
HANDED = workflow.handing_on(["settings", "demo", "validate"])


def shell(task_id: str, line: str, hours: float = 6, **options: Any) -> XComArg:
    """A task that runs one shell line in the workspace; exit code 99 skips it."""
    limit = timedelta(hours=hours)

    @task.bash(task_id=task_id, cwd=str(WORKSPACE), execution_timeout=limit, **options)
    def run() -> str:
        return line

    return run()


@task.bash(outlets=[VALID_DATA], execution_timeout=timedelta(minutes=6), cwd=str(WORKSPACE))
def valid_data(facts: Any, outlet_events: Any = None) -> str:
    """Emit the Asset with what ``publish`` printed last."""
    outlet_events[VALID_DATA].extra = json.loads(facts)
    return "pneumo settings data.root"


@dag(
    dag_id="pneumonia_validate",
    schedule="@daily",
    catchup=False,
    max_active_runs=1,
    default_args={"retries": 0, "retry_policy": AccidentsOnly(), **HANDED},
    doc_md=__doc__,
    tags=["pneumo"],
)
def pneumonia_validate() -> None:
    """Order and limits; the work itself is in `dvc.yaml` and `pneumo`."""
    published = shell("publish", workflow.command("publish"), hours=0.5)
    begun = [shell("settings", workflow.use_recipe("params.yaml"), hours=0.1)] if HANDED else []
    chain(
        *begun,
        shell("demo", workflow.demo_data()),
        shell("validate", workflow.stage("validate"), trigger_rule="none_failed"),
        published,
        valid_data(published),
    )


pneumonia_validate()
