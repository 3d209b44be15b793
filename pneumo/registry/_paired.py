"""Two ensembles on the same test images: what differs, in pairs, with intervals over people."""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np
import pandas as pd

from pneumo.evaluation.bootstrap import draw_people, interval, weighted_means
from pneumo.evaluation.cases import subgroups

if TYPE_CHECKING:
    from pneumo.base.settings import PromotionSettings

ALL = "all"
SAME = ["image", "person", "truth_boxes"]
"""Columns of a table of cases that say which images it is about."""

SMALL_GROUP_PEOPLE = 20
"""Of fewer people a mean swings by chance: one of them is more than 5 % of it."""


@dataclass(frozen=True)
class Difference:
    """mAP of one ensemble less that of another, on some images.

    ``low`` and ``high`` bound the 95 % interval; ``bound`` is what the difference exceeds with the
    set confidence; ``people`` counts those on whose images either is judged. NaN without any.
    """

    value: float
    low: float
    high: float
    bound: float
    people: int

    @property
    def small(self) -> bool:
        """Whether it swings by chance: fewer than ``SMALL_GROUP_PEOPLE``."""
        return self.people < SMALL_GROUP_PEOPLE


def mean_precision(cases: pd.DataFrame) -> float:
    """The challenge's mAP in [0, 1]; 0 where no image is judged."""
    counted = cases["precision"].to_numpy(float)
    counted = counted[np.isfinite(counted)]
    return float(counted.mean()) if len(counted) else 0.0


def sensitivity(cases: pd.DataFrame) -> float:
    """Share of the images with an opacity on which any box was called; NaN without such images."""
    positive = cases[cases["truth_boxes"] > 0]
    return float((positive["found_boxes"] > 0).mean()) if len(positive) else float("nan")


def map_interval(cases: pd.DataFrame) -> tuple[float, float]:
    """The 95 % interval of mAP over people."""
    draws = draw_people(cases["person"].to_numpy())
    return interval(weighted_means(cases["precision"].to_numpy(float), draws))


def same_images(one: pd.DataFrame, other: pd.DataFrame) -> bool:
    """Whether two tables of cases are about the same images, in the same order."""
    return len(one) == len(other) and bool((one[SAME].to_numpy() == other[SAME].to_numpy()).all())


def differences(
    one: pd.DataFrame, other: pd.DataFrame, settings: "PromotionSettings"
) -> Mapping[str, Difference]:
    """``one`` less ``other`` (tables of cases of the same images): over all, and per subgroup.

    Both are resampled with the same draws of people, so what both find hard cancels.
    """
    draws = draw_people(one["person"].to_numpy())
    groups = {ALL: np.full(len(one), True), **subgroups(one)}
    return {
        name: _difference(one[mask], other[mask], draws[:, mask], settings.confidence)
        for name, mask in groups.items()
    }


def _difference(
    one: pd.DataFrame, other: pd.DataFrame, draws: np.ndarray, confidence: float
) -> Difference:
    a, b = one["precision"].to_numpy(float), other["precision"].to_numpy(float)
    judged = np.isfinite(a) | np.isfinite(b)
    people = int(one["person"][judged].nunique())
    if not people:
        return Difference(np.nan, np.nan, np.nan, np.nan, 0)
    # An ensemble that leaves out every image drawn has earned nothing on them: its mAP is 0.
    resampled = np.nan_to_num(weighted_means(a, draws)) - np.nan_to_num(weighted_means(b, draws))
    resampled = resampled[draws[:, judged].any(axis=1)]
    value = round(mean_precision(one) - mean_precision(other), 9)
    if not len(resampled):
        return Difference(value, value, value, value, people)
    bound = float(np.quantile(resampled, 1 - confidence))
    return Difference(value, *interval(resampled), bound, people)
