"""Commands around the registered models."""

import os
from typing import TYPE_CHECKING, Annotated

import typer

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
