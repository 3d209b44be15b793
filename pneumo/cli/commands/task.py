"""``pneumo task``: what Airflow's tasks call, most of it where each works in a clone of its own."""

import json
import os
import re
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from pneumo import workflow
from pneumo.base import locks
from pneumo.base.errors import PneumoError
from pneumo.cli.commands.options import SKIPPED, load_settings

if TYPE_CHECKING:
    from pneumo.workflow.clones import Run

KEEPS = "params.yaml"
"""The recipe that keeps what is there."""


def start(recipe: Annotated[str, typer.Argument(help="A recipe, or params.yaml")] = KEEPS) -> None:
    """Name the commit of a run: the one checked out here. Prints it as one line of JSON.

    Example: `pneumo task start demo`
    """
    from pneumo.workflow.clones import begin

    run = begin(Path.cwd(), recipe)
    print(json.dumps({"commit": run.commit, "recipe": run.recipe}))


def stage(
    name: Annotated[str, typer.Argument(help="A stage of DVC.")],
    only_for: Annotated[str, typer.Option(help="Skip (99) when data.root is another.")] = "",
) -> None:
    """Bring one stage up to date in a clone of its own; the last line printed is its lock entry.

    Example: `pneumo task stage train@unet_vgg19`
    """
    from pneumo.workflow.clones import own_clone
    from pneumo.workflow.dvc_task import bring_up_to_date

    with own_clone(Path.cwd(), _name(name), _handed()) as place:
        if only_for and load_settings(place / KEEPS).data.root != only_for:
            raise typer.Exit(SKIPPED)
        locks = bring_up_to_date(place, name)
    print(json.dumps({"locks": locks}))


def run(words: Annotated[list[str], typer.Argument(help="A command of pneumo.")]) -> None:
    """Run a command of `pneumo` in a clone that has the results of the run's stages.

    Example: `pneumo task run -- promote`
    """
    from pneumo.workflow.clones import own_clone
    from pneumo.workflow.dvc_task import run_inside

    handed = _handed()
    with own_clone(Path.cwd(), _name(words[0]), handed) as place:
        if code := run_inside(place, handed, words):
            raise typer.Exit(code)


def finish() -> None:
    """Push the lock file of all stages of a run as the branch `runs/RUN`.

    Example: `pneumo task finish`
    """
    from pneumo.workflow.clones import own_clone, push_branch

    branch = "runs/" + _plain(os.environ.get("AIRFLOW_CTX_DAG_RUN_ID", "manual"))
    handed = _handed()
    with own_clone(Path.cwd(), _name("finish"), handed) as place:
        commit = push_branch(place, handed, branch)
    print(json.dumps({"branch": branch, "commit": commit}))


def alone(words: Annotated[list[str], typer.Argument(help="A command, with its words.")]) -> None:
    """Wait until no other command runs so in this checkout, and become that command.

    DVC fails where two runs want the same data at once, as a daily validation and a training do.
    Example: `pneumo task alone -- dvc repro --single-item validate`
    """
    with locks.alone(Path(".dvc/tmp/data.lock")) as file:
        assert file is not None
        os.set_inheritable(file.fileno(), True)  # the lock goes with the command
        try:
            os.execvp(words[0], words)  # noqa: S606 - our own DAG says which
        except OSError as error:
            raise PneumoError(f"{words[0]}: cannot be run: {error.strerror}") from None


def waiting() -> None:
    """Print the newest version that waits for a person, as one line of JSON.

    Example: `pneumo task waiting`
    """
    from pneumo.registry import store
    from pneumo.registry.champion import VERDICT

    for version in store.versions(store.connect()):
        if version.tags.get(VERDICT) == "waiting":
            told = {"version": str(version.version), "against": version.tags["pneumo.against"]}
            print(json.dumps(told | {"reasons": version.tags["pneumo.reasons"].split("; ")}))
            return
    raise PneumoError("no version waits for a person")


def _handed() -> "Run":
    """What the tasks before this one handed on."""
    from pneumo.workflow.clones import read_run

    return read_run(os.environ.get(workflow.HANDED) or "[]")


def _name(work: str) -> str:
    """The clone's name: one per DAG and task, so that a retry finds it."""
    return _plain(f"{os.environ.get('AIRFLOW_CTX_DAG_ID', 'manual')}-{work}")


def _plain(text: str) -> str:
    return re.sub(r"[^A-Za-z0-9_.-]+", "-", text).strip(".")


app = typer.Typer(
    help="What Airflow's tasks call; most of it where each works in a clone (`PNEUMO_EXCHANGE`).",
    no_args_is_help=True,
)
COMMANDS = ("start", "stage", "run", "finish", "waiting", "alone")
for command in (start, stage, run, finish, waiting, alone):
    app.command(name=command.__name__)(command)
