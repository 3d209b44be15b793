"""Brings findings to the radiologist: what is new in the PACS is fetched, scored, and sent back.

Every minute, one run at a time: `poll` asks what is new, `fetch` brings it here, `score` and
`write` make a report and an overlay of each radiograph, `send` stores them in the patient's study,
`confirm` reads them back and compares. Each step goes on from what the ledger says, so a run that
was killed, or whose PACS was away, costs a minute. What a person must decide is listed by
`pneumo pacs status`, and fails no run. The DAG is paused until a site has a `pacs.yaml`
(docs/pacs.md) and somebody unpauses it; without the file a run is skipped. The ledger is a file, so
all tasks run where it is: under Celery on the worker of the queue `pacs`.
"""

import json
from datetime import timedelta
from pathlib import Path
from typing import Any

from airflow.sdk import Asset, CronTriggerTimetable, Param, XComArg, chain, dag, task

from pneumo import workflow
from pneumo.workflow.retries import DEFAULTS

WORKSPACE = Path(__file__).parents[1]
PEERS = "File of the peers, relative to the workspace; blank: $PNEUMO_PACS, or pacs.yaml"
FETCHED = "ti.xcom_pull(task_ids='fetch')"
GIVEN = {
    "PEERS": "{{ params.peers }}",
    "MODEL": "{{ params.model }}",
    "SECONDARY": "{{ params.secondary }}",
    "TO_SCORE": f"{{{{ ({FETCHED} or {{}}).get('to_score', 0) }}}}",
    "FOLDER": f"{{{{ ({FETCHED} or {{}}).get('folder', '') }}}}",
    "CONFIRMED": "{{ (ti.xcom_pull(task_ids='confirm') or {}).get('confirmed', 0) }}",
}
IS_THERE = (
    '[ -e "${PEERS:-${PNEUMO_PACS:-pacs.yaml}}" ] || '
    '{ echo "no PACS is set up: docs/pacs.md says how"; exit 99; }'
)
SOME_WAIT = '[ "$TO_SCORE" != 0 ] || exit 99'


def pacs(words: str) -> str:
    """A command of ``pneumo pacs`` about the site of this run."""
    return f'pneumo pacs {words} ${{PEERS:+--peers "$PEERS"}}'


def step(task_id: str, line: str, minutes: float = 30, **options: Any) -> XComArg:
    """A task that runs one shell line in the workspace; exit code 99 skips it."""
    options = {"pool": workflow.PACS_POOL, "trigger_rule": "none_failed", **options}
    limit = timedelta(minutes=minutes)

    @task.bash(
        task_id=task_id, cwd=str(WORKSPACE), env=GIVEN, append_env=True,
        queue=workflow.PACS_QUEUE, execution_timeout=limit, **options,
    )  # fmt: skip
    def run() -> str:
        return f"{IS_THERE}; {line}"

    return run()


@dag(
    dag_id="pneumonia_pacs",
    schedule=CronTriggerTimetable("* * * * *", timezone="UTC"),
    catchup=False,
    max_active_runs=1,
    is_paused_upon_creation=True,
    params={
        "peers": Param("", type="string", description=PEERS),
        "model": Param(workflow.CHAMPION_MODEL, type="string", pattern=workflow.MODEL_PATTERN),
        "secondary": Param("none", enum=["none", "positive", "all"], description="Pictures too"),
    },
    default_args=DEFAULTS,
    doc_md=__doc__,
    tags=["pneumo"],
)
def pneumonia_pacs() -> None:
    """Order, pools and limits; the work itself is in `pneumo`."""
    score = 'pneumo score --model "$MODEL" -- "$FOLDER/radiographs" "$FOLDER/results"'
    write = (
        f'pneumo dicom write --secondary "$SECONDARY" --predecessors <({pacs("sent")}) '
        '-- "$FOLDER/results" "$FOLDER/objects"'
    )
    # A source that is away has failed `poll`; what waits is scored and sent all the same.
    fetch = f"{pacs('fetch')} || {{ code=$?; [ $code = 1 ] || exit $code; echo '{{}}'; }}"
    publish = f'{pacs("status")}; [ "$CONFIRMED" != 0 ] || exit 99; {pacs("status --json")}'
    chain(
        step("poll", pacs("poll"), trigger_rule="all_success"),
        step("fetch", fetch, trigger_rule="all_done", output_processor=json.loads),
        step(
            "score",
            f"{SOME_WAIT}; {workflow.but_for_some(score)}; {pacs('record')}",
            minutes=360,
            pool=workflow.SCORING_POOL,
            trigger_rule="all_success",
        ),
        step("write", f"{SOME_WAIT}; {workflow.but_for_some(write)}; {pacs('record')}"),
        step("send", workflow.but_for_some(pacs("send"))),
        step("confirm", workflow.but_for_some(pacs("confirm")), output_processor=json.loads),
        step("publish", publish, outlets=[Asset(workflow.IN_PACS)]),
    )


pneumonia_pacs()
