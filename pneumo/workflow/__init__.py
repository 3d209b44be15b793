"""What DAG files may import, and what a task does in a clone of its own.

The names of ``lines`` are here: they load nothing heavy, since Airflow parses DAG files all the
time. ``retries`` (which failures are tried again) and ``asking`` (how a person is asked) are for
DAG files alone; other rooms use ``clones`` and ``dvc_task``.

Floor 2: imports rooms of floors 1 to 0, no neighbour.
"""

from pneumo.workflow.lines import (
    CHAMPION,
    CHAMPION_MODEL,
    EXCHANGE,
    GPU_POD,
    GPU_POOL,
    GPU_QUEUE,
    HANDED,
    MODEL_PATTERN,
    MONITORED,
    RECIPES,
    RETRAIN_WANTED,
    SCORED,
    SCORING_POOL,
    VALID_DATA,
    answer,
    command,
    demo_data,
    finish,
    handing_on,
    models,
    must_approve,
    on_gpu,
    own_clones,
    paths,
    stage,
    use_recipe,
    waiting,
)

__all__ = [
    "CHAMPION",
    "CHAMPION_MODEL",
    "EXCHANGE",
    "GPU_POD",
    "GPU_POOL",
    "GPU_QUEUE",
    "HANDED",
    "MODEL_PATTERN",
    "MONITORED",
    "RECIPES",
    "RETRAIN_WANTED",
    "SCORED",
    "SCORING_POOL",
    "VALID_DATA",
    "answer",
    "command",
    "demo_data",
    "finish",
    "handing_on",
    "models",
    "must_approve",
    "on_gpu",
    "own_clones",
    "paths",
    "stage",
    "use_recipe",
    "waiting",
]
