"""Commands that try something out: encoders taught beforehand, recipes side by side."""

from dataclasses import dataclass, field
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, get_args

import typer

from pneumo.base.errors import PneumoError
from pneumo.base.words import Network
from pneumo.cli.commands.options import changes, gathered, load_settings, pairs

if TYPE_CHECKING:
    from pneumo.base.settings import PretrainSettings, Settings


@dataclass(frozen=True)
class Pretraining:
    """The options of ``pneumo pretrain``."""

    labels: Annotated[
        Path | None, typer.Option(help="Table; else labels.csv in SOURCE, or RSNA's classes.")
    ] = None
    file_column: Annotated[str, typer.Option(help="Its column of files.")] = "file"
    label_column: Annotated[str, typer.Option(help="Its column of labels.")] = "label"
    person_column: Annotated[
        str | None, typer.Option(help="Its column of people; else person, if there.")
    ] = None
    where: Annotated[
        list[str], typer.Option(help="Only rows with this, as source=nih; several.")
    ] = field(default_factory=list)
    network: Annotated[
        list[str], typer.Option(help="Whose encoder; several. Else those of params.yaml.")
    ] = field(default_factory=list)
    encoder: Annotated[
        str | None, typer.Option(help="full or small; else train.encoder.", show_default=False)
    ] = None
    size_px: Annotated[
        int | None, typer.Option(min=32, max=1024, help="Side; else data.size_px.")
    ] = None
    epochs: Annotated[int, typer.Option(min=1, help="Passes over the images.")] = 20
    batch_size: Annotated[int, typer.Option(min=1, help="Images per step.")] = 32
    learning_rate: Annotated[
        float, typer.Option(min=1e-8, max=1, help="Adam's highest step size.")
    ] = 0.0005
    start: Annotated[str, typer.Option(help="First weights: none, imagenet, or a path.")] = "none"
    held_out: Annotated[
        float, typer.Option(min=0.05, max=0.5, help="Share of the people that is held out.")
    ] = 0.15
    balance: Annotated[bool, typer.Option(help="Let rare labels weigh more.")] = False
    seed: Annotated[int, typer.Option(min=0, help="Seed of all that is drawn.")] = 1


@gathered
def pretrain(source: Path, out: Path, asked: Pretraining) -> None:
    """Teach the encoders on a folder of radiographs with a label each, before they segment.

    Then `train.encoder_weights: OUT` begins with what they have learnt. Precision, and how images
    are changed, are as `params.yaml` says. Example: `pneumo pretrain data/chests data/encoders`
    """
    from pneumo.base.gpus import leased_gpus
    from pneumo.dataset.labelled import Columns, read_labelled

    settings = load_settings()
    models = asked.network or list(settings.models)
    if unknown := set(models) - set(get_args(Network)):
        raise PneumoError(f"--network {min(unknown)}: there are {', '.join(get_args(Network))}")
    learning = _pretrain_settings(asked, settings)
    columns = Columns(asked.file_column, asked.label_column, asked.person_column)
    rows = read_labelled(source, asked.labels, columns, pairs("--where", asked.where))
    with leased_gpus(1):
        from pneumo.experiments.pretrain import pretrain as stage
        from pneumo.training.pretraining import encoders_of  # after the lease: it loads Keras

        stage(rows, out, encoders_of(models), learning)


def _pretrain_settings(asked: Pretraining, settings: "Settings") -> "PretrainSettings":
    """What was asked, completed by ``params.yaml``; PneumoError for what cannot be."""
    from pneumo.base.settings import PretrainSettings

    encoder = asked.encoder or settings.train.encoder
    if encoder not in ("full", "small"):
        raise PneumoError(f"--encoder {encoder}: must be full or small")
    size_px = asked.size_px or settings.data.size_px
    if size_px % 32:
        raise PneumoError(f"--size-px {size_px}: must be a multiple of 32")
    train = settings.train.model_copy(
        update={
            "encoder": encoder,
            "encoder_weights": asked.start,
            "frozen_epochs": 0,
            "encoder_rate": 1.0,
            "batch_size": asked.batch_size,
            "epochs": asked.epochs,
            "patience": asked.epochs,
            "learning_rate": asked.learning_rate,
            "schedule": "cosine",
            "warmup_epochs": min(1.0, asked.epochs / 4),
            "average": 0.0,
            "batch_norm_momentum": 0.9,
            "devices": 1,
            "seed": asked.seed,
        }
    )
    return PretrainSettings(
        size_px=size_px,
        held_out=asked.held_out,
        balance=asked.balance,
        frontal_only=settings.data.frontal_only,
        train=train,
        augment=settings.augment,
    )


def crossval(
    out: Path,
    recipe: Annotated[list[str], typer.Option(help="A recipe, or a settings file; several.")],
    change: Annotated[
        list[str], typer.Option("--set", help="A setting in all of them, as train.epochs=5.")
    ] = [],  # noqa: B006
    folds: Annotated[int, typer.Option(min=3, max=20, help="Folds, by person.")] = 5,
    seed: Annotated[int, typer.Option(min=0, help="Seed of folds and intervals.")] = 1,
    jobs: Annotated[
        int, typer.Option(min=1, max=64, help="Trainings at a time, as many as there are GPUs.")
    ] = 1,
    radiographs: Annotated[
        bool, typer.Option(help="Whether the page shows them, or boxes and maps alone.")
    ] = True,
) -> None:
    """Compare recipes by cross-validation on `data.root`; every image is tested once.

    What is finished in OUT is kept. Writes the tables that are printed, and a page, to OUT.
    Example: `pneumo crossval out --recipe seed --recipe rsna --set train.epochs=10`
    """
    from pneumo.cli.recipes import settings_file
    from pneumo.experiments.crossval import crossval as stage

    settings = changes(change)
    files = {Path(name).stem: settings_file(name) for name in recipe}
    if len(files) < len(recipe):
        raise PneumoError("--recipe: two have the same name")
    root = settings.get("data.root") or load_settings().data.root
    settings["data.root"] = str(Path(root).resolve())
    stage(out, files, settings, folds, seed, jobs=jobs, radiographs=radiographs)
    print((out / "crossval.md").read_text())
    print(f"{out / 'crossval.html'}: the same, with the best and the worst images")
