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
    predecessors: Annotated[
        Path | None,
        typer.Option(help="UIDs of reports that the PACS has, one a line: new ones name them."),
    ] = None,
    as_json: AsJson = False,
) -> None:
    """Write a report (SR) and an overlay (GSPS) per scored radiograph, into its own study.

    Exit code 3 when some radiographs were refused; `refused.csv` says why.
    Example: `pneumo dicom write results objects`
    """
    from pneumo.findings import write as stage

    found = stage(results, objects, sources=sources, secondary=secondary, predecessors=predecessors)
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
        _list(found.faults)
    if found.faults:
        raise typer.Exit(3)


def deidentify(
    inbox: Annotated[Path, typer.Argument(help="The folder of the originals.")],
    out: Annotated[Path, typer.Argument(help="The folder of the new files.")],
    key: Annotated[
        Path, typer.Option(help="The project's secret, mode 0600; made where there is none.")
    ] = Path(".pneumo/deidentify.key"),
    as_json: AsJson = False,
) -> None:
    """Write radiographs without the names of people, by PS3.15's basic profile.

    Text that is part of a picture is looked for where tesseract is installed: a warning, never a
    clearance. Exit code 3 when some files were refused.
    Example: `pneumo dicom deidentify inbox out`
    """
    from pneumo.findings import deidentify as stage

    found = stage(inbox, out, key)
    if as_json:
        told = {"files": found.files, "reasons": found.reasons, "doubtful": found.doubtful}
        print(json.dumps({**told, "looked": found.looked}))
    else:
        print(f"{found.files} radiographs without names; {len(found.refused)} refused")
    if not found.looked:
        print(
            "tesseract is not installed, or failed: nobody looked for text in every picture; "
            "look yourself",
            file=sys.stderr,
        )
    _list([f"{name}: may show text in the picture; look at it" for name in found.doubtful])
    _list(found.refused)
    if found.refused:
        raise typer.Exit(3)


def _list(lines: list[str]) -> None:
    for line in lines[:MOST_LINES]:
        print(line, file=sys.stderr)
    if (left := len(lines) - MOST_LINES) > 0:
        print(f"and {left} more", file=sys.stderr)


app = typer.Typer(no_args_is_help=True, help="Findings as DICOM objects, and their read-back.")
for command in (write, check, deidentify):
    app.command()(command)
