"""What differs between two data sets, as effect sizes, since those do not grow with the counts."""

from collections.abc import Iterator
from dataclasses import dataclass
from math import asin, sqrt

import numpy as np
import pandas as pd

from pneumo.dataset.rsna import CLASSES
from pneumo.explore._statistics import Z95, box_measures, named
from pneumo.explore._survey import Survey


@dataclass(frozen=True)
class Shift:
    """How one figure moved from the first set to the second.

    ``effect`` is Cohen's d for measures (log scale for sizes), Cohen's h for shares; ``low`` and
    ``high`` are its 95 % interval. ``first`` and ``second`` are means (medians for sizes) or
    shares, in ``unit``.
    """

    name: str
    first: float
    second: float
    unit: str
    effect: float
    low: float
    high: float

    @property
    def clear(self) -> bool:
        """Whether the interval excludes zero: chance alone would rarely do this."""
        return self.low > 0 or self.high < 0

    @property
    def size(self) -> str:
        """Cohen's words (1988): small from 0.2, medium from 0.5, large from 0.8."""
        words = ((0.8, "large"), (0.5, "medium"), (0.2, "small"), (0.0, "negligible"))
        return next(word for least, word in words if abs(self.effect) >= least)


def shifts(first: Survey, second: Survey) -> list[Shift]:
    """All differences, the clear ones first, then by the size of the effect."""
    found = [*_measures(first, second), *_shares(first, second)]
    return sorted(found, key=lambda shift: (not shift.clear, -abs(shift.effect)))


def of_measure(
    name: str, unit: str, a: pd.Series, b: pd.Series, logs: bool = False
) -> Shift | None:
    """Cohen's d between two samples; None when one has fewer than two values or none varies."""
    a, b = (v.to_numpy(float)[np.isfinite(v.to_numpy(float))] for v in (a, b))
    middle = np.median if logs else np.mean
    middles = [float(middle(v)) if len(v) else 0.0 for v in (a, b)]
    if logs:
        a, b = np.log(a[a > 0]), np.log(b[b > 0])
    if min(len(a), len(b)) < 2:
        return None
    spread = ((len(a) - 1) * a.var(ddof=1) + (len(b) - 1) * b.var(ddof=1)) / (len(a) + len(b) - 2)
    if spread <= 0:
        return None
    d = float((b.mean() - a.mean()) / sqrt(spread))
    error = sqrt(1 / len(a) + 1 / len(b) + d**2 / (2 * (len(a) + len(b))))
    return Shift(name, middles[0], middles[1], unit, d, d - Z95 * error, d + Z95 * error)


def of_share(name: str, a: pd.Series, b: pd.Series) -> Shift | None:
    """Cohen's h between the shares of true values, in percent; None when a sample is empty."""
    if not len(a) or not len(b):
        return None
    first, second = float(a.mean()), float(b.mean())
    h = 2 * asin(sqrt(second)) - 2 * asin(sqrt(first))
    error = sqrt(1 / len(a) + 1 / len(b))
    return Shift(name, first * 100, second * 100, "%", h, h - Z95 * error, h + Z95 * error)


def standardised(first: Survey, second: Survey) -> float | None:
    """Prevalence of the second set if it had the first one's mix of views, in [0, 1].

    Direct standardisation: what is left of a difference is not the mix of views. None when a view
    of the first set is missing in the second.
    """
    a, b = first.read, second.read
    mix = named(a["view"]).value_counts(normalize=True)
    rates = b["target"].groupby(named(b["view"])).mean().reindex(mix.index)
    return None if rates.isna().any() else float((mix * rates).sum())


def sentence(found: list[Shift]) -> str:
    """What shifted most, in words."""
    clear = [shift for shift in found if shift.clear]
    if not clear:
        return "Nothing differs by more than chance would make it differ."
    top, *rest = clear
    also = [f"{s.name} ({s.first:.3g} → {s.second:.3g} {s.unit})" for s in rest[:2]]
    ratio = (
        f", by a factor of {top.second / top.first:.2f}" if top.first > 0 and top.second > 0 else ""
    )
    text = (
        f"What shifted most is the {top.name}: {top.first:.3g} → {top.second:.3g} {top.unit}"
        f"{ratio}, a {top.size} effect ({top.effect:+.2f})."
    )
    return text + (f" Next: {' and '.join(also)}." if also else "")


def box_sentence(found: list[Shift]) -> str:
    """How the boxes changed, in words, also when they did not; blank without boxes."""
    sides = [s for s in found if s.name in ("box width", "box height") and s.first > 0]
    if len(sides) < 2:
        return ""
    parts = [
        f"{s.name} by a factor of {s.second / s.first:.2f}{'' if s.clear else ' (within chance)'}"
        for s in sorted(sides, key=lambda s: s.name, reverse=True)
    ]
    return f"Median {parts[0]}, {parts[1]}."


def _measures(first: Survey, second: Survey) -> Iterator[Shift]:
    a, b = box_measures(first.boxes), box_measures(second.boxes)
    for column, name in (("width", "box width"), ("height", "box height"), ("area", "box area")):
        yield from _some(of_measure(name, "% of image", a[column], b[column], logs=True))
    yield from _some(of_measure("box shape", "height / width", a["shape"], b["shape"], logs=True))
    one, other = (s.boxes["image"].value_counts() for s in (first, second))
    yield from _some(of_measure("boxes per positive image", "", one, other))
    columns = (
        ("age", "age", "years"),
        ("brightness", "brightness", "grey levels"),
        ("contrast", "contrast", "grey levels"),
        ("column_spacing_mm", "pixel spacing", "mm"),
    )
    for column, name, unit in columns:
        yield from _some(of_measure(name, unit, first.read[column], second.read[column]))


def _shares(first: Survey, second: Survey) -> Iterator[Shift]:
    a, b = first.images, second.images
    yield from _some(of_share("prevalence", a["target"], b["target"]))
    for name in CLASSES[:2]:
        yield from _some(of_share(f"class {name}", a["class"] == name, b["class"] == name))
    a, b = first.read, second.read
    for view in ("AP", "PA"):
        one, other = (named(s["view"]) == view for s in (a, b))
        yield from _some(of_share(f"{view} views", one, other))
        name = f"prevalence among {view}"
        yield from _some(of_share(name, a["target"][one], b["target"][other]))
    yield from _some(of_share("women", named(a["sex"]) == "F", named(b["sex"]) == "F"))


def _some(shift: Shift | None) -> Iterator[Shift]:
    if shift is not None:
        yield shift
