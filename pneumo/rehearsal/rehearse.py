"""Every stage of a recipe for a few steps, and what the whole will take."""

import os
from pathlib import Path
from typing import TYPE_CHECKING, Any

from pneumo.base.aside import aside
from pneumo.base.backends import keras_backend
from pneumo.base.errors import PneumoError
from pneumo.base.files import write_json
from pneumo.base.gpus import list_gpus
from pneumo.rehearsal._checks import Found, look
from pneumo.rehearsal._forecast import makespan
from pneumo.rehearsal._limits import disk_bytes, existing, gpu_bytes, memory_bytes
from pneumo.rehearsal._needs import disk_bytes as needed_on_disk
from pneumo.rehearsal._needs import peak_disk_bytes
from pneumo.rehearsal._run import Rehearsed, Run
from pneumo.rehearsal._told import show
from pneumo.rehearsal._words import gib

if TYPE_CHECKING:
    from pneumo.base.settings import Settings

ONCE = ("validate", "prepare", "tune", "evaluate", "promote")
"""Stages that run once in a recipe, one after another."""

JOBS = (1, 2, 4)
"""Trainings at a time for which a total is told, beside what is asked."""


def rehearse(
    name: str,
    recipe: Path,
    settings: "Settings",
    out: Path,
    *,
    steps: int,
    images: int,
    jobs: int,
) -> dict[str, Any]:
    """Rehearse ``settings``, which the file ``recipe`` holds; write and print what was found.

    ``name`` is what the recipe is called.

    ``steps`` are those of an epoch, of which each network has two; ``images`` are read at least;
    ``jobs`` trainings run at a time in the whole. With 0 ``steps`` nothing runs: only what would
    fail is looked for. All is done in a hidden folder of the current one, which goes at the end;
    what a kill leaves there goes at the next rehearsal. Raises PneumoError with a line per fault.
    """
    found, faults = look(settings, jobs)
    _refuse(name, faults)
    assert found is not None
    if not steps:
        print(f"{name}: nothing was found that would fail; no stage was run")
        return {}
    memory = memory_bytes()
    load = os.getloadavg()[0]
    with aside(Path("rehearsal")) as work:
        work.mkdir()
        run = Run(work.resolve(), recipe, settings, found, steps, images)
        done = run.all()
    told: dict[str, Any] = {
        "recipe": name,
        "steps": steps,
        "precision": settings.train.precision,
        "computed_in": _computed_in(done),
        "rehearsed_images": len(run.chosen),
        **forecast(done, found, settings, jobs),
        "machine": {
            "cores": os.cpu_count(),
            "load": load,
            "memory_bytes": memory,
            "disk_bytes": disk_bytes(existing(Path("models"))),
            "gpus": len(list_gpus()),
            "gpu_bytes": gpu_bytes(),
            "backend": keras_backend(),
        },
    }
    told["faults"] = [*done.faults, *_too_large(done, memory, jobs)]
    write_json(out, told)
    show(told)
    print(f"{out}: the same for programs")
    _refuse(name, told["faults"])
    return told


def _computed_in(done: Rehearsed) -> str | None:
    """What trainings computed in, where one began: ``auto`` is not the same on every device."""
    told = [one for whole in done.stages.values() for one in whole.took.told]
    return next((str(one["computed_in"]) for one in told if one["step"] == "precision"), None)


def forecast(done: Rehearsed, found: Found, settings: "Settings", jobs: int) -> dict[str, Any]:
    """Stages, networks, totals and disk of the whole."""
    stages = {name: {**whole.to_json(), "note": whole.note} for name, whole in done.stages.items()}
    networks = {
        name: {
            **pace.to_json(),
            "epoch_seconds": done.epochs[name],
            "seconds": done.stages[f"train {name}"].seconds,
        }
        for name, pace in done.paces.items()
    }
    disk = needed_on_disk(settings, found.counts, len(found.images), jobs)
    totals = {}
    if all(name in stages and not stages[name]["fault"] for name in ONCE):
        once = sum(stages[name]["seconds"] for name in ONCE)
        trainings = [row["seconds"] for row in networks.values()]
        totals = {str(n): once + makespan(trainings, n) for n in sorted({*JOBS, jobs})}
    return {
        "images": vars(found.counts),
        "stages": stages,
        "networks": networks,
        "totals": totals,
        "disk": disk,
        "disk_peak_bytes": peak_disk_bytes(disk),
        "jobs": jobs,
    }


def _too_large(done: Rehearsed, memory: int, jobs: int) -> list[str]:
    """A line per stage that the memory does not hold, and for trainings at a time."""
    lines = [
        f"{name}: needs {gib(whole.memory)} of memory, and {gib(memory)} are free"
        for name, whole in done.stages.items()
        if whole.memory > memory
    ]
    trainings = sorted(
        (whole.memory for name, whole in done.stages.items() if name.startswith("train ")),
        reverse=True,
    )
    wanted = sum(trainings[:jobs])
    if jobs > 1 and wanted > memory:
        lines.append(
            f"--jobs {jobs}: so many trainings need {gib(wanted)} of memory, and {gib(memory)} are "
            "free; lower it"
        )
    return lines


def _refuse(recipe: str, faults: list[str]) -> None:
    if faults := list(dict.fromkeys(faults)):
        count = f"{len(faults)} problem{'s' if len(faults) > 1 else ''}"
        raise PneumoError("\n".join([f"{recipe}: {count}", *(f"  {one}" for one in faults)]))
