"""``pneumo dicom``: findings as DICOM objects, their read-back, and radiographs without names."""

import json
import sys
from pathlib import Path
from typing import Annotated

import typer

from pneumo.base.words import OverlayName
from pneumo.cli.commands.options import AsJson

Results = Annotated[Path, typer.Argument(help="A folder that `pneumo score` wrote.")]
Objects = Annotated[Path, typer.Argument(help="The folder of the objects.")]
MOST_LINES = 50


def write(
    results: Results,
    objects: Objects,
    secondary: Annotated[
        OverlayName, typer.Option(help="Which radiographs get a Secondary Capture too.")
    ] = "none",
    sources: Annotated[
        Path | None,
        typer.Option(help="The folder of the scored files. Blank: where they were scored."),
    ] = None,
    as_json: AsJson = False,
) -> None:
    """Write a report (SR) and an overlay (GSPS) per scored radiograph, into its own study.

    Exit code 3 when some radiographs were refused; `refused.csv` says why.
    Example: `pneumo dicom write results objects`
    """
    from pneumo.findings import write as stage

    found = stage(results, objects, sources=sources, secondary=secondary)
    if as_json:
        print(json.dumps(found))
    else:
        reasons = ", ".join(f"{count} {reason}" for reason, count in found["reasons"].items())
        print(
            f"{found['radiographs']} radiographs: {found['sr']} reports, {found['gsps']} overlays, "
            f"{found['sc']} pictures ({found['written']} new); {found['refused']} refused"
            + (f" ({reasons}); see {objects / 'refused.csv'}" if reasons else "")
        )
    if found["refused"]:
        raise typer.Exit(3)


def check(
    objects: Objects,
    results: Results,
    sources: Annotated[Path, typer.Argument(help="The folder of the scored files.")],
    as_json: AsJson = False,
) -> None:
    """Read every object back and compare it with its row and its radiograph.

    Exit code 3 when something differs, with a line for each. Example: `pneumo dicom check objects
    results inbox`
    """
    from pneumo.findings import check as stage

    found = stage(objects, results, sources)
    kinds = {kind: found.kinds[kind] for kind in ("sr", "gsps", "sc")}
    if as_json:
        told = {**kinds, "earlier": found.earlier, "refused": found.refused}
        print(json.dumps({**told, "faults": found.faults}))
    else:
        print(
            f"{kinds['sr']} reports, {kinds['gsps']} overlays, {kinds['sc']} pictures read back; "
            f"{found.earlier} of earlier scorings; {found.refused} radiographs without objects; "
            f"{len(found.faults)} faults"
        )
        for fault in found.faults[:MOST_LINES]:
            print(fault, file=sys.stderr)
        if (left := len(found.faults) - MOST_LINES) > 0:
            print(f"and {left} more", file=sys.stderr)
    if found.faults:
        raise typer.Exit(3)


app = typer.Typer(no_args_is_help=True, help="Findings as DICOM objects, and their read-back.")
for command in (write, check):
    app.command()(command)
