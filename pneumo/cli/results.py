"""What a run ends with on the terminal: its figures, its verdict, and where to look."""

import json
import os
from collections.abc import Iterable, Mapping
from typing import TYPE_CHECKING, Any

from rich.console import Console
from rich.table import Table

from pneumo import workflow

if TYPE_CHECKING:
    from pneumo.servers import Services

MEASURES = {"map": "mAP", "mean_iou": "mean IoU", "pixel_accuracy": "pixel accuracy", "f1": "F1"}


def print_result(console: Console) -> None:
    """Print the test figures of each network and the ensemble, and what the gate decided."""
    reports = workflow.paths()["reports"]
    metrics = json.loads((reports / "evaluation" / "metrics.json").read_text())
    promotion = json.loads((reports / "promotion.json").read_text())
    console.print(_figures(metrics))
    console.print(_comparison(metrics))
    where = f"{promotion['name']} version {promotion['version']}"
    console.print(f"[bold]{promotion['verdict']}[/]: {where}, alias {promotion['alias']}")
    for reason in promotion["reasons"]:
        console.print(f"  {reason}", highlight=False)


def print_addresses(servers: "Services", console: Console) -> None:
    """Print both web pages, how to log in, and what to try next."""
    console.print(
        f"\nAirflow  {servers.airflow_url}\nMLflow   {servers.mlflow_url}\n"
        f"login    {servers.user}, password in {os.path.relpath(servers.password_file)}\n\n"
        "Next:\n"
        "  . .pneumo/env                           puts the commands on your PATH\n"
        "  airflow dags trigger pneumonia_train    starts another run\n"
        "  dvc repro                               at a desk: runs only what changed\n"
        "  make stop                               stops the servers",
        highlight=False,
        soft_wrap=True,
    )


def print_servers(rows: Iterable[tuple], console: Console) -> None:
    """Print the servers of this checkout: name, process, state, address."""
    table = Table("server", "process", "state", "address", box=None)
    for row in rows:
        table.add_row(*("" if cell is None else str(cell) for cell in row))
    console.print(table)


def print_pacs(found: Mapping[str, Any], console: Console) -> None:
    """Print what came back to the demo's PACS, where it can be looked at, and what to try next."""
    counts = ", ".join(f"{count} {state}" for state, count in found["states"].items() if count)
    objects, where = sum(found["objects"].values()), os.path.relpath(found["password_file"])
    console.print(
        f"\nradiographs: {counts}; objects of findings in the PACS: {objects}\n"
        f"look at a study with its report and overlay:\n  {found['page']}\n"
        f"login    {found['user']}, password in {where} after the :\n\n"
        "Next:\n"
        "  . .pneumo/env                    puts the commands on your PATH\n"
        "  pneumo pacs status               where everything is, and what a person must decide\n"
        "  upload a radiograph on the page  a minute later its report is beside it\n"
        "  airflow dags pause pneumonia_pacs\n"
        "  make stop                        stops the servers and this PACS",
        highlight=False,
        soft_wrap=True,
    )


def print_splits(splits: Mapping[str, Any], console: Console) -> None:
    """Print what ``overview.overview`` found: a line per split, then both leaks."""
    shares = {"positive": "positive", "ap": "AP", "pa": "PA", "female": "F", "male": "M"}
    table = Table("split", "images", "people", *shares.values(), box=None)
    for name, row in splits["splits"].items():
        cells = (f"{row[key]:.1%}" for key in shares)
        table.add_row(name, str(row["images"]), str(row["people"]), *cells)
    console.print(table)
    for how, leak in splits["leak"].items():
        console.print(
            f"{how.replace('_', ' ')}: {leak['people_in_two_splits']} people in two splits; "
            f"{leak['validation_images_of_training_people']:.1%} of validation and "
            f"{leak['test_images_of_training_people']:.1%} of test images show someone from train"
            f"{'  (naive, for comparison)' if how == 'by_image' else ''}",
            highlight=False,
            soft_wrap=True,
        )


def _figures(metrics: Mapping[str, Any]) -> Table:
    title = f"{metrics['test_images']} test images of {metrics['test_people']} people"
    table = Table("", *MEASURES.values(), title=title, title_justify="left", box=None)
    for name, row in [*_measured(metrics).items(), *metrics["baselines"].items()]:
        style = "bold" if name == "ensemble" else "dim" if name in metrics["baselines"] else ""
        table.add_row(name, *(f"{row[key]:.4f}" for key in MEASURES), style=style)
    return table


def _measured(metrics: Mapping[str, Any]) -> dict[str, dict[str, float]]:
    """The figures of each network, and last of the ensemble."""
    rows = {k: v for k, v in metrics.items() if isinstance(v, dict) and "map" in v}
    rows["ensemble"] = rows.pop("ensemble")
    return rows


def _comparison(metrics: Mapping[str, Any]) -> str:
    ours = metrics["ensemble"]["map"]
    networks = {name: row["map"] for name, row in _measured(metrics).items() if name != "ensemble"}
    best = max(networks, key=lambda name: networks[name])
    beaten = "beats each of its networks" if ours > networks[best] else f"does not beat {best}"
    return f"On these images the ensemble {beaten} ({ours:.4f}; best network {networks[best]:.4f})."
