"""Figures of one data set, from tables and arrays alone."""

from collections.abc import Sequence
from math import sqrt

import numpy as np
import pandas as pd

AGE_BANDS = ("0-17", "18-39", "40-59", "60-79", "80+", "over 120", "unknown")
OLDEST_YEARS = 120
VIEWS, SEXES = ("PA", "AP"), ("F", "M")
Z95 = 1.96


def age_bands(years: pd.Series) -> pd.Series:
    """The band of each age in years; ``over 120`` is an error, a blank is ``unknown``."""
    edges = [-np.inf, 18, 40, 60, 80, OLDEST_YEARS + 1e-9, np.inf]
    bands = pd.cut(years.astype(float), edges, right=False, labels=AGE_BANDS[:-1])
    return bands.astype(object).where(bands.notna(), "unknown").astype(str)


def named(values: pd.Series) -> pd.Series:
    """Blanks as ``unknown``."""
    return values.fillna("").astype(str).str.strip().replace("", "unknown")


def wilson(part: int, total: int) -> tuple[float, float]:
    """95 % interval of a share in [0, 1] (Wilson, JASA 1927); (0, 1) when ``total`` is 0."""
    if total == 0:
        return 0.0, 1.0
    share, spread = part / total, Z95**2 / total
    middle = (share + spread / 2) / (1 + spread)
    half = Z95 * sqrt(share * (1 - share) / total + spread / (4 * total)) / (1 + spread)
    return max(0.0, middle - half), min(1.0, middle + half)


def prevalence(
    groups: pd.Series, target: pd.Series, order: Sequence[str] = ()
) -> list[dict[str, object]]:
    """For each group: ``group, images, share`` of all, ``positive``, and its 95 % ``low, high``.

    Groups of ``order`` come first and in that order, others after them by name.
    """
    counted = target.groupby(groups).agg(["size", "sum"])
    known = [name for name in order if name in counted.index]
    others = sorted(set(counted.index) - set(known))
    rows = []
    for name in [*known, *others]:
        size, positive = int(counted.loc[name, "size"]), int(counted.loc[name, "sum"])
        low, high = wilson(positive, size)
        share = positive / size
        rows.append({"group": name, "images": size, "share": size / len(target),
                     "positive": share, "low": low, "high": high})  # fmt: skip
    return rows


def auc(score: np.ndarray, target: np.ndarray) -> float:
    """Area under the ROC curve, ties counted half; 0.5 when only one class is there."""
    positive = target.astype(bool)
    hits, misses = int(positive.sum()), int((~positive).sum())
    if not hits or not misses:
        return 0.5
    ranks = pd.Series(score).rank().to_numpy()
    return float((ranks[positive].sum() - hits * (hits + 1) / 2) / (hits * misses))


def shortcut(groups: pd.Series, target: pd.Series) -> float:
    """AUC of the rule that knows only an image's group: its score is the group's prevalence."""
    score = target.groupby(groups).transform("mean")
    return auc(score.to_numpy(), target.to_numpy())


def boxes_per_image(boxes: pd.DataFrame, rows: Sequence[int]) -> dict[int, int]:
    """Number of boxes -> number of positive images with so many; ``rows`` are the positive."""
    counts = boxes["image"].value_counts().reindex(list(rows), fill_value=0)
    numbers, images = np.unique(counts.to_numpy(int), return_counts=True)
    return dict(zip(numbers.tolist(), images.tolist(), strict=True))


def quantiles(values: pd.Series) -> list[float]:
    """The 5th, 25th, 50th, 75th and 95th percentile; NaN where there is no value."""
    if values.dropna().empty:
        return [float("nan")] * 5
    return [float(v) for v in np.nanpercentile(values.to_numpy(float), [5, 25, 50, 75, 95])]


def box_measures(boxes: pd.DataFrame) -> pd.DataFrame:
    """``width, height, area`` in percent of the image, and ``shape``: height / width in pixels."""
    return pd.DataFrame(
        {
            "width": boxes["width"] * 100,
            "height": boxes["height"] * 100,
            "area": boxes["width"] * boxes["height"] * 100,
            "shape": boxes["height_px"] / boxes["width_px"].where(boxes["width_px"] > 0),
        }
    )


def coverage(boxes: pd.DataFrame, positives: int, cells: int = 64) -> np.ndarray:
    """Boxes over each cell of the image, per positive image: float ``(cells, cells)``.

    Adds each box's corners to a table of differences; two running sums fill the rectangles.
    """
    steps = np.zeros((cells + 1, cells + 1))
    left, top, width, height = boxes[["x", "y", "width", "height"]].to_numpy(float).T
    corners = [np.rint(np.clip(v, 0, 1) * cells).astype(int)
               for v in (left, left + width, top, top + height)]  # fmt: skip
    x0, x1, y0, y1 = corners
    for y, x, sign in ((y0, x0, 1), (y1, x1, 1), (y0, x1, -1), (y1, x0, -1)):
        np.add.at(steps, (y, x), sign)
    return steps.cumsum(0).cumsum(1)[:cells, :cells] / max(1, positives)


def size_density(boxes: pd.DataFrame, cells: int = 24, largest: float = 0.72) -> np.ndarray:
    """Share of boxes by width (columns) and height (rows), ``(cells, cells)``, 0 to ``largest``."""
    edges = np.linspace(0, largest, cells + 1)
    sides = np.clip(boxes[["height", "width"]].to_numpy(float), 0, largest - 1e-9)
    counts = np.histogram2d(sides[:, 0], sides[:, 1], [edges, edges])[0]
    return counts / max(1, len(boxes))
