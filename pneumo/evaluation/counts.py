"""How many people were answered right: what local tests, and later weeks, are compared with."""

from collections.abc import Mapping
from dataclasses import dataclass

import numpy as np
import pandas as pd

from pneumo.evaluation.roc import auroc


@dataclass(frozen=True)
class Counts:
    """People with an opacity, and without, and how many of them were answered right.

    Of a person with several radiographs the mean counts, so ``called`` and ``left_alone`` may be
    no whole numbers. ``auroc`` is over radiographs; NaN with one kind alone.
    """

    positive: float
    called: float
    negative: float
    left_alone: float
    auroc: float

    @property
    def sensitivity(self) -> float:
        """NaN without people with an opacity."""
        return self.called / self.positive if self.positive else float("nan")

    @property
    def specificity(self) -> float:
        """NaN without people without one."""
        return self.left_alone / self.negative if self.negative else float("nan")


def counts_of(
    people: np.ndarray, truth: np.ndarray, called: np.ndarray, probability: np.ndarray
) -> Counts:
    """Counts over people; each array is ``(n)``: who, whether there is an opacity, was called."""
    truth, called = np.asarray(truth, bool), np.asarray(called, bool)
    table = pd.DataFrame({"person": people, "truth": truth, "right": called == truth})
    right = table.groupby(["truth", "person"])["right"].mean()
    of = {kind: right[right.index.get_level_values("truth") == kind] for kind in (True, False)}
    area = float("nan")
    if truth.any() and not truth.all():
        area = float(auroc(np.asarray(probability, float), truth, np.ones((1, len(truth))))[0])
    return Counts(
        len(of[True]), float(of[True].sum()), len(of[False]), float(of[False].sum()), area
    )


def counts_by_view(cases: pd.DataFrame) -> dict[str, Counts]:
    """Of a table of cases (``evaluation.cases``): ``all``, and each view that is there."""
    views: Mapping[str, np.ndarray] = {
        "all": np.full(len(cases), True),
        **{view: (cases["view"] == view).to_numpy(bool) for view in ("AP", "PA")},
    }
    return {
        name: counts_of(
            part["person"].to_numpy(),
            part["truth_boxes"].to_numpy() > 0,
            part["found_boxes"].to_numpy() > 0,
            part["probability"].to_numpy(float),
        )
        for name, part in ((name, cases[mask]) for name, mask in views.items())
        if len(part)
    }
