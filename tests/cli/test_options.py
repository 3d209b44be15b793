"""A command whose options are the fields of a dataclass."""

from dataclasses import dataclass, field
from pathlib import Path
from typing import Annotated

import pytest
import typer
from typer.testing import CliRunner

from pneumo.base.errors import PneumoError
from pneumo.base.settings import load_settings
from pneumo.cli.commands.experiments import Pretraining, _pretrain_settings
from pneumo.cli.commands.options import gathered

RECIPE = Path(__file__).parents[2] / "recipes/rsna.yaml"


@dataclass(frozen=True)
class Asked:
    many: Annotated[list[str], typer.Option(help="Words.")] = field(default_factory=list)
    size_px: Annotated[int, typer.Option(min=32, help="A side.")] = 64
    place: Annotated[Path | None, typer.Option("--at", help="A file.")] = None
    loud: Annotated[bool, typer.Option(help="Whether.")] = False


def told(*words: str) -> tuple[int, list]:
    """The exit code, and what the command was called with."""
    app, calls = typer.Typer(), []

    @app.command()
    @gathered
    def show(source: Path, asked: Asked) -> None:
        """Show it."""
        calls.append((source, asked))

    return CliRunner().invoke(app, list(words)).exit_code, calls


@pytest.mark.parametrize(
    ("words", "asked"),
    [
        ([], Asked()),
        (["--size-px", "96", "--loud"], Asked(size_px=96, loud=True)),
        (["--many", "a", "--many", "b"], Asked(many=["a", "b"])),
        (["--at", "x.csv", "--no-loud"], Asked(place=Path("x.csv"))),
    ],
)
def test_fields_are_options(words, asked):
    assert told("here", *words) == (0, [(Path("here"), asked)])


@pytest.mark.parametrize("words", [["--size-px", "16"], ["--size-px", "a"], ["--place", "x"]])
def test_a_mistake_is_one_as_with_any_option(words):
    assert told("here", *words) == (2, [])


def test_two_calls_share_no_list():
    told("here")[1][0][1].many.append("left")
    assert told("here")[1][0][1].many == []


def test_a_pretraining_is_as_asked_and_for_the_rest_as_the_settings_say():
    settings = load_settings(RECIPE)
    plain = _pretrain_settings(Pretraining(), settings)
    assert (plain.size_px, plain.held_out, plain.balance) == (256, 0.15, False)
    assert plain.augment == settings.augment
    assert (plain.train.encoder, plain.train.encoder_weights) == ("full", "none")
    assert (plain.train.epochs, plain.train.patience, plain.train.warmup_epochs) == (20, 20, 1.0)
    assert (plain.train.batch_size, plain.train.learning_rate) == (32, 0.0005)
    assert plain.train.precision == settings.train.precision
    asked = Pretraining(size_px=96, encoder="small", epochs=2, seed=7, start="imagenet")
    other = _pretrain_settings(asked, settings)
    assert (other.size_px, other.train.encoder, other.train.seed) == (96, "small", 7)
    assert (other.train.warmup_epochs, other.train.encoder_weights) == (0.5, "imagenet")


@pytest.mark.parametrize(
    ("asked", "complaint"),
    [
        (Pretraining(size_px=100), "--size-px 100: must be a multiple of 32"),
        (Pretraining(encoder="big"), "--encoder big: must be full or small"),
    ],
)
def test_what_no_encoder_takes_is_one_line(asked, complaint):
    with pytest.raises(PneumoError) as caught:
        _pretrain_settings(asked, load_settings(RECIPE))
    assert (str(caught.value), caught.value.exit_code) == (complaint, 2)
