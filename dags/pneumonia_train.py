"""Trains the ensemble, judges it on people it has never seen, and promotes it when it is better.

Every task is one shell line in the workspace: mostly a stage of `dvc.yaml`, which does nothing
when its inputs are unchanged, so a second run takes seconds. The parameter `recipe` installs one
of the files in `recipes/` as `params.yaml`; `params.yaml` keeps what is there. The networks train
in the pool `gpu`, one slot per training at a time. Own data in place of the demo's: set
`data.root`. With `promotion.approval: required` the run waits on the page "Required Actions" for a
person, who says yes or no and why; both are recorded as tags of the version. Whoever leaves the
reason blank is asked again. The answer is about the champion that was shown: if another one leads
by then, the task `answer` fails and says so; clear `promote` and what follows to be asked again.
A new champion scores at once, in what its promotion compared; `quantise` offers int8 beside it,
which scoring takes where it agrees. Without the extra `int8` it is skipped, and says so.
"""

import json
from datetime import timedelta
from pathlib import Path
from typing import Any

from airflow.sdk import Asset, Param, XComArg, chain, dag, task

from pneumo import workflow
from pneumo.workflow.retries import DEFAULTS

WORKSPACE = Path(__file__).parents[1]
TRAININGS = [f"train_{model}" for model in workflow.models(WORKSPACE)]
STAGES = ["settings", "demo", "validate", "prepare", *TRAININGS, "tune", "evaluate"]
HANDED = workflow.handing_on(STAGES)
TRIES = HANDED.get("retries", 0)
GIVEN = HANDED.get("env", {})


def shell(task_id: str, line: str, hours: float = 6, **options: Any) -> XComArg:
    """A task that runs one shell line in the workspace; exit code 99 skips it."""
    limit = timedelta(hours=hours)

    @task.bash(task_id=task_id, cwd=str(WORKSPACE), execution_timeout=limit, **options)
    def run() -> str:
        return line

    return run()


def train(model: str) -> XComArg:
    """The task of one network: long, on a GPU of its own, tried again after an accident."""
    line = workflow.stage(f"train@{model}")
    again = {"retries": TRIES or 1, "retry_delay": timedelta(seconds=5)}
    return shell(f"train_{model}", line, hours=48, **again, **workflow.on_gpu())


def asked() -> list[Any]:
    """The tasks that let a person decide; they are skipped when the gate has decided already."""
    from pneumo.workflow.asking import ASK_AGAIN, REASON, Question

    said = "ti.xcom_pull(task_ids='approval')"
    verdict = "ti.xcom_pull(task_ids='waiting')"
    return [
        shell(
            "waiting",
            workflow.waiting(WORKSPACE),
            hours=0.1,
            env={"VERDICT": "{{ ti.xcom_pull(task_ids='promote') }}"},
            append_env=True,
            output_processor=json.loads,
        ),
        Question(
            task_id="approval",
            subject=f"Shall version {{{{ {verdict}['version'] }}}} become champion in the place of "
            f"{{{{ {verdict}['against'] }}}}?",
            body=f"{{% for rule in {verdict}['reasons'] %}}- {{{{ rule }}}}\n{{% endfor %}}",
            options=["promote", "reject"],
            params={REASON: Param("", type="string", title="Why", description="Needed, recorded")},
            response_timeout=timedelta(days=7),
            retries=5,
            retry_policy=ASK_AGAIN,
        ),
        shell(
            "answer",
            workflow.answer(),
            hours=6,
            retries=TRIES or 1,
            env=GIVEN
            | {
                "ANSWER": f"{{{{ {said}['chosen_options'][0] }}}}",
                "CHAMPION": f"{{{{ {verdict}['against'] }}}}",
                "VERSION": f"{{{{ {verdict}['version'] }}}}",
                "WHY": f"{{{{ {said}['params_input']['{REASON}'] }}}}",
                "WHO": f"{{{{ {said}['responded_by_user']['name'] }}}}",
            },
            append_env=True,
        ),
    ]


@dag(
    dag_id="pneumonia_train",
    schedule=None,
    catchup=False,
    max_active_runs=1,
    params={"recipe": Param("params.yaml", enum=["params.yaml", *workflow.RECIPES])},
    default_args={
        **DEFAULTS,
        **HANDED,
    },
    doc_md=__doc__,
    tags=["pneumo"],
)
def pneumonia_train() -> None:
    """Order, pool, retries and limits; the work itself is in `dvc.yaml` and `pneumo`."""
    asks = workflow.must_approve(WORKSPACE)
    answered = "ti.xcom_pull(task_ids='promote')"
    if asks:
        answered = f"ti.xcom_pull(task_ids='answer') or {answered}"
    again = {"hours": 6, "retries": 2 * TRIES or 1}
    chain(
        shell("settings", workflow.use_recipe("{{ params.recipe }}"), hours=0.1),
        shell("demo", workflow.demo_data()),
        shell("validate", workflow.stage("validate"), trigger_rule="none_failed"),
        shell("prepare", workflow.stage("prepare")),
        [train(model) for model in workflow.models(WORKSPACE)],
        shell("tune", workflow.stage("tune")),
        shell("evaluate", workflow.stage("evaluate")),
        *([shell("lock", workflow.finish(), hours=0.5)] if workflow.own_clones() else []),
        shell("promote", f'verdict=$({workflow.command("promote")}) && echo "$verdict"', **again),
        *(asked() if asks else []),
        shell(
            "champion",
            '[ "$VERDICT" = promoted ] || exit 99',
            hours=0.1,
            trigger_rule="none_failed" if asks else "all_success",
            env={"VERDICT": f"{{{{ {answered} }}}}"},
            append_env=True,
            outlets=[Asset(workflow.CHAMPION)],
        ),
        shell(
            "quantise",
            workflow.command("registry quantise champion --if-offered"),
            **again | {"hours": 6},
        ),
    )


pneumonia_train()
