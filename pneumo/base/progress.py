"""Progress of long work: a bar on a terminal, a line now and then elsewhere."""

import sys
import time
from collections.abc import Iterable, Iterator
from typing import TypeVar

from rich.console import Console
from rich.progress import BarColumn, MofNCompleteColumn, Progress, TextColumn, TimeRemainingColumn

Item = TypeVar("Item")
SECONDS_BETWEEN_LINES = 30


def bar() -> Progress:
    """A progress bar on stderr that vanishes at its end and off a terminal."""
    console = Console(stderr=True)
    return Progress(
        TextColumn("{task.description}"),
        BarColumn(),
        MofNCompleteColumn(),
        TextColumn("{task.fields[note]}"),
        TimeRemainingColumn(),
        console=console,
        transient=True,
        disable=not console.is_terminal,
    )


def track(items: Iterable[Item], total: int, description: str, done: int = 0) -> Iterator[Item]:
    """Yield ``items`` while a bar shows how many of ``total`` are done, and how many a second.

    ``done`` were done before. Off a terminal, in the log of a task, a line tells it every
    ``SECONDS_BETWEEN_LINES`` seconds.
    """
    started = told = time.monotonic()
    with bar() as progress:
        task = progress.add_task(description, total=total, completed=done, note="")
        for number, item in enumerate(items, start=1):
            yield item
            now = time.monotonic()
            rate = number / max(now - started, 1e-9)
            progress.update(task, advance=1, note=f"{rate:.0f}/s" if number > 1 else "")
            if progress.disable and now - told >= SECONDS_BETWEEN_LINES:
                told = now
                left = (total - done - number) / rate
                line = f"{done + number:,} of {total:,}, {rate:.0f}/s, {left:.0f} s left"
                print(f"{description}: {line}", file=sys.stderr, flush=True)
