"""The stages in their order, each on some of the data, and what each takes for all of them."""

import sys
from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import TYPE_CHECKING, Any

from pneumo.experiments.crossval import write_settings
from pneumo.rehearsal import _processes
from pneumo.rehearsal._checks import Found
from pneumo.rehearsal._forecast import (
    VALIDATION_BATCH,
    Pace,
    Trained,
    epoch_s,
    line,
    pace_of,
    paced,
    training_s,
)
from pneumo.rehearsal._needs import Counts, maps_bytes
from pneumo.rehearsal._processes import Took
from pneumo.rehearsal._sample import choose, repeat, write_sample
from pneumo.rehearsal._words import duration, gib

if TYPE_CHECKING:
    from pneumo.base.settings import Settings, TrainSettings

EPOCHS = 2
"""Of a rehearsed training: in the first one steps are compiled, the second one is timed."""

READABLE = 0.9
"""Share of a sample on which a rehearsal counts; ``prepare`` ends when fewer can be read."""

TIMES = 8
"""How often held-out images are repeated to see what more of them take."""

SCORED, SCORED_FEW, PER = 20, 4, 1_000
"""Radiographs that are scored, twice as few first, and of how many the time is told."""


def shortened(train: "TrainSettings") -> dict[str, Any]:
    """Settings of a training of few epochs, each as most of the whole training's are."""
    return {
        "train.epochs": EPOCHS,
        "train.frozen_epochs": EPOCHS if train.stays_frozen else 0,
        "train.patience": EPOCHS,
        "train.pictures": 0,
    }


@dataclass
class Whole:
    """What a stage took in the rehearsal, and what it takes in the whole: seconds and bytes."""

    took: Took
    seconds: float = 0.0
    memory: float = 0.0
    note: str = ""

    def to_json(self) -> dict[str, Any]:
        """For the report; of the GPU, bytes where there is one."""
        gpu = next((one for one in self.took.told if one["step"] == "gpu"), None)
        return {
            "rehearsed_seconds": self.took.seconds,
            "rehearsed_memory_bytes": self.took.memory,
            "rehearsed_written_bytes": self.took.written,
            "seconds": self.seconds,
            "memory_bytes": self.memory,
            "gpu_bytes": gpu and gpu["peak"],
            "fault": self.took.fault,
        }


@dataclass
class Rehearsed:
    """All stages by name, and how fast each network is."""

    stages: dict[str, Whole] = field(default_factory=dict)
    paces: dict[str, Pace] = field(default_factory=dict)
    epochs: dict[str, float] = field(default_factory=dict)
    faults: list[str] = field(default_factory=list)


def sampled(found: Found, settings: "Settings", steps: int, people: int) -> Counts:
    """How many of ``people``, an image each, a rehearsal learns from, chooses by and judges on."""
    usable = int(people * READABLE)
    held = min(VALIDATION_BATCH, found.counts.validation, found.counts.test, usable // 4)
    wanted = steps * settings.train.batch_size
    return Counts(min(wanted, found.counts.train, usable - 2 * held), held, held)


class Run:
    """A rehearsal of ``settings``, which are in the file ``recipe``, in the folder ``work``."""

    def __init__(
        self, work: Path, recipe: Path, settings: "Settings", found: Found, steps: int, images: int
    ) -> None:
        self.work, self.recipe, self.settings, self.found = work, recipe, settings, found
        files = {path.stem for path in found.dataset.files}
        there = found.images[found.images["patientId"].isin(files)]
        wanted = int((steps * settings.train.batch_size + 2 * VALIDATION_BATCH) / READABLE) + 1
        self.chosen = choose(there, max(images, wanted))
        self.some = sampled(found, settings, steps, len(self.chosen))
        self.done = Rehearsed()

    def all(self) -> Rehearsed:
        """Every stage; what follows on a failed one is left out."""
        self._validate()
        if not self._prepare():
            return self.done
        trained = [self._train(model) for model in self.settings.models]
        if all(trained) and self._held_out("tune") and self._held_out("evaluate"):
            self._repeated()
            if self._promote():
                self._score()
        return self.done

    def _write(self, name: str, root: Path, counts: tuple[int | None, int, int]) -> Path:
        """The recipe's settings for a rehearsal on the data at ``root``."""
        train, validation, test = counts
        changes: dict[str, Any] = {
            "data.root": str(root),
            "data.train_images": train,
            "data.validation_images": validation,
            "data.test_images": test,
            "data.reserved_test": None,
            **shortened(self.settings.train),
        }
        return self._settings(name, changes)

    def _settings(self, name: str, changes: Mapping[str, Any]) -> Path:
        path = self.work / f"{name}.yaml"
        write_settings(self.recipe, changes, path)
        return path

    def _paths(self, folder: Path) -> dict[str, Path]:
        names = ("prepared", "models", "reports")
        return {**{name: folder / name for name in names}, "scored": folder / "scored"}

    def _run(self, name: str, stage: str, settings: Path, folder: Path, **asked: Any) -> Took:
        """Run a stage and note its fault."""
        print(f"rehearsing {name} ...", file=sys.stderr, flush=True)
        took = _processes.run(self.work, stage, settings, self._paths(folder), **asked)
        told = took.fault or f"{took.seconds:.1f} s, {gib(took.memory)}"
        print(f"rehearsing {name}: {told.splitlines()[0]}", file=sys.stderr, flush=True)
        if took.fault:
            self.done.faults += [f"{name}: {one.strip()}" for one in took.fault.splitlines()]
        return took

    def _validate(self) -> None:
        root = str(Path(self.settings.data.root).resolve())
        used = self._settings("all", {"data.root": root})
        took = self._run("validate", "validate", used, self.work)
        self.done.stages["validate"] = Whole(took, took.seconds, took.memory)

    def _prepare(self) -> bool:
        few = max(10, len(self.chosen) // 8)
        folders = [self.work / "few-data", self.work / "data"]
        write_sample(self.found.dataset, choose(self.chosen, few), folders[0])
        write_sample(self.found.dataset, self.chosen, folders[1])
        used = self._write("few", folders[0], (None, 1, 1))
        low = self._run("prepare, some files", "prepare", used, self.work / "few")
        counts = (self.some.train, self.some.validation, self.some.test)
        self.used = self._write("some", folders[1], counts)
        high = self._run("prepare", "prepare", self.used, self.work)
        files = len(list(folders[0].glob("*/*.dcm"))), len(list(folders[1].glob("*/*.dcm")))
        seconds = _seconds((files[0], low), (files[1], high), len(self.found.images))
        self.done.stages["prepare"] = Whole(high, seconds, high.memory)
        return not high.fault

    def _train(self, model: str) -> bool:
        name = f"train {model}"
        took = self._run(name, "train", self.used, self.work, model=model)
        whole = Whole(took)
        self.done.stages[name] = whole
        if took.fault:
            return False
        tried = self._trained(self.some, EPOCHS)
        all_ = self._trained(self.found.counts, self.settings.train.epochs)
        pace = pace_of(took.told, took.seconds, tried)
        self.done.paces[model], self.done.epochs[model] = pace, epoch_s(pace, all_)
        whole.seconds = training_s(pace, tried, all_)
        more = self.found.counts.held_out - self.some.held_out
        whole.memory = took.memory + maps_bytes(self.settings, more)
        said = f"{duration(self.done.epochs[model])} an epoch, {duration(whole.seconds)} in all"
        print(f"{name}: {said}", file=sys.stderr, flush=True)
        return True

    def _trained(self, counts: Counts, epochs: int) -> Trained:
        size = self.settings.train.batch_size
        return Trained(max(1, counts.train // size), size, counts.validation, counts.test, epochs)

    def _held_out(self, stage: str) -> bool:
        took = self._run(stage, stage, self.used, self.work)
        self.done.stages[stage] = Whole(took, took.seconds, took.memory)
        return not took.fault

    def _repeated(self) -> None:
        """What ``tune`` and ``evaluate`` take for more images than were rehearsed."""
        counts, some = self.found.counts, self.some
        times = min(TIMES, counts.validation // some.validation, counts.test // some.test)
        if times < 2:
            return
        folder = self.work / "more"
        repeat(self.work / "prepared", self.work / "models", folder, times)
        for stage, n, total in (
            ("tune", some.validation, counts.validation),
            ("evaluate", some.test, counts.test),
        ):
            whole = self.done.stages[stage]
            took = self._run(f"{stage}, more images", stage, self.used, folder)
            if took.fault:
                return
            few, more = whole.took, n * times
            whole.seconds = _seconds((n, few), (more, took), total)
            whole.memory = line((n, few.memory), (more, took.memory), total)

    def _promote(self) -> bool:
        """Its time is that of few test images until it is known how fast they are scored."""
        took = self._run("promote", "promote", self.used, self.work)
        self.done.stages["promote"] = Whole(took, took.seconds, took.memory)
        return not took.fault

    def _score(self) -> None:
        """The time of ``PER`` radiographs, once the graphs are made."""
        files = [str(p.resolve()) for p in sorted((self.work / "data").glob("*/*.dcm"))[:SCORED]]
        few = files[:SCORED_FEW]
        first = self._run("score, first", "score", self.used, self.work / "first", inputs=few)
        if first.fault:
            return
        low = self._run("score, some files", "score", self.used, self.work / "again", inputs=few)
        high = self._run("score", "score", self.used, self.work, inputs=files)
        counted = (len(few), low), (len(files), high)
        seconds = _seconds(*counted, PER)
        whole = Whole(high, seconds, max(first.memory, high.memory))
        whole.note = f"of {PER:,} radiographs; graphs are made once, {first.seconds:.0f} s"
        self.done.stages["score"] = whole
        self._compare_more(_seconds(*counted, PER + 1) - seconds)

    def _compare_more(self, one: float) -> None:
        """Add to a promotion the test images that it compares precisions on, ``one`` s each."""
        from pneumo.registry.agree import asked_here, computed_here  # MLflow is not needed before

        if computed_here(asked_here(self.settings.score)):
            more = self.found.counts.test - self.some.test
            self.done.stages["promote"].seconds += one * more


def _seconds(few: tuple[int, Took], many: tuple[int, Took], all_: int) -> float:
    (n, low), (m, high) = few, many
    return paced((n, low.seconds, low.work), (m, high.seconds, high.work), all_)
