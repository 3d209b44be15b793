"""The curves of an evaluation: as tables, which DVC plots, and as charts of the report."""

from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
from markupsafe import Markup

from pneumo.base.errors import DataError
from pneumo.detection.matching import THRESHOLDS
from pneumo.evaluation.froc import Calls, froc_curve
from pneumo.evaluation.roc import curve_points
from pneumo.report._svg import Axis, Series, chart

MOST_POINTS = 200
UNIT = (0, 0.2, 0.4, 0.6, 0.8, 1.0)
ENSEMBLE = "ensemble"
Tables = dict[str, pd.DataFrame]


def tables(metrics: Mapping[str, Any], cases: pd.DataFrame, calls: Calls) -> Tables:
    """Name -> points of a curve: ``precision, froc, roc, recall, calibration``."""
    positive = (cases["truth_boxes"] > 0).to_numpy()
    hit, false = curve_points(cases["probability"].to_numpy(), positive)
    precision = hit[1:] / (hit + false)[1:]
    sensitivity, alarms = hit / max(hit[-1], 1), false / max(false[-1], 1)
    rate, share = froc_curve(calls)
    low, high = np.array(metrics["precision_intervals"], float).T
    bins = metrics["calibration"]
    return {
        "precision": pd.DataFrame(
            {"iou": THRESHOLDS, **metrics["precision_by_threshold"], "low": low, "high": high}
        ),
        "froc": _thinned(pd.DataFrame({"false_calls_per_image": rate, "sensitivity": share})),
        "roc": _thinned(pd.DataFrame({"false_alarm_rate": alarms, "sensitivity": sensitivity})),
        "recall": _thinned(pd.DataFrame({"recall": sensitivity[1:], "precision": precision})),
        "calibration": pd.DataFrame(
            {
                "predicted": [part["predicted"] for part in bins],
                **{
                    name: [part["observed"][key] for part in bins]
                    for name, key in (("observed", "value"), ("low", "low"), ("high", "high"))
                },
                "images": [part["images"] for part in bins],
            }
        ),
    }


def read_histories(networks: Path, models: Sequence[str]) -> Tables:
    """Each network's ``history.csv``: a row per epoch; DataError when it cannot be read."""
    histories = {}
    for name in models:
        path = networks / name / "history.csv"
        try:
            histories[name] = pd.read_csv(path)[["epoch", "loss", "val_loss"]]
        except (OSError, ValueError, KeyError) as error:
            raise DataError(f"{path}: no history ({error}); run `pneumo train {name}`") from None
    return histories


def charts(
    metrics: Mapping[str, Any], curves: Tables, histories: Tables
) -> list[dict[str, str | Markup | list]]:
    """``title``, ``note``, ``svg`` and ``legend`` (name, kind, colour) of each chart."""
    return [
        _precision_chart(metrics, curves["precision"]),
        _froc_chart(metrics, curves["froc"]),
        _roc_chart(metrics, curves["roc"]),
        _recall_chart(metrics, curves["recall"]),
        _calibration_chart(curves["calibration"]),
        _training_chart(histories),
    ]


def _precision_chart(metrics: Mapping[str, Any], table: pd.DataFrame) -> dict[str, Any]:
    names = [name for name in metrics["precision_by_threshold"] if name != ENSEMBLE]
    series = [
        Series(name, _points(table, "iou", name), "thin", color)
        for color, name in enumerate(sorted(names), 1)
    ]
    bounds = metrics["precision_intervals"]
    series.append(Series(ENSEMBLE, _points(table, "iou", ENSEMBLE), bounds=bounds))
    largest = max(float(table.drop(columns="iou").max().max()), 0.01)
    across = Axis("overlap (IoU) that a hit must exceed", THRESHOLDS)
    up = Axis("precision", _ticks(largest))
    note = "Of all hits, false calls and misses, the hits; its mean is the challenge's mAP."
    return _chart("Precision over overlap", note, across, up, series)


def _froc_chart(metrics: Mapping[str, Any], table: pd.DataFrame) -> dict[str, Any]:
    froc = metrics["froc"]
    rates = froc["false_per_image"]
    inside = table[table["false_calls_per_image"].between(rates[0], rates[-1])]
    curve = Series("curve", _points(inside, "false_calls_per_image", "sensitivity"), "thin")
    dots = [(x, y) for x, y in zip(rates, froc["sensitivity"], strict=True) if y is not None]
    across = Axis("false calls per radiograph", rates, log=True)
    series = [curve, Series(ENSEMBLE, dots, "dots", bounds=froc["intervals"])]
    note = (
        f"Share of all opacities that are hit (IoU above {froc['hit_iou']:.2f}), image threshold "
        "off, fainter regions added; a second call on one opacity is false."
    )
    return _chart("FROC", note, across, Axis("opacities found", UNIT), series)


def _roc_chart(metrics: Mapping[str, Any], table: pd.DataFrame) -> dict[str, Any]:
    ours = metrics[ENSEMBLE]
    series = [
        Series("chance", [(0, 0), (1, 1)], "guide"),
        Series(ENSEMBLE, _points(table, "false_alarm_rate", "sensitivity")),
    ]
    if "sensitivity" in ours and "specificity" in ours:
        point = [(1 - ours["specificity"], ours["sensitivity"])]
        series.append(Series("as tuned", point, "dots", 2))
    across, up = Axis("healthy radiographs called", UNIT), Axis("positive ones called", UNIT)
    return _chart("ROC, per radiograph", "Is there any opacity?", across, up, series)


def _recall_chart(metrics: Mapping[str, Any], table: pd.DataFrame) -> dict[str, Any]:
    share = metrics["test_positives"] / metrics["test_images"]
    series = [
        Series("chance", [(0, share), (1, share)], "guide"),
        Series(ENSEMBLE, _points(table, "recall", "precision")),
    ]
    across, up = Axis("positive radiographs called", UNIT), Axis("of the called, positive", UNIT)
    return _chart("Precision and recall, per radiograph", "", across, up, series)


def _calibration_chart(table: pd.DataFrame) -> dict[str, Any]:
    bounds = table[["low", "high"]].to_numpy(float).tolist()
    series = [
        Series("perfect", [(0, 0), (1, 1)], "guide"),
        Series(ENSEMBLE, _points(table, "predicted", "observed"), "dots", bounds=bounds),
    ]
    across, up = Axis("image-level probability", UNIT), Axis("share with an opacity", UNIT)
    note = "Radiographs in bins of equal number. The probability ranks; off the line it is no risk."
    return _chart("Calibration", note, across, up, series)


def _training_chart(histories: Tables) -> dict[str, Any]:
    series = [
        Series(name, _points(table, "epoch", "val_loss"), "thin", color)
        for color, (name, table) in enumerate(sorted(histories.items()), 1)
    ]
    last = max(int(table["epoch"].max()) for table in histories.values())
    largest = max(float(table["val_loss"].max()) for table in histories.values())
    across = Axis("epoch", sorted({1, max(2, round(last / 2)), max(3, last)}))
    up = Axis("validation loss", _ticks(largest))
    return _chart("Training", "", across, up, series)


def _chart(
    title: str, note: str, across: Axis, up: Axis, series: Sequence[Series]
) -> dict[str, Any]:
    legend = [(one.name, one.kind, one.color) for one in series if one.name != "curve"]
    return {
        "title": title,
        "note": note,
        "svg": chart(title, across, up, series),
        "legend": legend,
    }


def _points(table: pd.DataFrame, x: str, y: str) -> list[tuple[float, float]]:
    return [tuple(pair) for pair in table[[x, y]].dropna().to_numpy(float).tolist()]


def _ticks(largest: float) -> list[float]:
    """Round numbers from 0 to at least ``largest``."""
    power = 10.0 ** np.floor(np.log10(largest))
    step = next(power * part for part in (0.2, 0.5, 1, 2, 5) if largest <= power * part * 5)
    return [round(step * n, 10) for n in range(int(np.ceil(largest / step - 1e-9)) + 1)]


def _thinned(table: pd.DataFrame) -> pd.DataFrame:
    """At most ``MOST_POINTS`` rows, the first and the last among them."""
    places = np.linspace(0, len(table) - 1, min(MOST_POINTS, len(table))).round().astype(int)
    return table.iloc[np.unique(places)].reset_index(drop=True)
