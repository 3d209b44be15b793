"""Commands that watch what is scored after the promotion."""

import json
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer

from pneumo.base.errors import PneumoError
from pneumo.cli.commands.options import MONITOR, AsJson, Day, MonitorFolder, day_of, load_settings

if TYPE_CHECKING:
    pass

ALARM = 4
"""The exit code of an alarm."""


app = typer.Typer(
    help="Watches what is scored after the promotion: does it still look as it did?",
    no_args_is_help=True,
)


@app.command()
def run(
    results: Annotated[Path, typer.Argument(help="The folder of results that `score` fills.")],
    out: MonitorFolder = MONITOR,
    day: Day = "",
    as_json: AsJson = False,
) -> None:
    """Judge the closed windows of what was scored, each once, and write a page.

    Where an MLflow server is named, the head of the audit trail is kept there.
    Exit code 4: an ensemble in use of late has an alarm. Example: `pneumo monitor run results`
    """
    from pneumo.cli.commands.labels import standing_now
    from pneumo.monitoring.labels import any_taken_in
    from pneumo.monitoring.measure import measure
    from pneumo.scoring.parts import Store
    from pneumo.tracking.runs import client

    if not (results / "shards").is_dir():
        raise PneumoError(f"{results}: nothing was scored there; run `pneumo score` first")
    if any_taken_in(out):  # a verdict may have come before its radiograph was scored
        standing_now(results, out)
    found = measure(Store(results), out, monitor=load_settings().monitor, today=day_of(day))
    if client() is not None:
        from pneumo.registry.heads import keep_or_say

        keep_or_say()
    _tell(found, out, as_json)


@app.command()
def show(out: MonitorFolder = MONITOR, as_json: AsJson = False) -> None:
    """Say what the monitor knows, and measure nothing.

    Exit code 4: an ensemble in use of late has an alarm. Example: `pneumo monitor show`
    """
    from pneumo.monitoring.measure import show as known

    _tell(known(out), out, as_json)


@app.command()
def baseline(
    because: Annotated[str, typer.Option(help="Why; it is recorded.")],
    out: MonitorFolder = MONITOR,
    day: Day = "",
) -> None:
    """Freeze the newest closed windows as the site's own reference, when a change was meant.

    Example: `pneumo monitor baseline --because "new detector in room 3"`
    """
    from pneumo.monitoring.measure import baseline as freeze

    name = freeze(out, because, monitor=load_settings().monitor, today=day_of(day))
    print(f"{name}: windows from now on are compared with it")


def _tell(found: dict[str, Any], out: Path, as_json: bool) -> None:
    from pneumo.monitoring.measure import brief

    if as_json:
        print(json.dumps(brief(found)))
    else:
        print(f"{found['level']}: {found['sentence']}")
        number = len(found["windows"])
        print(f"{number} window{'s' * (number != 1)} judged; look at {out / 'index.html'}")
    if found["level"] == "alarm":
        raise typer.Exit(ALARM)
