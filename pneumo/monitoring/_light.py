"""The light: one level and one sentence for all ensembles that answered of late.

An ensemble that another one followed keeps its light for ``monitor.window_days`` days, so that its
alarm does not go out because the champion changed; nothing more is expected to come for it.
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from datetime import date
from typing import Any

from pneumo.monitoring._images import Images
from pneumo.monitoring._judge import ALARM, QUIET, UNKNOWN, WARNING
from pneumo.monitoring._state import Run, State
from pneumo.report.timelines import few

FEWEST = 20
"""Radiographs under which a window waits, however old it is."""

WAITS = "waits"
GRAVITY = {level: n for n, level in enumerate((QUIET, WAITS, UNKNOWN, WARNING, ALARM))}

Windows = Sequence[Mapping[str, Any]]


@dataclass(frozen=True)
class Light:
    """How things stand, and the verdict that says so; that is empty where none does."""

    level: str
    sentence: str
    window: Mapping[str, Any] = field(default_factory=dict)


def newest(state: State) -> str:
    """The ensemble (a short sum) that was asked last; blank where none was.

    After a rollback that is one with a lower number, which need not have answered anything new.
    """
    run = state.last_run()

    def last(model: str) -> tuple[str, str, int, str]:
        batches = state.batches(model)
        at = [batch.scored_at for batch in batches[-1:]]
        at += [run.asked.get(model, "")] if run else []
        return last_day(state, model), max(at, default=""), version_of(state, model), model

    return max(state.models(), key=last, default="")


def last_day(state: State, model: str) -> str:
    """The last day on which an ensemble is known to have been in use."""
    run = state.last_run()
    days = [batch.day.isoformat() for batch in state.batches(model)[-1:]]
    days += [window["to"] for window in state.windows(model)[-1:]]
    days += [run.days.get(model, "")] if run else []
    return max(days, default="")


def version_of(state: State, model: str) -> int:
    """The version under which an ensemble answered last."""
    known = [window["version"] for window in state.windows(model)[-1:]]
    return max(known + [batch.version for batch in state.batches(model)[-1:]], default=0)


def waiting(state: State, model: str) -> dict[str, Any]:
    """The open window: ``images``, of these ``scored`` and ``rejected``, ``since`` (a day)."""
    pending = [batch for batch in state.pending(model) if batch.images]
    images = Images(pending)
    scored = int((images.column("reason") == "").sum())
    return {
        "images": len(images),
        "scored": scored,
        "rejected": len(images) - scored,
        "since": pending[0].day.isoformat() if pending else "",
    }


def light(state: State, model: str, open_window: Mapping[str, Any]) -> Light:
    """The gravest light of the newest ensemble, ``model``, and of those that it followed."""
    run = state.last_run()
    lights = [_own(state.windows(model), open_window, run)]
    for other in state.models():
        judged = _judged(state.windows(other))
        if other != model and judged and run and _is_recent(last_day(state, other), run):
            who = f"Version {version_of(state, other)}, in use until {last_day(state, other)}"
            lights.append(Light(judged["level"], f"{who}: {judged['sentence']}", judged))
    return max(lights, key=lambda one: GRAVITY[one.level])


def _own(windows: Windows, open_window: Mapping[str, Any], run: Run | None) -> Light:
    judged, note = _judged(windows), _note(windows, open_window, run)
    if not judged and not windows:
        return Light(WAITS, note or _too_few(open_window))
    said = judged or windows[-1]
    if not note:
        return Light(said["level"], said["sentence"], said)
    if GRAVITY[said["level"]] < GRAVITY[WAITS]:
        return Light(WAITS, note, said)
    return Light(said["level"], f"{said['sentence']} {note}", said)


def _judged(windows: Windows) -> Mapping[str, Any] | None:
    """The last verdict that is one."""
    return next((one for one in reversed(windows) if one["level"] != UNKNOWN), None)


def _note(windows: Windows, open_window: Mapping[str, Any], run: Run | None) -> str:
    """What is wrong with what comes in; blank where nothing is."""
    scored, rejected = open_window["scored"], open_window["rejected"]
    since = open_window["since"]
    if windows and rejected >= max(FEWEST, scored + 1):
        counts = f"{rejected} of {open_window['images']}"
        if 0 < scored < 5:
            counts = f"{rejected} are, and {few(scored)} were answered,"
        return (
            f"Most files are refused: {counts} since {since}; look at the reasons and the source."
        )
    if run is None:
        return ""
    if since and (days := _days(since, run)) >= run.window_days:
        return (
            f"The open window is {days} days old and waits: {few(scored)} answered, "
            f"{few(rejected)} refused since {since}; {FEWEST} answered ones are needed."
        )
    if not since and windows and (days := _days(windows[-1]["to"], run)) > run.window_days:
        return (
            f"Nothing has arrived for {days} days: 0 answered, 0 refused since "
            f"{windows[-1]['to']}; look at the source."
        )
    return ""


def _too_few(open_window: Mapping[str, Any]) -> str:
    if open_window["images"] and not open_window["scored"]:
        return "Nothing can be judged: every file so far was refused."
    return (
        f"Too few radiographs to judge: {few(open_window['scored'])} so far; "
        f"a window needs {FEWEST} at least."
    )


def _is_recent(day: str, run: Run) -> bool:
    return _days(day, run) <= run.window_days


def _days(since: str, run: Run) -> int:
    return (run.day - date.fromisoformat(since)).days
