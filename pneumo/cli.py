"""The command line: ``pneumo COMMAND --help`` says what each one does."""

import inspect
import json
import os
import sys
from collections.abc import Callable
from pathlib import Path
from typing import Annotated, Any

import typer
from rich.console import Console

from pneumo import cli_data
from pneumo.errors import PneumoError
from pneumo.settings import load_settings

app = typer.Typer(
    help="Finds pneumonia opacities on chest radiographs: trains, judges, promotes and runs an "
    "ensemble of four networks. Not a medical device.",
    no_args_is_help=True,
    add_completion=False,
    pretty_exceptions_enable=False,
    rich_markup_mode="markdown",
)
console = Console()
AsJson = Annotated[bool, typer.Option("--json", help="Print JSON for programs.")]
PIPELINE, REGISTRY, SERVERS, FILES = "Pipeline stages", "Models", "One machine", "Files"
DATA = "Raw data"


def main() -> None:
    """Run the command line; a PneumoError becomes its lines on stderr and its exit code."""
    try:
        app(standalone_mode=True)
    except PneumoError as error:
        print(error, file=sys.stderr)
        raise SystemExit(error.exit_code) from None
    except KeyboardInterrupt:
        raise SystemExit(130) from None


def _run(stage: Callable[..., Any], *paths: Any, **more: Any) -> Any:
    """Call a stage with its paths and the settings sections that its signature names."""
    settings = load_settings()
    named = inspect.signature(stage).parameters.values()
    sections = {p.name: getattr(settings, p.name) for p in named if is_section(p)}
    return stage(*paths, **sections, **more)


def is_section(parameter: inspect.Parameter) -> bool:
    """Whether a stage's parameter takes a section of the settings: keyword-only, no default."""
    return parameter.kind is parameter.KEYWORD_ONLY and parameter.default is parameter.empty


@app.command(rich_help_panel=PIPELINE)
def demo(out: Path) -> None:
    """Draw synthetic chest radiographs with labels, in RSNA's format.

    Example: `pneumo demo data/demo`
    """
    from pneumo.stages.demo import demo as stage

    _run(stage, out)


@app.command(rich_help_panel=PIPELINE)
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


@app.command(rich_help_panel=PIPELINE)
def prepare(out: Path) -> None:
    """Turn the radiographs of `data.root` into arrays, and its people into splits.

    Example: `pneumo prepare data/prepared`
    """
    from pneumo.stages.prepare import prepare as stage

    _run(stage, out)


@app.command(rich_help_panel=PIPELINE)
def train(model: str, prepared: Path, out: Path) -> None:
    """Train one network.

    Example: `pneumo train unet_vgg19 data/prepared models/unet_vgg19`
    """
    settings = load_settings()
    if model not in settings.models:
        raise typer.BadParameter(f"{model!r} is not one of {', '.join(settings.models)}")
    os.environ.setdefault("TF_CPP_MIN_LOG_LEVEL", "3")
    from pneumo.stages.train import train as stage

    _run(stage, model, prepared, out)


@app.command(rich_help_panel=PIPELINE)
def tune(prepared: Path, networks: Path, out: Path) -> None:
    """Choose the networks' weights, the threshold, the smallest area and the shrink.

    Example: `pneumo tune data/prepared models reports/ensemble.json`
    """
    from pneumo.stages.tune import tune as stage

    _run(stage, prepared, networks, out)


@app.command(rich_help_panel=PIPELINE)
def evaluate(prepared: Path, networks: Path, tuned: Path, out: Path) -> None:
    """Judge the ensemble and each network on the test people.

    Example: `pneumo evaluate data/prepared models reports/ensemble.json reports/evaluation`
    """
    from pneumo.stages.evaluate import evaluate as stage

    _run(stage, prepared, networks, tuned, out)


for command in (cli_data.fetch, cli_data.manifest, cli_data.splits, cli_data.publish):
    app.command(rich_help_panel=DATA)(command)


@app.command(rich_help_panel=REGISTRY)
def promote() -> None:
    """Register the networks and the ensemble, and let the gate decide who is champion.

    The last line printed is `promoted` or `kept`. Example: `pneumo promote`
    """
    from pneumo import workflow
    from pneumo.stages.promote import promote as stage

    version, verdict = stage(workflow.paths(), load_settings())
    for reason in verdict.reasons:
        print(f"{version.name} version {version.version}: {reason}")
    print("promoted" if verdict.promoted else "kept")


@app.command(rich_help_panel=REGISTRY)
def score(source: Path, out: Path, as_json: AsJson = False) -> None:
    """Find opacities on a DICOM file, or a folder of them, with the champion.

    Exit code 3 when some files were rejected. Example: `pneumo score inbox results`
    """
    from pneumo.stages.score import score as stage

    os.environ.setdefault("TF_CPP_MIN_LOG_LEVEL", "3")
    summary = stage(source, out)
    print(
        json.dumps(summary)
        if as_json
        else f"{summary['files']} files = {summary['scored']} scored + {summary['rejected']} "
        f"rejected; {summary['positive']} with opacities; {out}/predictions.csv"
    )
    if summary["rejected"]:
        raise typer.Exit(3)


@app.command(rich_help_panel=FILES)
def explore(
    root: Annotated[
        Path | None, typer.Argument(help="A folder in RSNA's format; blank: data.root")
    ] = None,
    other_root: Annotated[Path | None, typer.Argument(help="A second one to compare")] = None,
    out: Annotated[Path | None, typer.Option(help="Blank: data.html in the reports")] = None,
) -> None:
    """Show a data set on one page, or what differs between two.

    Example: `pneumo explore data/rsna other/hospital`
    """
    from pneumo import workflow
    from pneumo.stages.explore import explore as stage

    roots = [root or Path(load_settings().data.root), *filter(None, [other_root])]
    page = out or workflow.paths()["reports"] / "data.html"
    for found in stage(page, roots):
        refused = len(found.images) - len(found.read)
        print(f"{found.name}: {len(found.images)} radiographs, {refused} refused")
    print(page)


@app.command(rich_help_panel=FILES)
def check(folder: Path, as_json: AsJson = False) -> None:
    """Read a folder of radiographs without scoring it: what is accepted, what is not, and why.

    Exit code 3 when some files were rejected. Example: `pneumo check inbox`
    """
    from pneumo.stages.check import check as stage
    from pneumo.stages.check import lines

    found = stage(folder)
    print(json.dumps(found) if as_json else "\n".join(lines(found)))
    if found["rejected"]:
        raise typer.Exit(3)


@app.command(rich_help_panel=FILES)
def metric(truth: Path, submission: Path, as_json: AsJson = False) -> None:
    """Print the challenge's score of a submission file.

    Example: `pneumo metric stage_2_train_labels.csv submission.csv`
    """
    from pneumo.rsna import mean_average_precision, read_labels, read_submission

    known, found = read_labels(truth), read_submission(submission)
    if strange := [name for name in found if name not in known]:
        raise PneumoError(
            f"{submission}: {len(strange)} IDs are not in {truth}, the first {strange[0]!r}"
        )
    value = mean_average_precision(known, found)
    print(json.dumps({"map": value, "images": len(known)}) if as_json else f"{value:.6f}")


@app.command(rich_help_panel=FILES)
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


@app.command(rich_help_panel=FILES)
def recipe(
    name: Annotated[str, typer.Argument(help="demo, seed or rsna; blank: list")] = "",
) -> None:
    """Install a recipe as `params.yaml` and show what changes.

    Example: `pneumo recipe seed`
    """
    from pneumo.recipes import available, install

    if not name:
        print("\n".join(available()))
        return
    changed = install(name)
    print("\n".join(changed) or f"params.yaml holds the recipe {name} already; nothing changes")


@app.command(rich_help_panel=SERVERS)
def up() -> None:
    """Start the MLflow server and Airflow on 127.0.0.1; what runs already stays.

    Example: `pneumo up`
    """
    from pneumo import services
    from pneumo.results import print_addresses

    with services.down_on_interrupt(Path.cwd()):
        servers = services.up(Path.cwd())
    print_addresses(servers, console)


@app.command(rich_help_panel=SERVERS)
def down() -> None:
    """Stop the servers and every task they run.

    Example: `pneumo down`
    """
    from pneumo import services

    print(f"{services.down(Path.cwd())} processes ended")


@app.command(rich_help_panel=SERVERS)
def status(as_json: AsJson = False) -> None:
    """List the servers of this checkout.

    Example: `pneumo status`
    """
    from pneumo import services
    from pneumo.results import print_servers

    rows = services.status(Path.cwd())
    if as_json:
        print(json.dumps([list(row) for row in rows]))
    else:
        print_servers(rows, console)


@app.command(rich_help_panel=SERVERS)
def launch(
    recipe: Annotated[str, typer.Option(help="demo, seed, rsna; params.yaml: as it is")] = (
        "params.yaml"
    ),
) -> None:
    """Start the servers, run the DAG `pneumonia_train`, follow it, and show its result.

    Ctrl-C ends the run and the servers. Example: `pneumo launch`
    """
    from pneumo import follow, services
    from pneumo.results import print_addresses, print_result

    with services.down_on_interrupt(Path.cwd()):
        servers = services.up(Path.cwd())
        follow.run_dag(servers, "pneumonia_train", {"recipe": recipe}, console=console)
        print_result(console)
        print_addresses(servers, console)
