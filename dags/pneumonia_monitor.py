"""Looks at what was scored, every day and whenever something was: does it still look as it did?

`measure` judges each closed window once and writes `data/monitor/index.html`; `announce` emits the
Asset `pneumonia-monitored`, whose event has the level, one sentence and what moved, and names
nobody. Where an MLflow server is named, `measure` keeps the head of the audit trail there. Then,
beside each other: `alarm` fails while the light is an alarm, and is not tried again, so that
whatever Airflow notifies of failed tasks tells somebody; `verdicts` counts the readers' labels
there are, from which alone a training can be wanted, and `retrain` emits the Asset
`pneumonia-retrain-wanted` with the reasons: once for an ensemble and what fell, again when another
figure falls. Else both are skipped. A failed task emits no Asset, so alarm and training are
separate. Without results the run is skipped.
To train on the Asset, give `pneumonia_train` the schedule `[Asset(workflow.RETRAIN_WANTED)]`.
"""

import json
from datetime import timedelta
from pathlib import Path
from typing import Any

from airflow.sdk import Asset, AssetOrTimeSchedule, CronTriggerTimetable, Param, dag, task

from pneumo import workflow
from pneumo.workflow.retries import DEFAULTS

WORKSPACE = Path(__file__).parents[1]
MONITORED = Asset(workflow.MONITORED)
RETRAIN_WANTED = Asset(workflow.RETRAIN_WANTED)
TOLD = ("model", "version", "fell", "reasons")
GIVEN = {"RESULTS": "{{ params.results }}", "OUT": "{{ params.output }}"}
HERE: dict[str, Any] = {"cwd": str(WORKSPACE), "env": GIVEN, "append_env": True}


@task.bash(retries=2, execution_timeout=timedelta(hours=1), **HERE)
def measure() -> str:
    """Judge closed windows; the last line is JSON with the level. An alarm is no failure here."""
    return (
        '[ -d "$RESULTS/shards" ] || { echo "nothing was scored yet"; exit 99; }; '
        'pneumo monitor run --json --out "$OUT" -- "$RESULTS" || '
        "{ code=$?; [ $code -eq 4 ] || exit $code; }"
    )


@task(outlets=[MONITORED])
def announce(measured: Any, outlet_events: Any = None) -> None:
    """Emit the Asset with what was measured."""
    outlet_events[MONITORED].extra = json.loads(measured)


@task.bash(retries=0, execution_timeout=timedelta(minutes=10), **HERE)
def alarm() -> str:
    """Fail, with the sentence in the log, while the light is an alarm."""
    return 'pneumo monitor show --out "$OUT"'


@task.bash(retries=2, execution_timeout=timedelta(minutes=30), **HERE)
def verdicts() -> str:
    """Count the readers' verdicts there are; the last line is JSON. Skipped: they want nothing."""
    return 'pneumo monitor retrain --json --results "$RESULTS" --out "$OUT"'


@task.bash(inlets=[RETRAIN_WANTED], outlets=[RETRAIN_WANTED], **HERE)
def retrain(wanted: Any, inlet_events: Any = None, outlet_events: Any = None) -> str:
    """Emit the Asset with the reasons, once for an ensemble and what fell; else skip."""
    said = json.loads(wanted)
    outlet_events[RETRAIN_WANTED].extra = {name: said[name] for name in TOLD}
    for before in inlet_events[RETRAIN_WANTED].ascending(False).limit(1):
        known = before.extra or {}
        if all(known.get(name) == said[name] for name in ("model", "fell")):
            return "echo 'this was said already'; exit 99"
    return "true"


@dag(
    dag_id="pneumonia_monitor",
    schedule=AssetOrTimeSchedule(
        timetable=CronTriggerTimetable("@daily", timezone="UTC"),
        assets=[Asset(workflow.SCORED)],
    ),
    catchup=False,
    max_active_runs=1,
    params={
        "results": Param("data/scored", type="string", minLength=1, description="What is scored"),
        "output": Param("data/monitor", type="string", minLength=1, description="A folder"),
    },
    default_args={
        **DEFAULTS,
        "execution_timeout": timedelta(hours=1),
    },
    doc_md=__doc__,
    tags=["pneumo"],
)
def pneumonia_monitor() -> None:
    """Order, retries and limits; the work itself is in `pneumo`."""
    measured = measure()
    announced = announce(measured)
    wanted = verdicts()
    announced >> [alarm(), wanted]
    retrain(wanted)


pneumonia_monitor()
