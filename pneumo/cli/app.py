"""The command line: ``pneumo COMMAND --help`` says what each one does."""

import os
from collections.abc import Callable
from importlib.metadata import version
from pathlib import Path
from typing import Annotated

import typer

from pneumo.base.git import leave_repository, own_commit
from pneumo.cli.commands import (
    accept,
    data,
    dicom,
    experiments,
    inspection,
    labels,
    models,
    monitor,
    pacs,
    pipeline,
    reading,
    registry,
    rehearsal,
    scoring,
    servers,
    task,
    trail,
)
from pneumo.cli.terminal import faults_told
from pneumo.workflow import ENDED

app = typer.Typer(
    help="Finds pneumonia opacities on chest radiographs: trains, judges, promotes and runs an "
    "ensemble of four networks. Not a medical device.",
    no_args_is_help=True,
    add_completion=False,
    pretty_exceptions_enable=False,
    rich_markup_mode="markdown",
)

PANELS: dict[str, tuple[Callable, ...]] = {
    "Pipeline stages": (
        pipeline.demo,
        pipeline.validate,
        pipeline.prepare,
        pipeline.train,
        pipeline.tune,
        pipeline.evaluate,
    ),
    "Raw data": (data.fetch, data.manifest, data.splits, data.publish),
    "Models": (
        models.models,
        experiments.pretrain,
        experiments.crossval,
        rehearsal.rehearse,
        models.promote,
    ),
    "Scoring": (
        scoring.score,
        scoring.score_plan,
        scoring.score_part,
        scoring.score_publish,
        reading.read,
        accept.accept,
    ),
    "Files": (
        inspection.explore,
        inspection.check,
        inspection.metric,
        inspection.settings,
        inspection.recipe,
    ),
    "One machine": (servers.up, servers.down, servers.status, servers.launch),
}

for panel, commands in PANELS.items():
    for command in commands:
        app.command(rich_help_panel=panel)(command)
app.add_typer(registry.app, name="registry", rich_help_panel="Models")
app.add_typer(pacs.app, name="pacs", rich_help_panel="PACS")
app.add_typer(dicom.app, name="dicom", rich_help_panel="Scoring")
labels.add_to(monitor.app)
app.add_typer(monitor.app, name="monitor", rich_help_panel="Scoring")
app.add_typer(task.app, name="task", rich_help_panel="Many machines")
app.add_typer(trail.app, name="trail", rich_help_panel="Models")


def _tell_version(wanted: bool) -> None:
    if wanted:
        print(f"pneumo {version('pneumo')}, commit {own_commit()}")
        raise typer.Exit


@app.callback()
def _options(
    version: Annotated[
        bool,
        typer.Option(
            "--version", callback=_tell_version, is_eager=True, help="Show version and commit."
        ),
    ] = False,
) -> None:
    pass


def main() -> None:
    """Run the command line; a fault becomes its lines on stderr and its exit code.

    The exit code is left in the file that ``PNEUMO_ENDED`` names, too: DVC does not pass it on.
    """
    leave_repository()
    try:
        with faults_told():
            app(standalone_mode=True)
    except SystemExit as end:
        if file := os.environ.get(ENDED):
            Path(file).write_text(str(end.code or 0))
        raise
