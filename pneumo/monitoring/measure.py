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
from pneumo.monitoring._judge import ALARM, UNKNOWN, judge
from pneumo.monitoring._kept import known_standing
from pneumo.monitoring._page import page
from pneumo.monitoring._reference import (
    freeze,
    freeze_first,
    profile_of,
    reference_of,
    said_of,
)
from pneumo.monitoring._state import Batch, State
from pneumo.monitoring._told import tell, tell_deletion

if TYPE_CHECKING:
    from pneumo.base.settings import MonitorSettings

FEWEST = 20
"""Radiographs under which a window waits, however old it is."""

QUIET = "quiet"
WAITS = "waits"


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
        for model in state.models():
            _close(state, model, monitor, today)
            _baseline(state, model)
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
        model = _newest(state)
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
    ensembles with their number of windows."""
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
    before = state.windows(model)
    reference = reference_of(state, model, profile) if profile else None
    verdict = {
        "window": len(before) + 1,
        "model": model,
        "version": images.version,
        "from": pending[0].day.isoformat(),
        "to": pending[-1].day.isoformat(),
        "batches": [batch.name for batch in pending],
        "parts": sorted({name for batch in pending for name in batch.parts()}),
        **judge(images, profile, reference, before, monitor.false_alarms),
    }
    state.add_window(model, verdict)


def _is_closed(
    images: Images, pending: Sequence[Batch], monitor: "MonitorSettings", today: date
) -> bool:
    accepted = int((images.column("reason") == "").sum())
    old = (today - pending[0].day).days >= monitor.window_days
    return accepted >= monitor.window_images or (old and accepted >= FEWEST)


def _forget(state: State, model: str, today: date, keep_days: int) -> None:
    """Delete whole files of radiographs of closed windows; verdicts stay."""
    before = today - timedelta(days=keep_days)
    waiting = {batch.name for batch in state.pending(model)}
    for batch in state.batches(model):
        if batch.day < before and batch.name not in waiting:
            tell_deletion(model, batch, keep_days)
            batch.path.unlink()


def _newest(state: State) -> str:
    """The ensemble that scored last, which after a rollback has the lower number.

    Of two on one day the one with an alarm.
    """

    def last(model: str) -> tuple[str, bool, int, str]:
        windows, batches = state.windows(model), state.batches(model)
        number = max([w["version"] for w in windows[-1:]] + [Images(batches[-1:]).version])
        day = max([b.day.isoformat() for b in batches[-1:]] + [w["to"] for w in windows[-1:]])
        return day, any(w["level"] == ALARM for w in windows[-1:]), number, model

    return max(state.models(), key=last, default="")


def _summary(state: State) -> dict[str, Any]:
    model = _newest(state)
    windows, pending = state.windows(model), state.pending(model)
    images = Images(pending)
    scored = int((images.column("reason") == "").sum())
    waiting: dict[str, Any] = {
        "images": len(images),
        "scored": scored,
        "rejected": len(images) - scored,
    }
    waiting |= {"since": pending[0].day.isoformat() if pending else ""}
    level, sentence = _standing(windows, waiting)
    return {
        "model": model,
        "version": max([w["version"] for w in windows[-1:]] + [images.version]),
        "level": level,
        "sentence": sentence,
        "windows": windows,
        "open": waiting,
        "baselines": said_of(state, model),
        "labels": known_standing(state.folder, model),
        "older": [
            {"model": other, "windows": len(state.windows(other))}
            for other in state.models()
            if other != model
        ],
    }


def _standing(windows: Sequence[Mapping[str, Any]], waiting: Mapping[str, Any]) -> tuple[str, str]:
    """The light: that of the last window that could be judged; before it, that nothing is known."""
    judged = [window for window in windows if window["level"] != UNKNOWN]
    alarmed = bool(judged) and judged[-1]["level"] == ALARM
    if windows and not alarmed and waiting["rejected"] >= max(FEWEST, waiting["scored"] + 1):
        return WAITS, (
            f"Most files are refused: {waiting['rejected']} of {waiting['images']} since "
            f"{waiting['since']}; look at the reasons and the source."
        )
    if judged:
        return judged[-1]["level"], judged[-1]["sentence"]
    if windows:
        return UNKNOWN, windows[-1]["sentence"]
    if waiting["images"] and not waiting["scored"]:
        return WAITS, "Nothing can be judged: every file so far was refused."
    return WAITS, (
        f"Too few radiographs to judge: {waiting['scored']} so far; "
        f"a window needs {FEWEST} at least."
    )


def brief(found: Mapping[str, Any]) -> dict[str, Any]:
    """What the next tasks, and Assets, may know of what ``show`` returns: nothing of one person."""
    last = found["windows"][-1] if found["windows"] else {}
    return {
        "level": found["level"],
        "sentence": found["sentence"],
        "version": found["version"],
        "windows": len(found["windows"]),
        "signals": last.get("signals", {}),
        "drivers": [driver["words"] for driver in last.get("drivers", [])],
        "retrain": found["labels"].get("reasons", []),
    }
