"""Recipes side by side on the same folds: figures over all test images, intervals over people."""

from collections.abc import Mapping
from typing import Any

import numpy as np
import pandas as pd

from pneumo.bootstrap import draw_people, estimate, weighted_means, with_all
from pneumo.roc import auroc

RESAMPLES = 2000
Cases = Mapping[str, pd.DataFrame]
"""Network, or ``ensemble`` -> its table of cases over the test images of all folds."""


def figures(cases: pd.DataFrame, seed: int) -> dict[str, dict[str, Any]]:
    """mAP, sensitivity, specificity, AUROC in all, within AP and PA; ``value, low, high`` each."""
    draws = with_all(draw_people(cases["person"].to_numpy(), RESAMPLES, seed))
    score = cases["probability"].to_numpy()
    target = (cases["truth_boxes"] > 0).to_numpy()
    view = cases["view"].to_numpy(object)
    called = (cases["found_boxes"] > 0).to_numpy(float)
    found = {
        "map": weighted_means(cases["precision"].to_numpy(float), draws),
        "sensitivity": weighted_means(called[target], draws[:, target]),
        "specificity": weighted_means(1 - called[~target], draws[:, ~target]),
        "auroc": auroc(score, target, draws),
    }
    for name in ("AP", "PA"):
        mask = view == name
        none = np.full(len(draws), np.nan)
        measured = auroc(score[mask], target[mask], draws[:, mask]) if mask.any() else none
        found[f"auroc_{name}"] = measured
    return {name: estimate(rows) for name, rows in found.items()}


def gain(ours: pd.DataFrame, theirs: pd.DataFrame, seed: int) -> dict[str, Any]:
    """mAP of ``ours`` less that of ``theirs`` on the same images, with the same draws of people."""
    draws = with_all(draw_people(ours["person"].to_numpy(), RESAMPLES, seed))
    rows = [weighted_means(one["precision"].to_numpy(float), draws) for one in (ours, theirs)]
    return estimate(np.subtract(*rows))


def table(results: Mapping[str, Mapping[str, dict[str, Any]]]) -> str:
    """Recipe -> network -> ``figures`` as a table in Markdown."""
    names = ("map", "auroc", "auroc_AP", "auroc_PA", "sensitivity", "specificity")
    head = ("recipe", "network", "mAP", "AUROC", "within AP", "within PA", "sensitivity",
            "specificity")  # fmt: skip
    lines = [f"| {' | '.join(head)} |", f"|{'---|' * len(head)}"]
    for recipe, networks in results.items():
        for network, found in networks.items():
            cells = [_cell(found[name]) for name in names]
            lines.append(f"| {recipe} | {network} | {' | '.join(cells)} |")
    return "\n".join(lines) + "\n"


def _cell(found: Mapping[str, Any]) -> str:
    if found["value"] is None:
        return ""
    return f"{found['value']:.3f} ({found['low']:.3f} to {found['high']:.3f})"
