"""Charts as SVG whose colours come from the page's style: for light, dark and print."""

import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field

from markupsafe import Markup, escape

WIDTH, HEIGHT = 360, 250
LEFT, TOP, RIGHT, BOTTOM = 46, 10, 344, 206


@dataclass(frozen=True)
class Axis:
    """From the first to the last of ``ticks``; evenly, or by logarithm.

    ``names`` are written in the place of their numbers.
    """

    label: str
    ticks: Sequence[float]
    log: bool = False
    names: Mapping[float, str] = field(default_factory=dict)

    def place(self, value: float) -> float:
        """Where ``value`` lies, 0 at the first tick and 1 at the last."""
        scale = math.log if self.log else float
        first, last = scale(self.ticks[0]), scale(self.ticks[-1])
        return (scale(value) - first) / (last - first)


@dataclass(frozen=True)
class Series:
    """Points ``(x, y)`` in the units of the axes, and where known their interval ``(low, high)``.

    ``kind`` is ``line``, ``thin``, ``guide`` or ``dots``; ``color`` numbers a colour of the page.
    An interval is a band behind a line, or a bar through a dot.
    """

    name: str
    points: Sequence[tuple[float, float]]
    kind: str = "line"
    color: int = 0
    bounds: Sequence[Sequence[float | None]] = ()


def chart(title: str, across: Axis, up: Axis, series: Sequence[Series]) -> Markup:
    """A chart, without its legend; the same series give the same text."""
    parts = [*_grid(across, up)]
    for one in series:
        parts += _drawn(one, across, up)
    label = escape(title)
    return Markup(  # noqa: S704 (numbers, and escaped text)
        f'<svg class="chart" viewBox="0 0 {WIDTH} {HEIGHT}" role="img" aria-label="{label}">'
        f"{''.join(parts)}</svg>"
    )


def _grid(across: Axis, up: Axis) -> list[str]:
    parts = []
    for tick in up.ticks:
        y = BOTTOM - (BOTTOM - TOP) * up.place(tick)
        parts.append(f'<path class="grid-line" d="M{LEFT},{y:.1f}H{RIGHT}"/>')
        parts.append(f'<text x="{LEFT - 6}" y="{y + 4:.1f}" text-anchor="end">{tick:g}</text>')
    for tick in across.ticks:
        x = LEFT + (RIGHT - LEFT) * across.place(tick)
        parts.append(
            f'<text x="{x:.1f}" y="{BOTTOM + 16}" text-anchor="middle">{_name(across, tick)}</text>'
        )
    middle = (TOP + BOTTOM) / 2
    parts.append(
        f'<text x="{(LEFT + RIGHT) / 2}" y="{HEIGHT - 8}" text-anchor="middle">'
        f"{escape(across.label)}</text>"
        f'<text transform="translate(12 {middle}) rotate(-90)" text-anchor="middle">'
        f"{escape(up.label)}</text>"
    )
    return parts


def _drawn(series: Series, across: Axis, up: Axis) -> list[str]:
    points = [(_x(across, x), _y(up, y)) for x, y in series.points]
    color = f"c{series.color}"
    bounds = [
        (x, _y(up, low), _y(up, high))
        for (x, _), (low, high) in zip(points, series.bounds, strict=False)
        if low is not None and high is not None
    ]
    if series.kind == "dots":
        bars = [f'<path class="bar {color}" d="M{x:.1f},{a:.1f}V{b:.1f}"/>' for x, a, b in bounds]
        return bars + [
            f'<circle class="{color}" cx="{x:.1f}" cy="{y:.1f}" r="3.6"/>' for x, y in points
        ]
    text = " ".join(f"{x:.1f},{y:.1f}" for x, y in points)
    line = f'<polyline class="{series.kind} {color}" points="{text}"/>'
    if not bounds:
        return [line]
    edge = [(x, low) for x, low, _ in bounds] + [(x, high) for x, _, high in reversed(bounds)]
    band = " ".join(f"{x:.1f},{y:.1f}" for x, y in edge)
    return [f'<polygon class="band {color}" points="{band}"/>', line]


def _name(axis: Axis, tick: float) -> str:
    return str(escape(axis.names.get(tick, f"{tick:g}")))


def _x(axis: Axis, value: float) -> float:
    return LEFT + (RIGHT - LEFT) * min(max(axis.place(value), 0.0), 1.0)


def _y(axis: Axis, value: float) -> float:
    return BOTTOM - (BOTTOM - TOP) * min(max(axis.place(value), 0.0), 1.0)
