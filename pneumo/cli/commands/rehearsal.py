"""The command that tries a recipe out before it takes hours."""

import signal
import sys
import tempfile
from pathlib import Path
from typing import Annotated

import typer

from pneumo.cli.commands.options import changes


def rehearse(
    recipe: Annotated[str, typer.Option(help="A recipe, or a settings file.")] = "params.yaml",
    change: Annotated[
        list[str], typer.Option("--set", help="A setting, as data.root=data/rsna; several.")
    ] = [],  # noqa: B006
    steps: Annotated[
        int, typer.Option(min=0, max=1000, help="Steps of an epoch; 0: look for problems only.")
    ] = 3,
    images: Annotated[int, typer.Option(min=10, help="Radiographs that are read, at least.")] = 256,
    jobs: Annotated[int, typer.Option(min=1, max=64, help="Trainings at a time in the whole.")] = 1,
    out: Annotated[Path, typer.Option(help="The report (JSON).")] = Path("rehearsal.json"),
) -> None:
    """Try each stage of a recipe on the real data, and say what the whole will take.

    Problems that would show after hours end it with exit code 2, a line each. What it makes is in a
    hidden folder of this one, and goes at the end.
    Example: `pneumo rehearse --recipe rsna --jobs 4`
    """
    from pneumo.cli.recipes import settings_file
    from pneumo.experiments.crossval import write_settings
    from pneumo.rehearsal.rehearse import rehearse as stage

    source, changed = settings_file(recipe), changes(change)
    signal.signal(signal.SIGTERM, lambda *_: sys.exit(128 + signal.SIGTERM))
    with tempfile.TemporaryDirectory() as folder:
        used = Path(folder) / source.name
        settings = write_settings(source, changed, used)
        stage(str(source), used, settings, out, steps=steps, images=images, jobs=jobs)
