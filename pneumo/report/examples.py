"""Radiographs of the test set with truth and prediction: hits, misses and false alarms."""

from collections.abc import Mapping, Sequence
from typing import Any

import numpy as np
import pandas as pd
from skimage.measure import find_contours

from pneumo.detection.boxes import Box, Frame
from pneumo.detection.ensemble import Ensemble
from pneumo.prepared.format import Prepared
from pneumo.report.pictures import jpeg_url

KINDS = {
    "hits": "Hits: every opacity found, nothing called falsely",
    "misses": "Misses: an opacity that no call hits",
    "false alarms": "False alarms: called, though there is no opacity",
}


def kinds_of(cases: pd.DataFrame) -> dict[str, np.ndarray]:
    """Places of the images of each of ``KINDS``, the most telling first.

    Hits by falling precision; misses and false alarms by falling probability: how sure it was.
    """
    truth, found = cases["truth_boxes"].to_numpy(), cases["found_boxes"].to_numpy()
    hits = cases["hits"].to_numpy()
    level = cases["probability"].to_numpy()
    precision = cases["precision"].fillna(0).to_numpy()
    chosen = {
        "hits": ((truth > 0) & (hits == truth) & (found == truth), -precision),
        "misses": ((truth > 0) & (hits < truth), level),
        "false alarms": ((truth == 0) & (found > 0), -level),
    }
    order = {kind: np.argsort(key, kind="stable") for kind, (_, key) in chosen.items()}
    return {kind: order[kind][mask[order[kind]]] for kind, (mask, _) in chosen.items()}


def gallery(
    data: Prepared, blended: np.ndarray, cases: pd.DataFrame, choice: Ensemble, count: int
) -> list[dict[str, Any]]:
    """A section per kind with at most ``count`` pictures in all, and how many there are.

    Pictures name nobody: an image is known by its number in ``cases``.
    """
    rows = data.rows("test")
    share = -(-count // len(KINDS))
    return [
        section(
            kind,
            len(places),
            [
                picture(data, rows[place], blended[place], cases.iloc[place], choice)
                for place in places[:share]
            ],
        )
        for kind, places in kinds_of(cases).items()
    ]


def section(kind: str, count: int, pictures: Sequence[Mapping[str, Any]]) -> dict[str, Any]:
    """What pages show of one of ``KINDS``: ``count`` images, of which ``pictures`` are drawn."""
    return {"kind": kind, "title": KINDS[kind], "count": count, "pictures": pictures}


def picture(
    data: Prepared,
    row: int,
    probability: np.ndarray,
    case: pd.Series,
    choice: Ensemble,
    *,
    radiograph: bool = True,
) -> dict[str, Any]:
    """Image ``row`` of ``data`` with truth, calls and outlines of its map ``(size_px, size_px)``.

    Without ``radiograph`` the pixels are left out, so that the picture may be shown to anybody.
    """
    one = np.array([row])
    [name], [frame] = data.names(one), data.frames(one)
    return {
        "picture": jpeg_url(np.asarray(data.images[row])) if radiograph else None,
        "truth": _rectangles(data.truth(one)[name], frame),
        "found": _rectangles(choice.boxes(probability, frame), frame),
        "outlines": _outlines(probability, choice.threshold),
        "caption": _caption(case),
        "image": int(case["image"]),
    }


def _rectangles(boxes: Sequence[Box], frame: Frame) -> list[tuple[float, ...]]:
    inside = (frame.to_square(box) for box in boxes)
    return [(box.x, box.y, box.width, box.height, box.confidence) for box in inside]


def _outlines(probability: np.ndarray, threshold: float) -> list[str]:
    """Where the map crosses the threshold, as points of SVG polygons."""
    padded = np.pad(probability, 1)
    return [
        " ".join(f"{x - 0.5:.1f},{y - 0.5:.1f}" for y, x in contour)
        for contour in find_contours(padded, threshold)
    ]


def _caption(case: pd.Series) -> str:
    age = f"{case['age']:.0f} years" if case["age"] <= 120 else "age unknown"
    facts = [str(case[name]) for name in ("view", "sex") if isinstance(case[name], str)]
    return " · ".join([*facts, age, f"probability {case['probability']:.2f}"])
