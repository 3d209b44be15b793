"""Follows a training: a bar on a terminal, else a line per epoch; keeps the history."""

import math
import time
from collections.abc import Callable
from typing import Any

import keras
from rich.console import Console
from rich.progress import BarColumn, Progress, TextColumn, TimeRemainingColumn

from pneumo.base.errors import PneumoError
from pneumo.training._diverging import BATCHES, Divergence
from pneumo.training.batches import Batches

Figures = dict[str, float]


class Watch(keras.callbacks.Callback):
    """Keeps and shows the figures of every epoch, and hands them to ``send(number, figures)``.

    ``measure`` is the figure that is shown beside the loss. ``history`` has a row per epoch,
    without times, so that the same training gives the same history; ``send`` gets them too:
    ``seconds`` of the epoch, ``images_per_second`` in training and ``waiting_share``, the share of
    that time in which a step had begun and its batch was asked of ``shown`` and not there yet.
    A step's loss is looked at when the next step is under way, so that a GPU never waits for it.
    Raises PneumoError when a figure is not finite or the loss diverges.
    """

    def __init__(
        self,
        name: str,
        epochs: int,
        send: Callable[[int, Figures], None],
        shown: Batches,
        measure: str = "iou",
    ) -> None:
        super().__init__()
        self._measure = measure
        self.history: list[Figures] = []
        self._name, self._epochs, self._send = name, epochs, send
        self._shown = shown
        self._divergence = Divergence()
        self._unseen: tuple[int, Figures] | None = None  # a step's number and figures
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
        """Start the epoch's clocks."""
        self._began = self._trained = time.monotonic()
        self._number, self._batches, self._waited = epoch + 1, 0, 0.0
        self._divergence.begin_epoch()

    def on_train_batch_begin(self, batch: int, logs: Any = None) -> None:
        """Start the clock of a step."""
        self._step_began = time.monotonic()

    def on_train_batch_end(self, batch: int, logs: Any = None) -> None:
        """Count what the step waited for data; look at the step before."""
        asked, ready = self._shown.waits.get(batch, (0.0, 0.0))
        self._waited += max(0.0, ready - max(asked, self._step_began))
        self._look()
        self._unseen = (batch, logs or {})

    def on_test_begin(self, logs: Any = None) -> None:
        """Look at the epoch's last step before its validation."""
        self._look()

    def _look(self) -> None:
        """Move the bar on; stop on a loss that is not finite, or too high for too long."""
        if self._unseen is None:
            return
        (batch, figures), self._unseen = self._unseen, None
        loss = float(figures["loss"])  # waits for the device, so that the clock below is right
        self._batches, self._trained = batch + 1, time.monotonic()
        self._finite("loss", loss, f"batch {batch + 1} of epoch {self._number}")
        self._divergence.add(batch, loss)
        if self.history and (mean := self._divergence.exceeds(self.history[0]["loss"])):
            self._stop(
                f"the loss diverges: {mean:.3g} over the last {BATCHES} batches, up to batch "
                f"{batch + 1} of epoch {self._number}, against {self.history[0]['loss']:.3g} in "
                f"the first epoch"
            )
        if not self._bar.disable:
            measured = f"{self._measure} {float(figures[self._measure]):.3f}"
            shown = f"loss {loss:.3f} {measured} {self._rate():.0f} images/s"
            self._bar.update(self._task, advance=1, figures=shown)

    def on_epoch_end(self, epoch: int, logs: Any = None) -> None:
        """Keep, show and send the figures of an epoch; stop on one that is not finite."""
        self._look()
        number = epoch + 1
        figures = {key: float(f"{value:.6g}") for key, value in sorted((logs or {}).items())}
        for key, value in figures.items():
            self._finite(key, value, f"epoch {number}")
        figures["learning_rate"] = self._learning_rate()
        self.history.append({"epoch": number, **figures})
        times = {
            "seconds": time.monotonic() - self._began,
            "images_per_second": self._rate(),
            "waiting_share": self._waited / max(self._trained - self._began, 1e-9),
        }
        if self._bar.disable:
            print(self._line(number, {**figures, **times}), flush=True)
        self._send(number, {**figures, **times})

    def _rate(self) -> float:
        """Images per second of this epoch's training, without its validation."""
        return self._batches * self._shown.batch_size / max(self._trained - self._began, 1e-9)

    def _finite(self, key: str, value: float, where: str) -> None:
        if not math.isfinite(value):
            self._stop(f"{key} is {value} in {where}")

    def _stop(self, why: str) -> None:
        """Raise PneumoError with what to try."""
        self._bar.stop()
        raise PneumoError(
            f"{self._name}: {why}; a lower train.learning_rate would do (it is "
            f"{self._learning_rate():g}), or train.schedule cosine with a longer "
            f"train.warmup_epochs"
        )

    def _line(self, number: int, figures: Figures) -> str:
        keys = ("loss", "val_loss", f"val_{self._measure}")
        shown = " ".join(f"{key} {figures[key]:.3f}" for key in keys)
        left = (self._epochs - number) * figures["seconds"] / 60
        return (
            f"{self._name} epoch {number}/{self._epochs} {shown} {figures['seconds']:.1f} s, "
            f"{figures['images_per_second']:.1f} images/s, "
            f"{figures['waiting_share']:.1%} waiting for data, at most {left:.0f} min left"
        )

    def _learning_rate(self) -> float:
        rate = keras.ops.convert_to_numpy(self.model.optimizer.learning_rate)
        return float(f"{float(rate):.6g}")
