"""Follows a training: a bar on a terminal, else a line per epoch; keeps the history."""

import math
import time
from collections.abc import Callable
from typing import Any

import keras
from rich.console import Console
from rich.progress import BarColumn, Progress, TextColumn, TimeRemainingColumn

from pneumo.errors import PneumoError

Figures = dict[str, float]


class Watch(keras.callbacks.Callback):
    """Keeps and shows the figures of every epoch, and hands them to ``send(number, figures)``.

    ``measure`` is the figure that is shown beside the loss. ``history`` has a row per epoch,
    without the seconds, so that the same training gives the same history; ``send`` gets the seconds
    too. Raises PneumoError when a figure is not finite.
    """

    def __init__(
        self,
        name: str,
        epochs: int,
        send: Callable[[int, Figures], None],
        measure: str = "iou",
    ) -> None:
        super().__init__()
        self._measure = measure
        self.history: list[Figures] = []
        self._name, self._epochs, self._send = name, epochs, send
        self._began = time.monotonic()
        self._console = Console()
        self._bar = Progress(
            TextColumn("{task.description}"),
            BarColumn(),
            TextColumn("{task.fields[figures]}"),
            TimeRemainingColumn(),
            console=self._console,
            transient=True,
            disable=not self._console.is_terminal,
        )

    def resume(self, history: list[Figures]) -> int:
        """Take up the rows of a training that was killed; send them, and return their number."""
        self.history += history
        for row in history:
            self._send(int(row["epoch"]), {k: v for k, v in row.items() if k != "epoch"})
        if history:
            print(f"{self._name}: going on after epoch {len(history)}", flush=True)
        return len(history)

    def on_train_begin(self, logs: Any = None) -> None:
        """Show the bar."""
        steps = self.params["steps"] or 1
        done, total = len(self.history) * steps, self._epochs * steps
        self._task = self._bar.add_task(self._name, total=total, completed=done, figures="")
        self._bar.start()

    def on_train_end(self, logs: Any = None) -> None:
        """Take the bar away."""
        self._bar.stop()

    def on_epoch_begin(self, epoch: int, logs: Any = None) -> None:
        """Start the epoch's clock."""
        self._began, self._number = time.monotonic(), epoch + 1

    def on_train_batch_end(self, batch: int, logs: Any = None) -> None:
        """Move the bar on; stop on a loss that is not finite."""
        if logs:
            self._finite("loss", float(logs["loss"]), f"batch {batch + 1} of epoch {self._number}")
        if not self._bar.disable and logs:
            figures = " ".join(f"{k} {float(logs[k]):.3f}" for k in ("loss", self._measure))
            self._bar.update(self._task, advance=1, figures=figures)

    def on_epoch_end(self, epoch: int, logs: Any = None) -> None:
        """Keep, show and send the figures of an epoch; stop on one that is not finite."""
        number, seconds = epoch + 1, time.monotonic() - self._began
        figures = {key: float(f"{value:.6g}") for key, value in sorted((logs or {}).items())}
        for key, value in figures.items():
            self._finite(key, value, f"epoch {number}")
        figures["learning_rate"] = self._learning_rate()
        self.history.append({"epoch": number, **figures})
        if self._bar.disable:
            print(self._line(number, figures, seconds), flush=True)
        self._send(number, {**figures, "seconds": seconds})

    def _finite(self, key: str, value: float, where: str) -> None:
        if not math.isfinite(value):
            self._bar.stop()
            raise PneumoError(
                f"{self._name}: {key} is {value} in {where}; a lower train.learning_rate "
                f"would do (it is {self._learning_rate():g})"
            )

    def _line(self, number: int, figures: Figures, seconds: float) -> str:
        keys = ("loss", "val_loss", f"val_{self._measure}")
        shown = " ".join(f"{key} {figures[key]:.3f}" for key in keys)
        return f"{self._name} epoch {number}/{self._epochs} {shown} {seconds:.1f} s"

    def _learning_rate(self) -> float:
        return float(f"{float(self.model.optimizer.learning_rate):.6g}")
