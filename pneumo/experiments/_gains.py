"""Recipes side by side on the same folds: figures over all test images, intervals over people."""

from collections.abc import Mapping
from typing import Any

import numpy as np
import pandas as pd

from pneumo.evaluation.bootstrap import draw_people, estimate, weighted_means, with_all
from pneumo.evaluation.cases import people_groups
from pneumo.evaluation.roc import auroc

ENSEMBLE = "ensemble"
UNSEEN = "no radiograph"
"""The row of what view, sex, age and two constant boxes reach."""

RESAMPLES = 2000
Cases = Mapping[str, pd.DataFrame]
"""Network, ``ENSEMBLE`` or ``UNSEEN`` -> its table of cases over the test images of all folds."""


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
        found[f"auroc_{name}"] = auroc(score[mask], target[mask], draws[:, mask])
    return {name: estimate(rows) for name, rows in found.items()}


def gain(ours: pd.DataFrame, theirs: pd.DataFrame, seed: int) -> dict[str, dict[str, Any]]:
    """mAP and AUROC of ``ours`` less those of ``theirs``: same images, same draws of people."""
    draws = with_all(draw_people(ours["person"].to_numpy(), RESAMPLES, seed))
    target = (ours["truth_boxes"] > 0).to_numpy()
    means = [weighted_means(one["precision"].to_numpy(float), draws) for one in (ours, theirs)]
    areas = [auroc(one["probability"].to_numpy(), target, draws) for one in (ours, theirs)]
    return {
        "map": estimate(np.subtract(*means)),
        "auroc": estimate(np.subtract(*areas)),
    }


def comparison(judged: Mapping[str, Cases], seed: int) -> dict[str, Any]:
    """Figures of every recipe's networks, and each gain that there is to tell of them.

    ``judged`` has, per recipe, its networks, ``ENSEMBLE``, and ``UNSEEN``, which saw no radiograph.
    """
    networks = {
        recipe: {network: cases for network, cases in tables.items() if network != UNSEEN}
        for recipe, tables in judged.items()
    }
    return {
        "recipes": {
            recipe: {network: figures(cases, seed) for network, cases in tables.items()}
            for recipe, tables in judged.items()
        },
        "gains": gains(networks, seed),
        "over_unseen": {
            recipe: {
                network: gain(cases, judged[recipe][UNSEEN], seed)
                for network, cases in tables.items()
            }
            for recipe, tables in networks.items()
        },
        "over_networks": {
            recipe: {
                network: gain(tables[ENSEMBLE], cases, seed)
                for network, cases in tables.items()
                if network != ENSEMBLE
            }
            for recipe, tables in networks.items()
        },
        "groups": group_gains({name: tables[ENSEMBLE] for name, tables in judged.items()}, seed),
    }


def gains(judged: Mapping[str, Cases], seed: int) -> dict[str, dict[str, Any]]:
    """What each recipe gains over the first, for every network that both have."""
    first, *others = judged
    return {
        f"{name} less {first}": {
            network: gain(cases, judged[first][network], seed)
            for network, cases in judged[name].items()
            if network in judged[first]
        }
        for name in others
    }


def group_gains(
    ensembles: Mapping[str, pd.DataFrame], seed: int
) -> dict[str, dict[str, dict[str, Any]]]:
    """What each recipe's ensemble gains over the first's, by view, sex and age of the people."""
    first, *others = ensembles
    found: dict[str, dict[str, dict[str, Any]]] = {}
    for name in others:
        ours, theirs = ensembles[name], ensembles[first]
        found[f"{name} less {first}"] = {
            group: gain(ours[mask], theirs[mask], seed)
            for group, mask in people_groups(ours).items()
            if mask.any()
        }
    return found


def in_markdown(result: Mapping[str, Any]) -> str:
    """The tables of ``crossval``'s result in Markdown."""
    parts = [
        _table(result["recipes"]),
        _gains_table("gain", "network", result["gains"]),
        _gains_table("over no radiograph", "network", result["over_unseen"]),
        _gains_table("ensemble's gain", "over", result["over_networks"]),
        _gains_table("ensemble's gain", "group", result["groups"]),
    ]
    return "\n".join(part for part in parts if part)


def _table(results: Mapping[str, Mapping[str, dict[str, Any]]]) -> str:
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


def _cell(found: Mapping[str, Any], form: str = ".3f") -> str:
    if found["value"] is None:
        return ""
    return f"{found['value']:{form}} ({found['low']:{form}} to {found['high']:{form}})"


def _gains_table(what: str, over: str, found: Mapping[str, Mapping[str, Mapping[str, Any]]]) -> str:
    """Gains in Markdown, a row for each of ``over``; nothing where there are none."""
    lines = [f"| {what} | {over} | mAP | AUROC |", f"|{'---|' * 4}"]
    for name, rows in found.items():
        for row, figures in rows.items():
            cells = [_cell(figures[key], "+.3f") for key in ("map", "auroc")]
            lines.append(f"| {name} | {row} | {' | '.join(cells)} |")
    return "\n".join(lines) + "\n" if found else ""
