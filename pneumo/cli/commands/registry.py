"""``pneumo registry``: the registered ensembles, and who is champion."""

import json
from collections.abc import Callable, Mapping
from dataclasses import asdict
from typing import TYPE_CHECKING, Annotated, Any

import typer

from pneumo import workflow
from pneumo.base.errors import RegistryError
from pneumo.cli.commands.models import print_outcome
from pneumo.cli.commands.options import SKIPPED, AsJson, load_settings

if TYPE_CHECKING:
    from mlflow.entities.model_registry import ModelVersion
    from rich.table import Table

Version = Annotated[str, typer.Argument(help="A number, or champion, challenger, previous")]
Because = Annotated[str, typer.Option(help="Why; it is recorded.")]
By = Annotated[str, typer.Option(help="Who decides; blank: your login.")]


def versions(as_json: AsJson = False) -> None:
    """List the registered ensembles, the newest first.

    Example: `pneumo registry list`
    """
    from rich.table import Table

    from pneumo.registry.listing import listed

    found = listed()
    rows = [_row(version, found.aliases) for version in found.versions]
    if as_json:
        print(json.dumps(rows))
        return
    table = Table("version", "aliases", "mAP", "95 % interval", "test set", "verdict", "date",
                  box=None)  # fmt: skip
    for row in rows:
        interval = (
            f"{row['map_low']:.4f} to {row['map_high']:.4f}" if row["map_low"] is not None else ""
        )
        figures = (f"{row['map']:.4f}", interval, row["test_set"][:12])
        aliases = ", ".join(row["aliases"])
        table.add_row(row["version"], aliases, *figures, row["verdict"], row["date"])
    _print(table)


def _print(table: "Table") -> None:
    """Print a table in the width of the terminal; into a file or a pipe, wide."""
    from rich.console import Console

    Console(width=None if Console().is_terminal else 200).print(table)


def _row(version: Any, named: Mapping[str, str]) -> dict[str, Any]:
    from datetime import UTC, datetime

    tags = version.tags
    made = datetime.fromtimestamp(version.creation_timestamp / 1000, UTC)
    return {
        "version": str(version.version),
        "aliases": [alias for alias, number in named.items() if number == str(version.version)],
        "map": float(tags["pneumo.map"]),
        "map_low": float(tags["pneumo.map_low"]) if "pneumo.map_low" in tags else None,
        "map_high": float(tags["pneumo.map_high"]) if "pneumo.map_high" in tags else None,
        "test_set": tags["pneumo.test_set"],
        "verdict": tags.get("pneumo.verdict", "not judged"),
        "date": made.strftime("%Y-%m-%d %H:%M"),
    }


def compare(a: Version, b: Version, as_json: AsJson = False) -> None:
    """Show how version A differs from B on the same test images, in pairs over people.

    Example: `pneumo registry compare challenger champion`
    """
    from rich.table import Table

    from pneumo.registry import store
    from pneumo.registry.judging import compared, seat_at

    settings = load_settings().promotion
    with seat_at(workflow.paths(), settings) as seat:
        one, other = (store.version_of(seat.server, name) for name in (a, b))
        differences = compared(seat, one, other)
    if as_json:
        print(json.dumps({name: asdict(row) for name, row in differences.items()}))
        return
    title = f"mAP of version {one.version} less that of version {other.version}"
    table = Table("", "difference", "95 % interval", "people", title=title, box=None)
    for name, row in differences.items():
        if row.people:
            few = "  few" if row.small else ""
            interval = f"{row.low:+.4f} to {row.high:+.4f}"
            table.add_row(name, f"{row.value:+.4f}", interval, f"{row.people}{few}")
    _print(table)


def promote(version: Version, because: Because = "", by: By = "") -> None:
    """Judge a registered version anew, and make it champion if the gate agrees.

    `--because` stands for a proven gain, and for nothing else. The last line printed is `promoted`,
    `kept` or, where `promotion.approval` is required, `waiting`: then `approve` decides.
    Example: `pneumo registry promote 3 --because "the champion misses lower lobes"`
    """
    from pneumo.registry.promote import promote_version

    print_outcome(promote_version(version, workflow.paths(), load_settings(), because, by))


def approve(
    version: Version,
    against: Annotated[str, typer.Option(help="The champion that was shown: a number, or none.")],
    reason: Annotated[str, typer.Option(help="Why; it is recorded.")],
    by: By = "",
) -> None:
    """Agree that a waiting version replaces the champion that was shown, and no other.

    The gate judges anew and must agree, too. Exit code 1 when the champion is another one now.
    Example: `pneumo registry approve 4 --against 3 --reason "read the report"`
    """
    from pneumo.registry.promote import approve as stage

    print_outcome(stage(version, against, reason, workflow.paths(), load_settings(), by))


def reject(version: Version, because: Because, by: By = "") -> None:
    """Record that a person decided against a version; the champion stays.

    The last line printed is `kept`.
    Example: `pneumo registry reject 3 --because "misses much"`
    """
    from getpass import getuser

    from pneumo.registry.promote import reject as stage

    rejected = stage(version, because, by)
    print(f"{rejected.name} version {rejected.version}: rejected by {by or getuser()}")
    print("kept")


def rollback(because: Because = "", by: By = "") -> None:
    """Make the previous champion champion again, at once.

    Example: `pneumo registry rollback --because "false alarms since Monday"`
    """
    from getpass import getuser

    from pneumo.registry import store
    from pneumo.registry.champion import rollback as stage

    why = because or "no reason given"
    back, gone = stage(store.connect(), by or getuser(), why)
    print(f"{back.name}: version {back.version} is champion again, {gone.version} is previous")


def verify(version: Version, as_json: AsJson = False) -> None:
    """Derive a version's test figures from its registered files again, and compare.

    Exit code 2 when one differs. Example: `pneumo registry verify champion`
    """
    from pneumo.registry import store
    from pneumo.registry.judging import seat_at
    from pneumo.registry.verify import verify as stage

    with seat_at(workflow.paths(), load_settings().promotion) as seat:
        checks = stage(seat, store.version_of(seat.server, version))
    print(json.dumps([asdict(c) for c in checks]) if as_json else "\n".join(map(str, checks)))
    if wrong := [check.name for check in checks if not check.held]:
        raise RegistryError(f"version {version} is not what was registered: {', '.join(wrong)}")


def quantise(
    version: Version,
    if_offered: Annotated[
        bool, typer.Option(help="Skip (99) without the extra, or where scoring would not take it.")
    ] = False,
) -> None:
    """Make a version's graph in int8, and keep it with the version if it calls what float32 calls.

    `score.precision: auto` then takes it where it is fastest. Needs the extra `int8`.
    Example: `pneumo registry quantise champion`
    """
    from pneumo.engines import int8
    from pneumo.registry.agree import asked_here
    from pneumo.registry.precisions import FASTER

    settings = load_settings()
    if if_offered and settings.score.precision not in ("auto", "int8"):
        print(f"int8 is not offered: score.precision is {settings.score.precision}")
        raise typer.Exit(SKIPPED)
    if if_offered and not asked_here(settings.score):
        print("int8 is not offered: Keras scores here (score.engine)")
        raise typer.Exit(SKIPPED)
    if if_offered and not int8.is_offered():
        print("int8 is not offered: it needs NNCF here; install pneumo[int8]")
        raise typer.Exit(SKIPPED)
    int8.require()
    _agree(version, lambda _: FASTER)


def agree(version: Version) -> None:
    """Compare faster precisions with float32 on this processor, as a promotion does on its own.

    `score.precision: auto` believes figures of the processor that it scores on. What is known is
    not computed again; int8 is compared where the version has a graph in int8. Needs the
    prepared test radiographs. Example: `pneumo registry agree champion`
    """
    from pneumo.registry.agree import comparable

    _agree(version, comparable)


def _agree(name: str, chosen: "Callable[[ModelVersion], tuple[str, ...]]") -> None:
    from pneumo.registry import store
    from pneumo.registry.agree import agree
    from pneumo.registry.judging import seat_at
    from pneumo.registry.precisions import told

    with seat_at(workflow.paths(), load_settings().promotion) as seat:
        found = store.version_of(seat.server, name)
        precisions = chosen(found)
        print("\n".join(told(agree(seat, found, precisions), precisions)))


def trace(
    what: Annotated[str, typer.Argument(help="A version, an alias, or the start of a hash")],
    as_json: AsJson = False,
) -> None:
    """Show what a version was made from, or which versions were made from a commit or data.

    Example: `pneumo registry trace champion`
    """
    from pneumo.registry import store
    from pneumo.registry.lineage import SHORTEST, made_from, origin

    server = store.connect()
    is_version = what in store.ALIASES or (what.isdigit() and len(what) < SHORTEST)
    found: Any = (
        origin(store.version_of(server, what))
        if is_version
        else made_from(store.versions(server), what)
    )
    if as_json:
        print(json.dumps(found))
    elif is_version:
        for key, value in found.items():
            for line in _lines(key, value):
                print(line)
    else:
        for row in found:
            print(f"version {row['version']}: {row['what']} {row['hash']}")


def _lines(key: str, value: Any) -> list[str]:
    if not isinstance(value, dict):
        return [f"{key}: {value}"]
    return [f"{name}: version {row['version']}, run {row['run']}" for name, row in value.items()]


app = typer.Typer(
    help="The registered ensembles: list, compare, promote, approve, roll back, verify, trace.",
    no_args_is_help=True,
)

COMMANDS: dict[str, Callable] = {
    "list": versions,
    "compare": compare,
    "promote": promote,
    "approve": approve,
    "reject": reject,
    "rollback": rollback,
    "verify": verify,
    "agree": agree,
    "quantise": quantise,
    "trace": trace,
}

for name, command in COMMANDS.items():
    app.command(name)(command)
