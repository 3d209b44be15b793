"""All figures of an evaluation, as ``metrics.json`` holds them.

``ensemble`` and each network  flat figures: mAP, pixels, image level, calls
``intervals``                  the same names: ``[low, high]``, 95 %, over people
``precision_by_threshold``     with ``precision_intervals`` of the ensemble
``froc``, ``calibration``, ``groups``, ``worst``, ``healthy``, ``audit``, ``stability``
``baselines``, ``test_set``, ``test_images``, ``test_people``, ``test_positives``, ``resamples``,
``leaked_people``, ``leaked_images``
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
import pandas as pd

from pneumo.dataset.rsna import mean_average_precision
from pneumo.detection.boxes import Box, Frame
from pneumo.detection.matching import precision_rows, table_of
from pneumo.evaluation._groups import group_table, healthy_table, worst
from pneumo.evaluation._leaks import leaked_images
from pneumo.evaluation._pixels import (
    masks_of_boxes,
    pixel_counts,
    pixel_measures,
    pixel_measures_of,
)
from pneumo.evaluation._shortcut import audit
from pneumo.evaluation.bootstrap import estimate, weighted_means
from pneumo.evaluation.froc import HIT_IOU, RATES, Calls, sensitivity_at_rates
from pneumo.evaluation.roc import calibration, image_measures
from pneumo.evaluation.unseen import two_boxes
from pneumo.prepared.format import Prepared
from pneumo.prepared.splits import leaked_people

ENSEMBLE = "ensemble"
Found = Mapping[str, Sequence[Box]]


@dataclass(frozen=True)
class HeldOut:
    """The test split, and how often each of its images counts in each resample.

    ``masks`` is uint8 0 or 1, ``(n, size_px, size_px)``; ``draws`` ``(1 + resamples, n)``, see
    ``bootstrap.with_all``.
    """

    images: pd.DataFrame
    truth: dict[str, list[Box]]
    frames: list[Frame]
    masks: np.ndarray
    draws: np.ndarray


def held_out(data: Prepared, draws: np.ndarray) -> HeldOut:
    """The test split of prepared data, with its ``draws``."""
    rows = data.rows("test")
    masks = np.asarray(data.masks[rows])
    return HeldOut(data.index.iloc[rows], data.truth(rows), data.frames(rows), masks, draws)


def measure(
    data: Prepared,
    test: HeldOut,
    judged: Mapping[str, tuple[Found, pd.DataFrame]],
    calls: Calls,
) -> dict[str, Any]:
    """The figures of networks and ensemble, without ``stability``.

    ``judged`` holds what ``judge`` returns for each; ``calls`` are the ensemble's for the FROC.
    """
    cases = judged[ENSEMBLE][1]
    figures = {name: figures_of(test, *one) for name, one in judged.items()}
    shares = sensitivity_at_rates(calls, test.draws)
    figures[ENSEMBLE]["froc"] = shares.mean(axis=1)
    precision = {name: _precision(test, boxes) for name, (boxes, _) in judged.items()}
    groups = group_table(cases, test.draws)
    score = cases["probability"].to_numpy()
    train = data.index.iloc[data.rows("train")]
    return {
        **{name: _values(one) for name, one in figures.items()},
        "intervals": {name: _intervals(one) for name, one in figures.items()},
        "baselines": _baselines(data, test),
        "precision_by_threshold": {name: rows[0].tolist() for name, rows in precision.items()},
        "precision_intervals": [_bounds(column) for column in precision[ENSEMBLE].T],
        "froc": _froc(shares),
        "calibration": _calibration(cases, test.draws),
        "groups": groups,
        "worst": {kind: worst(rows) for kind, rows in groups.items()},
        "healthy": healthy_table(cases, test.draws),
        "audit": audit(train, test.images, score, test.draws),
        "test_set": data.profile["test_set"],
        "test_images": len(test.images),
        "test_people": int(test.images["person"].nunique()),
        "test_positives": int((cases["truth_boxes"] > 0).sum()),
        "resamples": len(test.draws) - 1,
        "leaked_people": leaked_people(data.index),
        "leaked_images": leaked_images(data),
    }


def figures_of(test: HeldOut, found: Found, cases: pd.DataFrame) -> dict[str, np.ndarray]:
    """The flat figures of a network or the ensemble in each draw, each ``(1 + resamples,)``."""
    positive = (cases["truth_boxes"] > 0).to_numpy()
    called = (cases["found_boxes"] > 0).to_numpy(float)
    masks = masks_of_boxes([found[name] for name in test.truth], test.frames)
    figures = {
        "map": weighted_means(cases["precision"].to_numpy(), test.draws),
        **pixel_measures_of(pixel_counts(test.masks, masks), test.draws),
        **image_measures(cases["probability"].to_numpy(), positive, test.draws),
        "sensitivity": weighted_means(called[positive], test.draws[:, positive]),
        "specificity": weighted_means(1 - called[~positive], test.draws[:, ~positive]),
    }
    figures["map"] = np.nan_to_num(figures["map"])  # no radiograph counts: 0, as the metric says
    return figures


def summary(metrics: Mapping[str, Any]) -> dict[str, Any]:
    """The few figures that ``dvc metrics diff`` compares: the ensemble's, and what must be 0."""
    low, high = metrics["intervals"][ENSEMBLE]["map"]
    leaks = {name: metrics[name] for name in ("leaked_people", "leaked_images")}
    return {**metrics[ENSEMBLE], "map_low": low, "map_high": high, **leaks}


def _values(figures: Mapping[str, np.ndarray]) -> dict[str, float]:
    return {name: float(rows[0]) for name, rows in figures.items() if np.isfinite(rows[0])}


def _intervals(figures: Mapping[str, np.ndarray]) -> dict[str, list[float | None]]:
    return {name: _bounds(rows) for name, rows in figures.items() if np.isfinite(rows[0])}


def _bounds(rows: np.ndarray) -> list[float | None]:
    figure = estimate(rows)
    return [figure["low"], figure["high"]]


def _precision(test: HeldOut, found: Found) -> np.ndarray:
    """The challenge's precision at each threshold in each draw: ``(1 + resamples, thresholds)``."""
    calls = table_of((found[name] for name in test.truth), ranked=True)
    counted = precision_rows(table_of(test.truth.values(), ranked=False), calls, len(test.truth))
    means = [weighted_means(column, test.draws) for column in counted.T]
    return np.nan_to_num(np.stack(means, axis=1))


def _froc(shares: np.ndarray) -> dict[str, Any]:
    return {
        "hit_iou": HIT_IOU,
        "false_per_image": list(RATES),
        "sensitivity": [estimate(column)["value"] for column in shares.T],
        "intervals": [_bounds(column) for column in shares.T],
    }


def _calibration(cases: pd.DataFrame, draws: np.ndarray) -> list[dict[str, Any]]:
    score, target = cases["probability"].to_numpy(), (cases["truth_boxes"] > 0).to_numpy()
    bins = calibration(score, target, draws)
    return [{**one, "observed": estimate(one["observed"])} for one in bins]


def _baselines(data: Prepared, test: HeldOut) -> dict[str, dict[str, float]]:
    """What predictions reach that never look at the radiograph."""
    two = two_boxes(data, "test")
    return {
        "nothing called": {
            "map": mean_average_precision(test.truth, {}),
            **pixel_measures(test.masks, np.zeros_like(test.masks)),
        },
        "two constant boxes": {
            "map": mean_average_precision(test.truth, two),
            **pixel_measures(test.masks, masks_of_boxes(list(two.values()), test.frames)),
        },
    }
