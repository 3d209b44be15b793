"""``pneumo pacs``: the round trip with a PACS, a step per command."""

import json
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer

from pneumo.cli.commands.options import AsJson

if TYPE_CHECKING:
    from pneumo.pacs.peers import Site

FileOption = Annotated[
    Path | None,
    typer.Option("--peers", help="File of the peers. Blank: $PNEUMO_PACS, or pacs.yaml."),
]
Again = Annotated[bool, typer.Option("--again", help="Also what was refused.")]


def echo(
    peer: Annotated[str, typer.Argument(help="A peer of the file. Blank: all.")] = "",
    file: FileOption = None,
) -> None:
    """Ask peers whether they answer, by each way that the file names.

    Example: `pneumo pacs echo`
    """
    from pneumo.pacs.echo import echo as stage

    for line in stage(_site(file), peer):
        print(line)


def poll(file: FileOption = None) -> None:
    """Ask the source what is new; the last line printed is JSON.

    Example: `pneumo pacs poll`
    """
    from pneumo.pacs.poll import poll as stage

    print(json.dumps(stage(_site(file))))


def fetch(again: Again = False, file: FileOption = None) -> None:
    """Fetch the radiographs that are new, and take over those in the inbox.

    The last line printed is JSON; `to_score` is how many wait. Example: `pneumo pacs fetch`
    """
    from pneumo.pacs.fetch import fetch as stage

    print(json.dumps(stage(_site(file), again=again)))


def record(file: FileOption = None) -> None:
    """Take up into the ledger what `pneumo score` and `pneumo dicom write` left on the disk.

    Example: `pneumo pacs record`
    """
    from pneumo.pacs.record import record as stage

    print(json.dumps(stage(_site(file))))


def sent(file: FileOption = None) -> None:
    """Print the UIDs of the reports that were sent, one a line, for `pneumo dicom write`.

    Example: `pneumo pacs sent > sent.txt`
    """
    from pneumo.pacs.sent import sent as stage

    for uid in stage(_site(file)):
        print(uid)


def send(again: Again = False, file: FileOption = None) -> None:
    """Send the objects that are written; exit code 3 when some were refused.

    The last line printed is JSON. Example: `pneumo pacs send`
    """
    from pneumo.pacs.send import send as stage

    _end(stage(_site(file), again=again), "refused")


def confirm(file: FileOption = None) -> None:
    """Read back what was sent and compare; exit code 3 when the destination has other content.

    The last line printed is JSON. Example: `pneumo pacs confirm`
    """
    from pneumo.pacs.confirm import confirm as stage

    _end(stage(_site(file)), "other")


def status(as_json: AsJson = False, file: FileOption = None) -> None:
    """Show where everything is, and what a person must decide.

    Example: `pneumo pacs status`
    """
    from pneumo.pacs.status import status as stage

    found = stage(_site(file))
    if as_json:
        print(json.dumps(found))
        return
    for what in ("states", "objects", "left_alone"):
        counts = ", ".join(f"{count} {name}" for name, count in found[what].items() if count)
        print(f"{what.replace('_', ' ')}: {counts or 'none'}")
    if found["later"]:
        print(f"tried again later: {len(found['later'])}")
    print(f"for a person: {len(found['decide']) or 'nothing'}")
    for row in found["decide"]:
        print(f"  {row['what']}: {row['reason']}\n    {row['do']}")


def receive(file: FileOption = None) -> None:
    """Take radiographs that known callers send by C-STORE into the inbox, until it is ended.

    For sites without a receiver; off unless the file of the peers has `receiver`.
    Example: `pneumo pacs receive`
    """
    from pneumo.pacs.receive import receive as stage

    stage(_site(file))


def demo() -> None:
    """Start a PACS on this machine, and bring ten synthetic radiographs there and back.

    After `make demo`. Example: `pneumo pacs demo`
    """
    from rich.console import Console

    from pneumo import servers
    from pneumo.cli.commands.servers import checkout
    from pneumo.cli.results import print_pacs
    from pneumo.pacs import demo as stage

    here, console = checkout(), Console()
    stage.refuse_missing(here)
    with servers.down_on_interrupt(here):
        print_pacs(stage.run(servers.up(here), console), console)


def _site(file: Path | None) -> "Site":
    from pneumo.pacs.peers import load_site, site_file

    return load_site(site_file(file))


def _end(counts: dict[str, Any], bad: str) -> None:
    print(json.dumps(counts))
    if counts[bad]:
        raise typer.Exit(3)


app = typer.Typer(
    help="The round trip with a PACS: what is new there, scored, and brought back.",
    no_args_is_help=True,
)
COMMANDS = (echo, poll, fetch, record, sent, send, confirm, status, receive, demo)
for command in COMMANDS:
    app.command(name=command.__name__)(command)
