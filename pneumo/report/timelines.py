"""Figures over windows of time, as charts with the band in which chance leaves them."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

from markupsafe import Markup

from pneumo.report._svg import Axis, Series, chart

MOST_POINTS = 400
MOST_LABELS = 4


@dataclass(frozen=True)
class Line:
    """A named figure, one value per window; None where it is not known, or may not be shown.

    ``bounds`` are intervals ``(low, high)`` of the values.
    """

    name: str
    values: Sequence[float | None]
    bounds: Sequence[tuple[float, float] | None] = ()


@dataclass(frozen=True)
class Timeline:
    """A chart, and its legend: name and number of a colour."""

    title: str
    svg: Markup
    legend: Sequence[tuple[str, int]]
    note: str


def timeline(
    title: str,
    unit: str,
    labels: Sequence[str],
    lines: Sequence[Line],
    *,
    ticks: Sequence[float],
    limit: float | None = None,
    note: str = "",
) -> Timeline:
    """``lines`` over windows; ``labels`` are their last days, such as 2026-11-28.

    The newest ``MOST_POINTS`` are shown. Values above the last of ``ticks`` are drawn there.
    ``limit`` ends the band of chance.
    """
    first = max(len(labels) - MOST_POINTS, 0)
    shown = list(range(first, len(labels)))
    across = _across(labels, shown)
    series = []
    if limit is not None and shown:
        ends = [across.ticks[0], across.ticks[-1]]
        series.append(Series("chance", [(x, limit) for x in ends], "guide", 0, [(0, limit)] * 2))
    for color, line in enumerate(lines):
        series += _drawn(line, shown, color)
    legend = [(line.name, color) for color, line in enumerate(lines)]
    return Timeline(title, chart(title, across, Axis(unit, ticks), series), legend, note)


def wilson(count: int, total: int) -> tuple[float, float]:
    """The 95 % interval of a share (Wilson, JASA 22, 1927)."""
    z, p = 1.959964, count / total
    middle, half = (
        p + z * z / (2 * total),
        z * (p * (1 - p) / total + (z / (2 * total)) ** 2) ** 0.5,
    )
    return max((middle - half) / (1 + z * z / total), 0.0), (middle + half) / (1 + z * z / total)


def few(count: int) -> str:
    """A count as a page may show it: small ones could point at a person."""
    return "fewer than 5" if 0 < count < 5 else f"{count:,}"


def _across(labels: Sequence[str], shown: Sequence[int]) -> Axis:
    first, last = (shown[0], shown[-1]) if shown else (0, 0)
    last = max(last, first + 1)
    step = max((last - first) / (MOST_LABELS - 1), 1)
    count = min(MOST_LABELS, last - first + 1)
    ticks = sorted({round(first + n * step) for n in range(count)} | {last})
    ticks = [tick for tick in ticks if tick <= last]
    names: Mapping[float, str] = {n: labels[n][5:] if n < len(labels) else "" for n in ticks}
    span = f"{labels[shown[0]]} to {labels[shown[-1]]}" if shown else ""
    return Axis(f"windows, by their last day, {span}", ticks, names=names)


def _drawn(line: Line, shown: Sequence[int], color: int) -> list[Series]:
    """A line for each run of windows without a gap, and a dot where it is one window long."""
    runs: list[list[int]] = [[]]
    for number in shown:
        if line.values[number] is None:
            runs.append([])
        else:
            runs[-1].append(number)
    found = []
    for run in filter(None, runs):
        points = [(float(n), float(line.values[n] or 0.0)) for n in run]
        bounds = [line.bounds[n] or (None, None) for n in run] if line.bounds else ()
        found.append(Series(line.name, points, "line" if len(run) > 1 else "dots", color, bounds))
    return found
