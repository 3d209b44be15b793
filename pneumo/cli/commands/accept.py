"""``pneumo accept``: does the ensemble work here?"""

import json
from pathlib import Path
from typing import Annotated

import typer

from pneumo.base.errors import PneumoError
from pneumo.cli.commands.options import AsJson, load_settings

CODES = {"accepted": 0, "undecided": 3, "not accepted": 4}


def accept(
    folder: Annotated[Path, typer.Argument(help="Local radiographs.")],
    out: Annotated[Path, typer.Argument(help="Where results and page go.")],
    labels: Annotated[
        Path, typer.Option(help="CSV: verdict, and content, instance_uid, file or image_id.")
    ],
    model: Annotated[str, typer.Option(help="Blank: the champion.")] = "",
    by: Annotated[str, typer.Option(help="Who accepts; blank: your login.")] = "",
    as_json: AsJson = False,
) -> None:
    """Score local radiographs with known labels, and say whether the ensemble works here.

    Exit code 0: accepted, 3: undecided, 4: not accepted. Writes acceptance.json and a page.
    Example: `pneumo accept local accepted --labels labels.csv`
    """
    from getpass import getuser

    from pneumo.monitoring.accept import read_and_judge, write
    from pneumo.monitoring.registered import registered
    from pneumo.scoring.score import score
    from pneumo.workflow import CHAMPION_MODEL

    if not labels.is_file():
        raise PneumoError(f"{labels}: no such file")
    settings = load_settings()
    results = out / "results"
    score(
        [folder], results, model or CHAMPION_MODEL,
        score=settings.score.model_copy(update={"overlays": "none"}),
        review_share=settings.monitor.review_share,
    )  # fmt: skip
    digest = _digest(results)
    found = read_and_judge(results, labels, registered(out, digest))
    write(out, found, by or getuser())
    print(json.dumps(found) if as_json else f"{found['sentence']}\n{out / 'index.html'}")
    if code := CODES[found["verdict"]]:
        raise typer.Exit(code)


def _digest(results: Path) -> str:
    """The sum of the ensemble that scored, as its results say."""
    import pyarrow.parquet as pq

    sums = pq.read_table(results / "predictions.parquet", columns=["model_sha256"])["model_sha256"]
    known = sorted(set(sums.to_pylist()) - {None, ""})
    if len(known) != 1:
        raise PneumoError(f"{results}: nothing was scored; see rejected.csv there")
    return str(known[0])
