"""``index.html``: a light with one sentence, what came in, timelines, and what drives an alarm.

It holds no UID, no file name, no name of a person and no picture, no count under five, and none
from which such a one would follow.
"""

from collections import Counter
from collections.abc import Mapping, Sequence
from typing import TYPE_CHECKING, Any

from pneumo.intake.shift import INPUT, OUTPUT
from pneumo.monitoring._tables import (
    MOST_WINDOWS,
    Texts,
    Windows,
    accounting,
    counts_of,
    reasons,
    reviews,
)
from pneumo.report.pages import render
from pneumo.report.timelines import Line, Timeline, few, timeline, wilson

if TYPE_CHECKING:
    from pneumo.base.settings import MonitorSettings

MOST_GROUPS = 4
FEWEST_IN_GROUP = 20
SHOWN_MOST = 3.0


def page(found: Mapping[str, Any], monitor: "MonitorSettings") -> str:
    """The page of what ``measure.show`` returns."""
    windows = found["windows"]
    counts = counts_of(windows, found["open"])
    return render(
        "monitor.html",
        found=found,
        last=windows[-1] if windows else None,
        accounting=accounting(windows, counts),
        reasons=reasons(windows, counts),
        reviews=reviews(windows, counts),
        charts=_charts(windows),
        windows=[_row(window, counts) for window in reversed(windows[-MOST_WINDOWS:])],
        counted=len(windows),
        expected=round(monitor.false_alarms * len(windows), 1),
        settings=monitor,
        few=few,
    )


def _row(window: Mapping[str, Any], counts: Texts) -> dict[str, Any]:
    days = (
        window["from"] if window["from"] == window["to"] else f"{window['from']} to {window['to']}"
    )
    return {
        "number": window["window"],
        "days": days,
        "images": counts["scored", window["window"]],
        "people": few(window["people"]),
        "level": window["level"],
        "sentence": window["sentence"],
        "reference": window["reference"] or "none",
    }


def _charts(windows: Windows) -> list[Timeline]:
    if not windows:
        return []
    labels = [window["to"] for window in windows]
    limits = [0.0, 1.0, 2.0, SHOWN_MOST]
    sizes = (
        ("Input: the radiographs themselves", INPUT, "what chance rarely exceeds: 1"),
        ("Output: probabilities", OUTPUT, "what chance rarely exceeds: 1"),
    )
    found = [
        timeline(
            title,
            "times the limit",
            labels,
            [Line("largest difference from the reference", [_largest(w, kinds) for w in windows])],
            ticks=limits,
            limit=1.0,
            note=f"Band: {note}. Larger values than {SHOWN_MOST:g} are drawn at {SHOWN_MOST:g}.",
        )
        for title, kinds, note in sizes
    ]
    found.append(_flags(windows, labels))
    found += [_calls(windows, labels, kind) for kind in ("view", "device")]
    return found


def _largest(window: Mapping[str, Any], kinds: Sequence[str]) -> float | None:
    if not window["sizes"]:
        return None
    return max(0.0, min(max(window["sizes"][kind] for kind in kinds), SHOWN_MOST))


def _flags(windows: Windows, labels: Sequence[str]) -> Timeline:
    lines = [
        Line(
            words,
            [
                min(100 * window["flags"][name]["share"], 20.0) if window["flags"] else None
                for window in windows
            ],
        )
        for name, words in (("turned", "turned or reversed"), ("unusual", "unusual"))
    ]
    return timeline(
        "Turned, reversed and unusual radiographs",
        "% of people",
        labels,
        lines,
        ticks=[0, 5, 10, 15, 20],
        note="Larger shares than 20 % are drawn at 20 %.",
    )


def _calls(windows: Windows, labels: Sequence[str], kind: str) -> Timeline:
    total: Counter[str] = Counter()
    for window in windows:
        total.update({name: count for name, (count, _) in window["groups"][kind].items()})
    names = [name for name, count in total.most_common(MOST_GROUPS) if count >= FEWEST_IN_GROUP]
    lines = []
    for name in names:
        counts = [window["groups"][kind].get(name, [0, 0]) for window in windows]
        known = [count >= FEWEST_IN_GROUP for count, _ in counts]
        shares = [100 * c / n if k else None for (n, c), k in zip(counts, known, strict=True)]
        spans = [
            (100 * wilson(c, n)[0], 100 * wilson(c, n)[1]) if k else None
            for (n, c), k in zip(counts, known, strict=True)
        ]
        lines.append(Line(name, shares, spans))
    return timeline(
        f"Radiographs with a call, by {kind}",
        "% called",
        labels,
        lines,
        ticks=[0, 25, 50, 75, 100],
        note=f"Bands: 95 % intervals. Windows with fewer than {FEWEST_IN_GROUP} of a {kind} are "
        f"left out, as are all but the {MOST_GROUPS} most frequent.",
    )
