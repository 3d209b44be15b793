"""What DAG files may import: the shell lines of the tasks, the networks, the names of assets.

Light on purpose: the standard library and PyYAML, since Airflow parses DAG files all the time.
"""

import os
from collections.abc import Sequence
from pathlib import Path
from typing import Any

CHAMPION = "pneumonia-champion"
"""Asset that changes when another ensemble becomes champion."""

VALID_DATA = "pneumonia-valid-data"
"""Asset that changes when data passed validation; its events carry their hash and counts."""

SCORED = "pneumonia-scored"
"""Asset that changes when radiographs were scored; its events carry their place and counts."""

IN_PACS = "pneumonia-in-pacs"
"""Asset that changes when objects of findings are in the PACS, read back and found the same."""
MONITORED = "pneumonia-monitored"
"""Asset that changes when what was scored was looked at; its events carry the level and why."""

RETRAIN_WANTED = "pneumonia-retrain-wanted"
"""Asset that changes when readers' labels give reasons to train again; its events carry them."""

CHAMPION_MODEL = "models:/pneumonia-ensemble@champion"
"""What MLflow's tools call the promoted ensemble."""

MODEL_PATTERN = r"^models:/[A-Za-z0-9_.-]+(/[0-9]+|@[A-Za-z0-9_.-]+)$"
"""What a registered version's name looks like: JSON Schema's regular expression."""

GPU_POOL = "gpu"
"""Airflow pool with one slot per network that may train at a time."""

SCORING_POOL = "scoring"
"""Airflow pool with one slot per scoring process; each uses all cores, or the GPU."""

GPU_QUEUE = "gpu"
"""Queue of the trainings, for Celery's workers; LocalExecutor knows no queues."""

SCORING_QUEUE = "PNEUMO_SCORING_QUEUE"
"""Variable of the DAG processor that names the queue of scoring tasks; unset: the default one."""

PACS_POOL = "pacs"
"""Airflow pool with one slot: one step of the round trip with a PACS at a time."""

PACS_QUEUE = "pacs"
"""Queue of the round trip, for the one of Celery's workers that has its ledger on a disk."""

EXCHANGE = "PNEUMO_EXCHANGE"
"""Environment variable: ``shared`` (or unset: one workspace), or ``clones`` (one per task)."""

GPU_POD = "PNEUMO_GPU_POD"
"""Environment variable: a pod template for the trainings, as the KubernetesExecutor's scheduler
sees it; unset: they get the pods of all tasks."""

HANDED = "PNEUMO_HANDED"
"""Environment variable of a task: what the tasks before it printed last, a JSON list."""

ENDED = "PNEUMO_ENDED"
"""Environment variable: the file in which a command of ``pneumo`` leaves its exit code."""

RECIPES = ("demo", "seed", "few", "rsna")
"""Names of the complete settings files in ``recipes/``."""


def own_clones() -> bool:
    """Whether every task works in a clone of its own. ValueError for a word that is unknown."""
    word = os.environ.get(EXCHANGE) or "shared"
    if word not in ("shared", "clones"):
        raise ValueError(f"{EXCHANGE}: must be shared or clones (got {word!r})")
    return word == "clones"


def handing_on(before: Sequence[str]) -> dict[str, Any]:
    """Options of shell tasks that take up what the tasks ``before`` printed; none in one workspace.

    A machine that is lost costs a try, whatever ran on it.
    """
    if not own_clones():
        return {}
    pulled = f"{{{{ ti.xcom_pull(task_ids={list(before)!r}) | list | tojson }}}}"
    return {"env": {HANDED: pulled}, "append_env": True, "retries": 3}


def for_scoring() -> dict[str, Any]:
    """Options of the tasks that score: the pool, and Celery's queue where one is named."""
    queue = os.environ.get(SCORING_QUEUE)
    return {"pool": SCORING_POOL, **({"queue": queue} if queue else {})}


def on_gpu() -> dict[str, Any]:
    """Options of the tasks that train: the pool, Celery's queue, and the pod where one is named."""
    pod = os.environ.get(GPU_POD)
    named = {"executor_config": {"pod_template_file": pod}} if pod else {}
    return {"pool": GPU_POOL, "queue": GPU_QUEUE, **named}


ON_RAW_DATA = ("data/dvc.yaml:demo", "validate", "prepare")
"""Stages that more than one DAG has, or that read what such a stage writes."""


def stage(name: str) -> str:
    """Shell line that brings one DVC stage up to date, beside others that do the same.

    The flag before ``repro`` makes parallel stages wait for DVC's lock instead of failing;
    ``--single-item`` leaves the order to Airflow. Stages on the raw data wait for each other, too,
    since several DAGs have them: DVC fails where one reads what another writes.
    """
    if own_clones():
        return f"pneumo task stage {name}"
    alone = "pneumo task alone -- " if name in ON_RAW_DATA else ""
    return f"{alone}dvc --wait-for-lock repro --single-item {name}"


def demo_data(root: str = "data/demo") -> str:
    """Shell line that makes the demo's data, or skips (exit code 99) when they are not used."""
    if own_clones():
        return f"pneumo task stage --only-for {root} data/dvc.yaml:demo"
    return f'[ "$(pneumo settings data.root)" = {root} ] || exit 99; {stage("data/dvc.yaml:demo")}'


def use_recipe(name: str) -> str:
    """Shell line that installs a recipe as ``params.yaml``; ``params.yaml`` keeps what is there."""
    if own_clones():
        return f'pneumo task start "{name}"'
    return f'[ "{name}" = params.yaml ] || pneumo recipe "{name}"'


def command(words: str) -> str:
    """Shell line of a ``pneumo`` command that reads what the stages have made."""
    return f"pneumo task run -- {words}" if own_clones() else f"pneumo {words}"


def finish() -> str:
    """Shell line of the task that puts the lock entries of all stages together."""
    return "pneumo task finish"


def must_approve(workspace: Path = Path()) -> bool:
    """Whether a person must agree before the champion changes (``promotion.approval``)."""
    return _read(workspace / "params.yaml")["promotion"]["approval"] == "required"


def waiting(workspace: Path = Path()) -> str:
    """Shell line that prints the verdict as one line of JSON, or skips when nobody is asked."""
    if own_clones():
        return '[ "$VERDICT" = waiting ] || exit 99; pneumo task waiting'
    verdict = paths(workspace)["reports"].relative_to(workspace) / "promotion.json"
    return f"""[ "$VERDICT" = waiting ] || exit 99; tr -d '\\n' < {verdict}"""


def answer() -> str:
    """Shell line that does what a person answered; what they wrote is data, never shell code."""
    said = '"$VERSION" --by="$WHO"'
    approve = command(f'registry approve {said} --against="$CHAMPION" --reason="$WHY"')
    reject = command(f'registry reject {said} --because="$WHY"')
    return f'if [ "$ANSWER" = promote ]; then {approve}; else {reject}; fi'


def but_for_some(line: str) -> str:
    """Shell line that succeeds, too, when ``line`` ends with 3: some were rejected, and counted."""
    return f"{line}; code=$?; [ $code = 0 ] || [ $code = 3 ] || exit $code"


def models(workspace: Path = Path()) -> list[str]:
    """The networks of the ensemble, as ``params.yaml`` in ``workspace`` lists them."""
    return list(_read(workspace / "params.yaml")["models"])


def paths(workspace: Path = Path()) -> dict[str, Path]:
    """The folders that ``dvc.yaml`` names, for commands that are no DVC stages."""
    named = _read(workspace / "dvc.yaml")["vars"][0]["paths"]
    return {name: workspace / folder for name, folder in named.items()}


def _read(path: Path) -> dict:
    import yaml  # here: the help of all commands needs none

    return yaml.safe_load(path.read_text(encoding="utf-8"))
