"""Commands that score radiographs: all at once, or in tasks for many machines."""

import json
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer

from pneumo.base.words import EngineName, OverlayName
from pneumo.cli.commands.options import AsJson, load_settings
from pneumo.workflow import CHAMPION_MODEL

if TYPE_CHECKING:
    from pneumo.base.settings import ScoreSettings

Inputs = Annotated[
    list[Path], typer.Argument(help="Files, folders, zip archives: DICOM, PNG, JPEG.")
]
Out = Annotated[Path, typer.Argument(help="The folder of the results.")]
ModelOption = Annotated[str, typer.Option("--model", help="A registered version, or a folder.")]
Overlays = Annotated[
    OverlayName | None, typer.Option(help="Pictures with boxes and heat map. Blank: settings.")
]
EngineOption = Annotated[EngineName | None, typer.Option(help="Blank: as the settings say.")]


def score(
    inputs: Inputs,
    out: Out,
    model: ModelOption = CHAMPION_MODEL,
    overlays: Overlays = None,
    engine: EngineOption = None,
    resume: Annotated[
        bool, typer.Option("--resume/--anew", help="Keep what is finished there, or score it anew.")
    ] = True,
    as_json: AsJson = False,
) -> None:
    """Find opacities on radiographs with the champion; what a killed run finished is kept.

    Exit code 3 when some files were rejected. Example: `pneumo score inbox results`
    """
    from pneumo.scoring.score import score as stage

    share = load_settings().monitor.review_share
    chosen = _settings(overlays, engine)
    summary = stage(inputs, out, model, score=chosen, resume=resume, review_share=share)
    _tell(summary, out, as_json)
    if summary["rejected"]:
        raise typer.Exit(3)


def score_plan(
    inputs: Inputs,
    out: Out,
    model: ModelOption = CHAMPION_MODEL,
    rescore: Annotated[
        bool, typer.Option("--rescore", help="Also what an earlier version has scored.")
    ] = False,
) -> None:
    """List what is to be scored, in tasks; the last line printed is JSON with their number.

    Example: `pneumo score-plan inbox results`
    """
    from pneumo.scoring.score import plan_score as stage

    print(json.dumps(stage(inputs, out, model, rescore=rescore, score=_settings())))


def score_part(out: Out, number: int) -> None:
    """Score one task of a plan.

    Example: `pneumo score-part results 0`
    """
    from pneumo.scoring.score import score_part as stage

    stage(out, number, score=_settings())


def score_publish(out: Out) -> None:
    """Reconcile the tasks of a plan and write their tables; the last line printed is JSON.

    Example: `pneumo score-publish results`
    """
    from pneumo.scoring.score import publish_scores as stage

    summary = stage(out, score=_settings(), review_share=load_settings().monitor.review_share)
    print(json.dumps({"out": str(out)} | summary))


def _settings(overlays: str | None = None, engine: str | None = None) -> "ScoreSettings":
    chosen = {"overlays": overlays, "engine": engine}
    given = {name: value for name, value in chosen.items() if value is not None}
    return load_settings().score.model_copy(update=given)


def _tell(summary: dict[str, Any], out: Path, as_json: bool) -> None:
    if as_json:
        print(json.dumps(summary))
        return
    reasons = ", ".join(f"{count} {reason}" for reason, count in summary["reasons"].items())
    print(
        f"{summary['files']} files = {summary['scored']} scored + {summary['rejected']} rejected"
        + (f" ({reasons})" if reasons else "")
    )
    print(f"{summary['positive']} with opacities; look at {out / 'index.html'}")
