"""How well the ensemble does by group of people and by kind of finding."""

from collections.abc import Mapping
from typing import Any

import numpy as np
import pandas as pd

from pneumo.dataset.rsna import CLASSES
from pneumo.evaluation.bootstrap import estimate, weighted_means
from pneumo.evaluation.cases import finding_groups, people_groups
from pneumo.evaluation.roc import auroc

NORMAL, HARD = CLASSES[:2]

SMALL_GROUP_IMAGES = 20
"""A group of fewer images, or of half as many positive ones, is marked: one image is 5 % of it."""


def group_table(
    cases: pd.DataFrame, draws: np.ndarray, minimum: int = SMALL_GROUP_IMAGES
) -> dict[str, list[dict[str, Any]]]:
    """``people`` and ``findings``: a row per group with its figures and their intervals.

    ``draws`` is ``(1 + resamples, n)``, see ``bootstrap.with_all``. A row has ``group, images,
    people, positives``, ``small`` (fewer than ``minimum`` images or half as many positives), and
    ``map``, ``gap`` (its mAP less that of the rest), ``auroc``, ``sensitivity`` (share of its
    positive radiographs that are called) and ``specificity`` (of its healthy ones that are not). A
    group of findings has positive radiographs only; its AUROC is against all healthy ones, its gap
    to the other findings.
    """
    positive = (cases["truth_boxes"] > 0).to_numpy()
    every = np.ones(len(cases), bool)
    return {
        "people": [
            _row(name, mask, mask, every, cases, draws, minimum)
            for name, mask in people_groups(cases).items()
        ],
        "findings": [
            _row(name, mask, mask | ~positive, positive, cases, draws, minimum)
            for name, mask in finding_groups(cases).items()
        ],
    }


def worst(rows: list[dict[str, Any]]) -> dict[str, Any] | None:
    """The group with the lowest mAP of those large enough to say so; None when none is."""
    known = [row for row in rows if not row["small"] and row["map"]["value"] is not None]
    return min(known, key=lambda row: row["map"]["value"], default=None)


def healthy_table(
    cases: pd.DataFrame, draws: np.ndarray, minimum: int = SMALL_GROUP_IMAGES
) -> list[dict[str, Any]]:
    """Hard negatives and normals: how many are called, and how well opacities stand out from them.

    A row has ``group, images, small``, ``calls`` (share called) and ``auroc``.
    """
    positive = (cases["truth_boxes"] > 0).to_numpy()
    called = (cases["found_boxes"] > 0).to_numpy(float)
    rows = []
    for name, of_class in (("hard negatives", HARD), ("normals", NORMAL)):
        mask = ~positive & (cases["class"] == of_class).to_numpy()
        rows.append(
            {
                "group": name,
                "class": of_class,
                "images": int(mask.sum()),
                "small": bool(mask.sum() < minimum),
                "calls": _mean(called, mask, draws),
                "auroc": _auroc(cases, mask | positive, draws),
            }
        )
    return rows


def _row(
    name: str,
    mask: np.ndarray,
    compared: np.ndarray,
    beside: np.ndarray,
    cases: pd.DataFrame,
    draws: np.ndarray,
    minimum: int,
) -> dict[str, Any]:
    positive = (cases["truth_boxes"] > 0).to_numpy()
    called = (cases["found_boxes"] > 0).to_numpy(float)
    precision = cases["precision"].to_numpy(float)
    inside = weighted_means(precision[mask], draws[:, mask])
    rest = beside & ~mask
    gap = inside - weighted_means(precision[rest], draws[:, rest])
    positives = int((mask & positive).sum())
    return {
        "group": name,
        "images": int(mask.sum()),
        "people": int(cases["person"][mask].nunique()),
        "positives": positives,
        "small": bool(mask.sum() < minimum or positives < minimum / 2),
        "map": estimate(inside),
        "gap": estimate(gap),
        "auroc": _auroc(cases, compared, draws),
        "sensitivity": _mean(called, mask & positive, draws),
        "specificity": _mean(1 - called, mask & ~positive, draws),
    }


def _mean(values: np.ndarray, mask: np.ndarray, draws: np.ndarray) -> Mapping[str, float | None]:
    return estimate(weighted_means(values[mask], draws[:, mask]))


def _auroc(cases: pd.DataFrame, mask: np.ndarray, draws: np.ndarray) -> Mapping[str, float | None]:
    score = cases["probability"].to_numpy(float)[mask]
    target = (cases["truth_boxes"] > 0).to_numpy()[mask]
    return estimate(auroc(score, target, draws[:, mask]))
