"""Commands around the networks and the ensemble: what there is, and who is champion."""

import json
from dataclasses import asdict
from typing import TYPE_CHECKING, Annotated

import typer

from pneumo.cli.commands.options import AsJson, load_settings

if TYPE_CHECKING:
    from pneumo.registry.promote import Outcome


def promote(
    because: Annotated[str, typer.Option(help="Why, without a proven gain; recorded.")] = "",
    by: Annotated[str, typer.Option(help="Who decides; blank: your login.")] = "",
) -> None:
    """Register the networks and the ensemble, and let the gate decide who is champion.

    Every rule of the gate is printed. The last line is `promoted`, `kept` or, for a person to
    agree, `waiting`. Example: `pneumo promote`
    """
    from pneumo import workflow
    from pneumo.registry.promote import promote as stage

    print_outcome(stage(workflow.paths(), load_settings(), because, by))


def print_outcome(outcome: "Outcome") -> None:
    """Print every rule of the gate, and last one word for programs."""
    for reason in outcome.verdict.reasons:
        print(f"{outcome.version.name} version {outcome.version.version}: {reason}")
    if outcome.word == "waiting":
        print(
            f"{outcome.version.name} version {outcome.number}: waits for a person: pneumo registry "
            f'approve {outcome.number} --against {outcome.against} --reason "..."'
        )
    print(outcome.word)


def models(as_json: AsJson = False) -> None:
    """List the networks of `params.yaml`: parameters, cost of an image, input, taps, papers.

    Example: `pneumo models`
    """
    from rich.console import Console
    from rich.table import Table

    from pneumo.base.catalogue import facts_of

    settings = load_settings()
    size_px, train = settings.data.size_px, settings.train
    networks = [
        facts_of(name, size_px, train.encoder, image_head=train.image_head)
        for name in settings.models
    ]
    if as_json:
        print(json.dumps([asdict(facts) for facts in networks]))
        return
    table = Table("network", "parameters", "GFLOP", "input", "taps", "papers", box=None)
    for facts in networks:
        size = (f"{facts.parameters:,}", f"{facts.gflop:.2f}", facts.input)
        table.add_row(facts.name, *size, "\n".join(facts.taps), "\n".join(facts.papers))
    Console(width=None if Console().is_terminal else 160).print(table)
