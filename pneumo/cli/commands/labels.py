"""Commands around what readers say: which radiographs are read, what was said, and what follows."""

import csv
import io
import json
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer

from pneumo.base.errors import PneumoError
from pneumo.cli.commands.options import (
    MONITOR,
    SKIPPED,
    AsJson,
    Day,
    MonitorFolder,
    day_of,
    load_settings,
)

if TYPE_CHECKING:
    from pneumo.monitoring.labels import Standing

"""The exit code of "no retraining is wanted": Airflow's tasks skip on it."""

UNKNOWN = 1
"""The exit code of "nobody can say": so that a task fails, and is tried again."""

FORM = ("content", "instance_uid", "file", "reader", "verdict", "boxes", "ai_seen")

Results = Annotated[Path, typer.Option(help="The folder of results that was read from.")]
By = Annotated[str, typer.Option(help="Who brings them; blank: your login.")]
SCORED = Path("data/scored")
SHORT = 16
"""Digits of an ensemble's sum that name it to the next tasks."""


def labels(
    file: Annotated[Path, typer.Argument(help="A CSV, or a DICOM SR (TID 1500).")],
    results: Results = SCORED,
    out: MonitorFolder = MONITOR,
    by: By = "",
    day: Day = "",
    as_json: AsJson = False,
) -> None:
    """Take in readers' verdicts, and say what all of them together show.

    Columns: content (sha256) or instance_uid, reader (a pseudonym), verdict (opacity, clear,
    unsure), and perhaps boxes, ai_seen, why. The same file again changes nothing.
    Example: `pneumo monitor labels verdicts.csv`
    """
    from getpass import getuser

    from pneumo.monitoring.labels import sentences, take_in

    if not file.is_file():
        raise PneumoError(f"{file}: no such file")
    table, new = take_in(file, out, by or getuser(), day_of(day))
    found, told = standing_now(results, out)
    if as_json:
        about = {"verdicts": len(table.verdicts), "number": table.number, "new": new}
        print(json.dumps(about | found.to_json() | {"told": told}))
        return
    count = len(table.verdicts)
    print(f"table {table.number}: {count} verdicts {'taken in' if new else 'were known already'}")
    print("\n".join([*sentences(found), *filter(None, [told])]))


def draw(
    results: Annotated[Path, typer.Argument(help="The folder of results that `score` fills.")],
    form: Annotated[Path | None, typer.Option(help="Blank: draw.csv in RESULTS.")] = None,
    out: MonitorFolder = MONITOR,
    day: Day = "",
) -> None:
    """Choose what readers look at this week: all called radiographs, some uncalled ones at random.

    The form has them in an order that tells nothing; filled in, `pneumo monitor labels` takes it.
    Example: `pneumo monitor draw results`
    """
    from pneumo.base.files import write_text
    from pneumo.base.safe import cell
    from pneumo.monitoring.draw import draw as stage
    from pneumo.monitoring.draw import week_of

    called, audit = stage(
        _store(results).listed(), out, load_settings().monitor.audit_share, day_of(day)
    )
    path = form or results / "draw.csv"
    both = sorted([*called, *audit], key=lambda answer: answer.content[::-1])
    files = _files(results)
    text = io.StringIO()
    writer = csv.writer(text)
    writer.writerow(FORM)
    for one in both:
        writer.writerow([one.content, cell(one.uid), files.get(one.content, ""), *[""] * 4])
    write_text(path, text.getvalue(), 0o600)  # names files and UIDs
    week = week_of(day_of(day))
    print(f"{path}: {week}: {len(called)} called and {len(audit)} uncalled radiographs to read")


def retrain(
    results: Results = SCORED, out: MonitorFolder = MONITOR, as_json: AsJson = False
) -> None:
    """Say whether readers' verdicts want a retraining, and why; nothing else can want one.

    Exit code 0: it is wanted, a reason a line; 99: it is not; 1: there are verdicts, and what was
    registered cannot be had. Example: `pneumo monitor retrain`
    """
    from pneumo.monitoring.labels import any_taken_in

    found, told = standing_now(results, out)
    if as_json:
        fell = [one.name for one in found.watched if one.fell]
        said = {"wanted": bool(fell), "fell": fell, "reasons": found.reasons, "told": told}
        print(json.dumps({"model": found.model[:SHORT], "version": found.version, **said}))
    else:
        print("\n".join(found.reasons) or told or "no reader's verdict asks for a retraining")
    if told and any_taken_in(out):
        raise typer.Exit(UNKNOWN)
    if not found.reasons:
        raise typer.Exit(SKIPPED)


def feedback(
    files: Annotated[Path, typer.Argument(help="The folder with the radiographs.")],
    target: Annotated[Path, typer.Argument(help="The folder of the data version.")],
    results: Results = SCORED,
    out: MonitorFolder = MONITOR,
    beside: Annotated[
        Path | None, typer.Option("--with", help="A data set in RSNA's format to add to.")
    ] = None,
    prepared: Annotated[
        Path, typer.Option(help="What the champion was made from: who is held out.")
    ] = Path("data/prepared"),
    by: By = "",
) -> None:
    """Write readers' verdicts as a data set in RSNA's format, to train on and to be judged on.

    Sealed people, and those of the champion's validation and test, are in `reserved.csv`.
    Example: `pneumo monitor feedback data/inbox data/feedback --with data/rsna`
    """
    from getpass import getuser

    from pneumo.monitoring.feedback import feedback as stage

    found = stage(
        _store(results).listed(), files, target, out,
        beside=beside, prepared=prepared, by=by or getuser(), monitor=load_settings().monitor,
    )  # fmt: skip
    print("\n".join(found))


def standing_now(results: Path, out: Path) -> "tuple[Standing, str]":
    """What all verdicts say by now, kept for the page; and why nothing is compared, if so."""
    from pneumo.monitoring.labels import newest, stand
    from pneumo.monitoring.registered import if_known

    parts = list(_store(results).listed())
    registered, told = if_known(out, newest(parts))
    return stand(parts, out, registered, monitor=load_settings().monitor), told


def _store(results: Path) -> Any:
    from pneumo.scoring.parts import Store

    if not (results / "shards").is_dir():
        raise PneumoError(f"{results}: nothing was scored there; run `pneumo score` first")
    return Store(results)


def _files(results: Path) -> dict[str, str]:
    """Content -> file, as the table of predictions has it; nothing where there is none."""
    import pyarrow.parquet as pq

    path = results / "predictions.parquet"
    if not path.exists():
        return {}
    rows = pq.read_table(path, columns=["content", "file"]).to_pylist()
    return {row["content"]: row["file"] for row in rows if row["content"]}


def add_to(app: typer.Typer) -> None:
    """Add these commands to the group ``pneumo monitor``."""
    for command in (labels, draw, retrain, feedback):
        app.command()(command)
