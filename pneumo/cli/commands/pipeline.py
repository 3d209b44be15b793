"""The stages of the pipeline, as ``dvc.yaml`` runs them."""

import inspect
from collections.abc import Callable
from pathlib import Path
from typing import Annotated, Any

import typer

from pneumo.cli.commands.options import load_settings


def demo(out: Path) -> None:
    """Draw synthetic chest radiographs with labels, in RSNA's format.

    Example: `pneumo demo data/demo`
    """
    from pneumo.stages.demo import demo as stage

    _run(stage, out)


def validate(
    out: Path,
    docs: Path,
    index: Annotated[Path | None, typer.Option(help="Splits to check too, CSV or parquet.")] = None,
) -> None:
    """Check the data set `data.root`; a critical failure ends with exit code 2.

    Example: `pneumo validate reports/validation.json reports/data_docs`
    """
    from pneumo.stages.validate import validate as stage

    _run(stage, out, docs, index=index)


def prepare(out: Path) -> None:
    """Turn the radiographs of `data.root` into arrays, and its people into splits.

    Example: `pneumo prepare data/prepared`
    """
    from pneumo.stages.prepare import prepare as stage

    _run(stage, out)


def train(model: str, prepared: Path, out: Path) -> None:
    """Train one network, on `train.devices` GPUs of its own where there are any.

    Example: `pneumo train unet_vgg19 data/prepared models/unet_vgg19`
    """
    from pneumo.base.gpus import leased_gpus
    from pneumo.base.locks import newest_holds, resume_folder

    settings = load_settings()
    if model not in settings.models:
        raise typer.BadParameter(f"{model!r} is not one of {', '.join(settings.models)}")
    # The lock first: who holds it may hold the GPU, too, and is ended.
    with newest_holds(resume_folder(out) / "lock"), leased_gpus(settings.train.devices):
        from pneumo.stages.train import train as stage  # after the lease: it loads Keras

        _run(stage, model, prepared, out)


def tune(prepared: Path, networks: Path, out: Path, report: Path) -> None:
    """Choose the networks' weights, both thresholds, the smallest area and the shrink of boxes.

    REPORT says where the score goes, and how far tuning overfits.
    Example: `pneumo tune data/prepared models reports/ensemble.json reports/tuning.json`
    """
    from pneumo.stages.tune import tune as stage

    _run(stage, prepared, networks, out, report)


def evaluate(
    prepared: Path,
    networks: Path,
    tuned: Path,
    out: Path,
    tuning: Annotated[Path | None, typer.Argument(help="What `tune` tells of its choice.")] = None,
) -> None:
    """Judge the ensemble and each network on the test people.

    Example: `pneumo evaluate data/prepared models reports/ensemble.json reports/evaluation`
    """
    from pneumo.stages.evaluate import evaluate as stage

    _run(stage, prepared, networks, tuned, out, tuning)


def _run(stage: Callable[..., Any], *paths: Any, **more: Any) -> Any:
    """Call a stage with its paths and the settings sections that its signature names."""
    settings = load_settings()
    named = inspect.signature(stage).parameters.values()
    sections = {p.name: getattr(settings, p.name) for p in named if is_section(p)}
    return stage(*paths, **sections, **more)


def is_section(parameter: inspect.Parameter) -> bool:
    """Whether a stage's parameter takes a section of the settings: keyword-only, no default."""
    return parameter.kind is parameter.KEYWORD_ONLY and parameter.default is parameter.empty
