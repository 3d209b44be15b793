"""One run of the monitor: take in what is new, judge each closed window once, write the page.

A window is whole days: it closes at the end of a run in which it holds ``monitor.window_images``
accepted radiographs, or is ``monitor.window_days`` old and holds 20. Verdicts do not change.
"""

from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from datetime import date, timedelta
from pathlib import Path
from typing import TYPE_CHECKING, Any

from pneumo.base.errors import DataError
from pneumo.base.files import write_json, write_text
from pneumo.base.locks import alone
from pneumo.monitoring._images import Images, Results, take_in
from pneumo.monitoring._judge import judge, unjudged
from pneumo.monitoring._kept import known_standing
from pneumo.monitoring._light import FEWEST, last_day, light, newest, version_of, waiting
from pneumo.monitoring._page import page
from pneumo.monitoring._reference import (
    freeze,
    freeze_first,
    profile_of,
    reference_of,
    said_of,
)
from pneumo.monitoring._state import SHORT, Batch, Run, State
from pneumo.monitoring._told import tell, tell_deletion

if TYPE_CHECKING:
    from pneumo.base.settings import MonitorSettings


def measure(
    results: Results, folder: Path, *, monitor: "MonitorSettings", today: date
) -> dict[str, Any]:
    """Take in what is new of ``results``, judge what is closed; returns what ``show`` returns.

    ``folder`` is the monitor's own. The same again changes nothing. Raises DataError when what it
    keeps is not what it wrote.
    """
    with _held(folder) as state:
        for model in state.models():
            _baseline(state, model)
            tell(state, model)
        take_in(state, results, today)
        state.keep_run(_run(state, results, monitor.window_days, today))
        for model in state.models():
            _close(state, model, monitor, today)
            _baseline(state, model)
            tell(state, model)
            _expire(state, model, today, monitor.keep_days)
            tell(state, model)
            _forget(state, model, today, monitor.keep_days)
        found = _summary(state)
        write_text(folder / "index.html", page(found, monitor))
        write_json(folder / "summary.json", brief(found))
    return found


def baseline(folder: Path, because: str, *, monitor: "MonitorSettings", today: date) -> str:
    """Freeze a new reference for the newest ensemble; returns its name.

    Raises PneumoError without a reason, DataError while too little was scored.
    """
    with _held(folder) as state:
        model = newest(state)
        profile = profile_of(state, model) if model else None
        if profile is None:
            raise DataError(f"{folder}: holds nothing that was measured; run `pneumo monitor run`")
        name = freeze(state, model, profile, because, today)
        tell(state, model)
        found = _summary(state)
        write_text(folder / "index.html", page(found, monitor))
        write_json(folder / "summary.json", brief(found))
    return name


def show(folder: Path) -> dict[str, Any]:
    """What is known: ``level``, ``sentence``, ``windows`` and ``baselines`` of the newest ensemble,
    ``labels`` (the last standing of readers' verdicts), ``open`` (radiographs that wait), ``older``
    ensembles with their last verdict, ``shown`` (the verdict behind the level), ``day`` (of the
    last run). The level is as of that day: the gravest of all ensembles in use of late."""
    if not folder.is_dir():
        raise DataError(f"{folder}: nothing was measured there; run `pneumo monitor run RESULTS`")
    return _summary(State(folder))


@contextmanager
def _held(folder: Path) -> Iterator[State]:
    folder.mkdir(parents=True, exist_ok=True)
    folder.chmod(0o700)
    with alone(folder / ".lock"):
        yield State(folder)


def _baseline(state: State, model: str) -> None:
    profile = profile_of(state, model)
    if profile is not None:
        freeze_first(state, model, profile)


def _close(state: State, model: str, monitor: "MonitorSettings", today: date) -> None:
    pending = state.pending(model)
    if not pending:
        return
    images = Images(pending)
    if not _is_closed(images, pending, monitor, today):
        return
    profile = profile_of(state, model)
    reference = reference_of(state, model, profile) if profile else None
    before = state.windows(model)
    verdict = judge(images, profile, reference, before, monitor.false_alarms)
    _add(state, model, pending, images.version, verdict)


def _expire(state: State, model: str, today: date, keep_days: int) -> None:
    """Close what waits for longer than it may be kept; it was too little to be judged."""
    before = today - timedelta(days=keep_days)
    old = [batch for batch in state.pending(model) if batch.day < before]
    images = Images(old)
    if len(images):
        why = f"fewer than {FEWEST} answered radiographs came in {keep_days} days; they are deleted"
        _add(state, model, old, images.version, unjudged(images, why))


def _add(
    state: State, model: str, batches: Sequence[Batch], version: int, verdict: Mapping[str, Any]
) -> None:
    about = {
        "window": len(state.windows(model)) + 1,
        "model": model,
        "version": version,
        "from": batches[0].day.isoformat(),
        "to": batches[-1].day.isoformat(),
        "batches": [batch.name for batch in batches],
        "parts": sorted({name for batch in batches for name in batch.parts()}),
    }
    state.add_window(model, {**about, **verdict})


def _is_closed(
    images: Images, pending: Sequence[Batch], monitor: "MonitorSettings", today: date
) -> bool:
    accepted = int((images.column("reason") == "").sum())
    first = next((batch.day for batch in pending if batch.images), today)
    old = (today - first).days >= monitor.window_days
    return accepted >= monitor.window_images or (old and accepted >= FEWEST)


def _forget(state: State, model: str, today: date, keep_days: int) -> None:
    """Delete whole files of radiographs of closed windows; verdicts stay."""
    before = today - timedelta(days=keep_days)
    waiting = {batch.name for batch in state.pending(model)}
    for batch in state.batches(model):
        if batch.day < before and batch.name not in waiting:
            tell_deletion(model, batch, keep_days)
            batch.path.unlink()


def _run(state: State, results: Results, window_days: int, today: date) -> Run:
    """This run: an ensemble that was asked since the last one is in use today."""
    asked = {digest[:SHORT]: at for digest, at in results.asked().items()}
    before = state.last_run()
    known = before.asked if before else {}
    new = {model for model, at in asked.items() if at > known.get(model, "")}
    if not before:  # when the others were asked for the first time nobody knows
        new = {max(asked, key=lambda model: (asked[model], model))} if asked else set()
    days = dict(before.days) if before else {}
    days |= dict.fromkeys(sorted(new), today.isoformat())
    return Run(today, window_days, {**known, **asked}, days)


def _summary(state: State) -> dict[str, Any]:
    model = newest(state)
    open_window = waiting(state, model)
    shown = light(state, model, open_window)
    run = state.last_run()
    return {
        "model": model,
        "version": version_of(state, model),
        "day": run.day.isoformat() if run else "",
        "level": shown.level,
        "sentence": shown.sentence,
        "shown": dict(shown.window),
        "windows": state.windows(model),
        "open": open_window,
        "baselines": said_of(state, model),
        "labels": known_standing(state.folder, model),
        "older": [_older(state, other) for other in state.models() if other != model],
    }


def _older(state: State, model: str) -> dict[str, Any]:
    windows = state.windows(model)
    return {
        "model": model,
        "version": version_of(state, model),
        "until": last_day(state, model),
        "windows": len(windows),
        "level": windows[-1]["level"] if windows else "",
        "sentence": windows[-1]["sentence"] if windows else "",
    }


def brief(found: Mapping[str, Any]) -> dict[str, Any]:
    """What the next tasks, and Assets, may know of what ``show`` returns: nothing of one person."""
    last = found.get("shown", {})
    return {
        "level": found["level"],
        "sentence": found["sentence"],
        "version": found["version"],
        "windows": len(found["windows"]),
        "signals": last.get("signals", {}),
        "drivers": [driver["words"] for driver in last.get("drivers", [])],
        "retrain": found["labels"].get("reasons", []),
    }
