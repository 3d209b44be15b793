"""A rehearsal as words: a table for a terminal, and what the whole takes."""

from collections.abc import Iterator, Mapping
from typing import Any

from rich.console import Console
from rich.table import Table

from pneumo.rehearsal._words import duration, gib


def show(told: Mapping[str, Any]) -> None:
    """Print what ``rehearse`` found."""
    console = Console(width=120, highlight=False)
    console.print(_stages(told))
    for sentence in _sentences(told):
        console.print(sentence, soft_wrap=True)


def _stages(told: Mapping[str, Any]) -> Table:
    table = Table(box=None, pad_edge=False)
    for name in ("stage", "here", "memory", "written", "GPU", "the whole", "memory of it"):
        table.add_column(name, justify="left" if name == "stage" else "right")
    for name, row in told["stages"].items():
        if row["fault"]:
            cells = ["", "", "failed", ""]
        else:
            cells = [
                gib(row["rehearsed_written_bytes"]),
                gib(row["gpu_bytes"]) if row["gpu_bytes"] else "-",
                duration(row["seconds"]),
                gib(row["memory_bytes"]),
            ]
        here = duration(row["rehearsed_seconds"]), gib(row["rehearsed_memory_bytes"])
        table.add_row(name, *here, *cells)
    return table


def _sentences(told: Mapping[str, Any]) -> Iterator[str]:
    counts, machine = told["images"], told["machine"]
    yield (
        f"{counts['train']:,} images to learn from, {counts['validation']:,} to choose by, "
        f"{counts['test']:,} to judge on; rehearsed: {told['rehearsed_images']:,} images, "
        f"{told['steps']} steps an epoch"
    )
    for name, row in told["networks"].items():
        yield (
            f"{name}: first step {duration(row['first_steps'])} more, then {row['step']:.2f} s a "
            f"step; {duration(row['epoch_seconds'])} an epoch"
        )
    if told["totals"]:
        totals = ", ".join(
            f"{duration(seconds)} with {jobs} at a time" for jobs, seconds in told["totals"].items()
        )
        yield f"the recipe, if no epoch is spared: {totals}, a device each"
    parts = ", ".join(f"{name} {gib(count)}" for name, count in told["disk"].items())
    peak, free = gib(told["disk_peak_bytes"]), gib(machine["disk_bytes"])
    yield f"disk: {peak} at a time ({parts}); {free} free"
    yield (
        f"{machine['cores']} cores, load {machine['load']:.1f}, {gib(machine['memory_bytes'])} of "
        f"memory free, {machine['gpus']} GPUs; {machine['backend']}, {_precision(told)}"
    )
    if score := told["stages"].get("score"):
        yield f"score: {score['note']}"


def _precision(told: Mapping[str, Any]) -> str:
    """The setting, and what ``auto`` was here."""
    asked, was = told["precision"], told["computed_in"]
    return (
        f"{asked}, which is {was.removeprefix('mixed_')} here" if asked == "auto" and was else asked
    )
