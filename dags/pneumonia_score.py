"""Scores the radiographs of an inbox every day, when there is a new champion, and by hand.

`plan` sums every file of `input` and divides what is not scored yet into tasks; each `score` task
does minutes of work in the pool `scoring` and may be tried again, since what is finished is kept;
`publish` reconciles all of them: files = scored + rejected. The last task emits the Asset
`pneumonia-scored`, whose event carries the place of the results and their counts. What an earlier
champion has scored stays as it is unless `rescore` is set. Without an inbox the run is skipped.
"""

import json
from datetime import timedelta
from pathlib import Path
from typing import Any

from airflow.sdk import (
    Asset,
    AssetOrTimeSchedule,
    CronTriggerTimetable,
    Param,
    dag,
    task,
)

from pneumo import workflow
from pneumo.workflow.retries import DEFAULTS

WORKSPACE = Path(__file__).parents[1]
SCORED = Asset(workflow.SCORED)
PLACE = "A file, a folder or a zip archive, relative to the workspace"
GIVEN = {
    "PLACE": "{{ params.input }}",
    "RESULTS": "{{ params.output }}",
    "MODEL": "{{ params.model }}",
    "RESCORE": "{{ '--rescore' if params.rescore else '' }}",
}
HERE: dict[str, Any] = {"cwd": str(WORKSPACE), "env": GIVEN, "append_env": True}


@task.bash(execution_timeout=timedelta(hours=2), **HERE)
def plan() -> str:
    """Divide the work; the last line is JSON with the number of tasks."""
    return (
        '[ -e "$PLACE" ] || { echo "$PLACE: there is no inbox"; exit 99; }; '
        'pneumo score-plan --model "$MODEL" $RESCORE -- "$PLACE" "$RESULTS"'
    )


@task
def numbers(planned: Any) -> list[int]:
    """One number per task that was planned."""
    return list(range(json.loads(planned)["tasks"]))


@task.bash(
    retries=2, execution_timeout=timedelta(hours=6),
    map_index_template="part {{ task.op_kwargs['number'] }}", **workflow.for_scoring(), **HERE,
)  # fmt: skip
def score(number: int) -> str:
    """Do one of the tasks."""
    return f'pneumo score-part -- "$RESULTS" {int(number)}'


@task.bash(trigger_rule="none_failed_min_one_success", execution_timeout=timedelta(hours=1), **HERE)
def publish() -> str:
    """Reconcile and write the tables; the last line is JSON with place and counts."""
    return 'pneumo score-publish -- "$RESULTS"'


@task(outlets=[SCORED])
def announce(published: Any, outlet_events: Any = None) -> None:
    """Emit the Asset with what was published."""
    outlet_events[SCORED].extra = json.loads(published)


@dag(
    dag_id="pneumonia_score",
    schedule=AssetOrTimeSchedule(
        timetable=CronTriggerTimetable("@daily", timezone="UTC"),
        assets=[Asset(workflow.CHAMPION)],
    ),
    catchup=False,
    max_active_runs=1,
    params={
        "input": Param("data/inbox", type="string", minLength=1, description=PLACE),
        "output": Param("data/scored", type="string", minLength=1, description="A folder"),
        "model": Param(workflow.CHAMPION_MODEL, type="string", pattern=workflow.MODEL_PATTERN),
        "rescore": Param(False, type="boolean", description="Also what an older model has scored"),
    },
    default_args={
        **DEFAULTS,
        "execution_timeout": timedelta(hours=1),
    },
    doc_md=__doc__,
    tags=["pneumo"],
)
def pneumonia_score() -> None:
    """Order, pool, retries and limits; the work itself is in `pneumo`."""
    planned = plan()
    published = publish()
    scored = score.expand(number=numbers(planned))
    [planned, scored] >> published
    announce(published)


pneumonia_score()
