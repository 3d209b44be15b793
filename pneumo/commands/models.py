"""Commands around the registered models."""

import json
import os
from pathlib import Path

import typer

from pneumo.commands.options import AsJson
from pneumo.settings import load_settings


def promote() -> None:
    """Register the networks and the ensemble, and let the gate decide who is champion.

    The last line printed is `promoted` or `kept`. Example: `pneumo promote`
    """
    from pneumo import workflow
    from pneumo.stages.promote import promote as stage

    version, verdict = stage(workflow.paths(), load_settings())
    for reason in verdict.reasons:
        print(f"{version.name} version {version.version}: {reason}")
    print("promoted" if verdict.promoted else "kept")


def score(source: Path, out: Path, as_json: AsJson = False) -> None:
    """Find opacities on a DICOM file, or a folder of them, with the champion.

    Exit code 3 when some files were rejected. Example: `pneumo score inbox results`
    """
    from pneumo.stages.score import score as stage

    os.environ.setdefault("TF_CPP_MIN_LOG_LEVEL", "3")
    summary = stage(source, out)
    print(
        json.dumps(summary)
        if as_json
        else f"{summary['files']} files = {summary['scored']} scored + {summary['rejected']} "
        f"rejected; {summary['positive']} with opacities; {out}/predictions.csv"
    )
    if summary["rejected"]:
        raise typer.Exit(3)
