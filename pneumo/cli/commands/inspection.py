"""Commands that look at files and settings."""

import json
import sys
from pathlib import Path
from typing import Annotated, Any

import typer

from pneumo import workflow
from pneumo.base.errors import PneumoError
from pneumo.cli.commands.options import AsJson, load_settings

AnyView = Annotated[
    bool,
    typer.Option(
        "--any-view", help="Note what its header says is no frontal chest, instead of refusing it."
    ),
]


def explore(
    root: Annotated[
        Path | None, typer.Argument(help="A folder in RSNA's format; blank: data.root")
    ] = None,
    other_root: Annotated[Path | None, typer.Argument(help="A second one to compare")] = None,
    out: Annotated[Path | None, typer.Option(help="Blank: data.html in the reports")] = None,
    any_view: AnyView = False,
) -> None:
    """Show a data set on one page, or what differs between two.

    Example: `pneumo explore data/rsna other/hospital`
    """
    from pneumo.explore.explore import explore as stage

    roots = [root or Path(load_settings().data.root), *filter(None, [other_root])]
    page = out or workflow.paths()["reports"] / "data.html"
    for survey in stage(page, roots, frontal_only=not any_view):
        refused = len(survey.images) - len(survey.read)
        print(f"{survey.name}: {len(survey.images)} radiographs, {refused} refused")
    print(page)


def check(folder: Path, any_view: AnyView = False, as_json: AsJson = False) -> None:
    """Read a folder of radiographs without scoring it: what is accepted, what is not, and why.

    Exit code 3 when some files were rejected. Example: `pneumo check inbox`
    """
    from pneumo.dataset.readable import check as stage
    from pneumo.dataset.readable import lines

    report = stage(folder, frontal_only=not any_view)
    print(json.dumps(report) if as_json else "\n".join(lines(report)))
    if report["rejected"]:
        raise typer.Exit(3)


def metric(truth: Path, submission: Path, as_json: AsJson = False) -> None:
    """Print the challenge's score of a submission file.

    Images that it lacks have no calls; those that the truth lacks are left out. Both are counted.
    Example: `pneumo metric stage_2_train_labels.csv submission.csv`
    """
    from pneumo.dataset.ids import same_images
    from pneumo.dataset.rsna import mean_average_precision, read_labels, read_submission

    known = read_labels(truth)
    called = same_images(read_submission(submission), known, str(submission))
    strange, missing = ([n for n in a if n not in b] for a, b in ((called, known), (known, called)))
    if strange:
        says = f"{len(strange)} IDs are not in {truth}, the first {strange[0]!r}"
        if len(strange) == len(called):
            raise PneumoError(f"{submission}: {says}")
        print(f"{submission}: {says}; left out", file=sys.stderr)
    if missing:
        says = f"{len(missing)} of {len(known)} images are missing, the first {missing[0]!r}"
        print(f"{submission}: {says}; they count as not called", file=sys.stderr)
    value = mean_average_precision(known, called)
    print(json.dumps({"map": value, "images": len(known)}) if as_json else f"{value:.6f}")


def settings(
    key: Annotated[str, typer.Argument(help="Such as data.root; blank: all")] = "",
) -> None:
    """Print the settings in force, or one of them.

    Example: `pneumo settings data.root`
    """
    value: Any = load_settings().model_dump()
    for part in filter(None, key.split(".")):
        if not isinstance(value, dict) or part not in value:
            raise PneumoError(f"params.yaml: there is no setting {key!r}")
        value = value[part]
    print(value if isinstance(value, str) else json.dumps(value, indent=2))


def recipe(
    name: Annotated[str, typer.Argument(help="demo, seed, few or rsna; blank: list")] = "",
) -> None:
    """Install a recipe as `params.yaml` and show what changes.

    Example: `pneumo recipe seed`
    """
    from pneumo.cli.recipes import available, install, purpose

    if not name:
        width = max(map(len, available()), default=0) + 2
        print("\n".join(f"{name:{width}}{purpose(name)}".rstrip() for name in available()))
        return
    changed = install(name)
    print("\n".join(changed) or f"params.yaml holds the recipe {name} already; nothing changes")
