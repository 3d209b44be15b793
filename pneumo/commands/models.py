"""Commands around the registered models."""

import json
import os
from dataclasses import asdict
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer
from rich.console import Console
from rich.table import Table

from pneumo.commands.options import AsJson
from pneumo.errors import PneumoError
from pneumo.settings import load_settings

if TYPE_CHECKING:
    from pneumo.stages.promote import Outcome


def promote(
    because: Annotated[str, typer.Option(help="Why, without a proven gain; recorded.")] = "",
    by: Annotated[str, typer.Option(help="Who decides; blank: your login.")] = "",
) -> None:
    """Register the networks and the ensemble, and let the gate decide who is champion.

    Every rule of the gate is printed. The last line is `promoted`, `kept` or, for a person to
    agree, `waiting`. Example: `pneumo promote`
    """
    from pneumo import workflow
    from pneumo.stages.promote import promote as stage

    os.environ.setdefault("TF_CPP_MIN_LOG_LEVEL", "3")
    print_outcome(stage(workflow.paths(), load_settings(), because, by))


def print_outcome(outcome: "Outcome") -> None:
    """Print every rule of the gate, and last one word for programs."""
    for reason in outcome.verdict.reasons:
        print(f"{outcome.version.name} version {outcome.version.version}: {reason}")
    print(outcome.word)


def models(as_json: AsJson = False) -> None:
    """List the networks of `params.yaml`: parameters, cost of an image, input, taps, papers.

    Example: `pneumo models`
    """
    os.environ.setdefault("TF_CPP_MIN_LOG_LEVEL", "3")
    from pneumo.nets.facts import facts_of

    settings = load_settings()
    size_px, train = settings.data.size_px, settings.train
    found = [
        facts_of(name, size_px, train.encoder, image_head=train.image_head)
        for name in settings.models
    ]
    if as_json:
        print(json.dumps([asdict(facts) for facts in found]))
        return
    table = Table("network", "parameters", "GFLOP", "input", "taps", "papers", box=None)
    for facts in found:
        size = (f"{facts.parameters:,}", f"{facts.gflop:.2f}", facts.input)
        table.add_row(facts.name, *size, "\n".join(facts.taps), "\n".join(facts.papers))
    Console(width=None if Console().is_terminal else 160).print(table)


def crossval(
    out: Path,
    recipe: Annotated[list[str], typer.Option(help="A recipe, or a settings file; several.")],
    change: Annotated[
        list[str], typer.Option("--set", help="A setting in all of them, as train.epochs=5.")
    ] = [],  # noqa: B006
    folds: Annotated[int, typer.Option(min=3, max=20, help="Folds, by person.")] = 5,
    seed: Annotated[int, typer.Option(min=0, help="Seed of folds and intervals.")] = 1,
) -> None:
    """Compare recipes by cross-validation on `data.root`; every image is tested once.

    What is finished in OUT is kept. The last lines printed are the table.
    Example: `pneumo crossval out --recipe seed --recipe rsna --set train.epochs=10`
    """
    import yaml

    from pneumo.recipes import FOLDER
    from pneumo.stages.crossval import crossval as stage

    pairs = [item.partition("=") for item in change]
    if wrong := [key for key, sign, _ in pairs if not sign]:
        raise PneumoError(f"--set {wrong[0]}: write it as setting=value")
    files = {Path(n).stem: Path(n) if n.endswith(".yaml") else FOLDER / f"{n}.yaml" for n in recipe}
    if missing := [str(path) for path in files.values() if not path.is_file()]:
        raise PneumoError(f"{missing[0]}: no such recipe")
    if len(files) < len(recipe):
        raise PneumoError("--recipe: two have the same name")
    root = str(Path(load_settings().data.root).resolve())
    found = stage(out, files, root, {k: yaml.safe_load(v) for k, _, v in pairs}, folds, seed)
    print((out / "crossval.md").read_text())
    for name, gain in found["gains"].items():
        print(f"mAP of {name}: {gain['value']:+.4f} ({gain['low']:+.4f} to {gain['high']:+.4f})")
