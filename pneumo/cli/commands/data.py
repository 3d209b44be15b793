"""Commands around the raw data."""

import json
from pathlib import Path
from typing import Annotated

import typer

from pneumo import workflow
from pneumo.base.errors import PneumoError
from pneumo.cli.commands.options import AsJson, load_settings


def splits(as_json: AsJson = False) -> None:
    """Show the splits of `data.root`, and what a split by image would leak.

    Example: `pneumo splits`
    """
    from rich.console import Console

    from pneumo.cli.results import print_splits
    from pneumo.explore.overview import overview

    splits = overview(load_settings().data)
    if as_json:
        print(json.dumps(splits))
    else:
        print_splits(splits, Console())


def fetch(
    name: Annotated[str, typer.Argument(help="rsna: the challenge's data")],
    archive: Annotated[Path | None, typer.Option(help="Unpack this zip instead.")] = None,
) -> None:
    """Get the challenge's data with your Kaggle account, unpack, count, and sum them.

    They go to `data/rsna`. Example: `pneumo fetch rsna`
    """
    from pneumo.dataset.fetch import fetch as stage

    if name != "rsna":
        raise PneumoError(f"fetch: {name!r} is unknown; there is rsna")
    root = workflow.paths()["rsna"]
    counts = stage(root, archive)
    print(f"{root}: {counts.images} radiographs and {counts.rows} label rows are complete")
    if not any((root / table).exists() for table in ("patients.csv", "rsna_to_nih_mapping.csv")):
        print(f"{root}: add patients.csv (patientId,person), or people cannot be kept apart")


def manifest(
    renew: Annotated[bool, typer.Option("--renew", help="Write it anew: data changed.")] = False,
) -> None:
    """Write the sha256 of every file of `data.root`, or compare the files with them.

    Example: `pneumo manifest`
    """
    from pneumo.dataset.manifest import MANIFEST, check_manifest, write_manifest

    root = Path(load_settings().data.root)
    if not renew and check_manifest(root):
        print(f"{root}: all files are as {MANIFEST} says")
    else:
        print(f"{root / MANIFEST}: lists {len(write_manifest(root))} files")


def publish() -> None:
    """Publish the Data Docs of valid data; the last line printed is JSON about the data.

    Example: `pneumo publish`
    """
    from pneumo.dataset.publish import publish as stage

    paths = workflow.paths()
    facts = stage(paths["reports"], paths["published"], Path(load_settings().data.root))
    print(json.dumps(facts))
