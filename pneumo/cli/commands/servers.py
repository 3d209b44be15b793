"""Commands for the servers of one machine."""

import json
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from pneumo.base.errors import PneumoError
from pneumo.cli.commands.options import AsJson

if TYPE_CHECKING:
    from rich.console import Console


def up() -> None:
    """Start the MLflow server and Airflow on 127.0.0.1; what runs already stays.

    Example: `pneumo up`
    """
    from pneumo import servers
    from pneumo.cli.results import print_addresses

    here = checkout()
    with servers.down_on_interrupt(here):
        running = servers.up(here)
    print_addresses(running, _console())


def down() -> None:
    """Stop the servers and every task they run.

    Example: `pneumo down`
    """
    from pneumo import servers

    print(f"{servers.down(checkout())} processes ended")


def status(as_json: AsJson = False) -> None:
    """List the servers of this checkout.

    Example: `pneumo status`
    """
    from pneumo import servers
    from pneumo.cli.results import print_servers

    rows = servers.status(checkout())
    if as_json:
        print(json.dumps([list(row) for row in rows]))
    else:
        print_servers(rows, _console())


def launch(
    recipe: Annotated[str, typer.Option(help="demo, seed, few, rsna; params.yaml: as it is")] = (
        "params.yaml"
    ),
) -> None:
    """Start the servers, run the DAG `pneumonia_train`, follow it, and show its result.

    Ctrl-C ends the run and the servers. Example: `pneumo launch`
    """
    from pneumo import servers
    from pneumo.cli.results import print_addresses, print_result
    from pneumo.servers import follow

    here, console = checkout(), _console()
    with servers.down_on_interrupt(here):
        running = servers.up(here)
        follow.run_dag(running, "pneumonia_train", {"recipe": recipe}, console=console)
        print_result(console)
        print_addresses(running, console)


def _console() -> "Console":
    from rich.console import Console

    return Console()


def checkout() -> Path:
    """The folder in which the command was given. PneumoError when that is no checkout."""
    here = Path.cwd()
    if (here / "dvc.yaml").is_file() or (here / ".pneumo" / "instance").is_file():
        return here
    above = next((folder for folder in here.parents if (folder / "dvc.yaml").is_file()), None)
    where = f"go to {above}" if above else "go to the folder that you cloned"
    raise PneumoError(f"{here}: is no checkout of pneumo, it has no dvc.yaml; {where}")
