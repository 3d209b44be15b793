"""Radiographs of the test set with truth and prediction: hits, misses and false alarms."""

from collections.abc import Mapping, Sequence
from typing import Any

import numpy as np
import pandas as pd
from skimage.measure import find_contours

from pneumo.boxes import Box, Frame
from pneumo.ensemble import Ensemble
from pneumo.explore.charts import jpeg_url
from pneumo.prepared import Prepared

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
    data: Prepared,
    blended: np.ndarray,
    found: Mapping[str, Sequence[Box]],
    cases: pd.DataFrame,
    choice: Ensemble,
    count: int,
) -> list[dict[str, Any]]:
    """A section per kind with at most ``count`` pictures in all, and how many there are.

    Pictures name nobody: an image is known by its number in ``cases``.
    """
    rows = data.rows("test")
    names, frames, truth = data.names(rows), data.frames(rows), data.truth(rows)
    sections = []
    share = -(-count // len(KINDS))
    for kind, places in kinds_of(cases).items():
        pictures = [
            {
                "picture": jpeg_url(np.asarray(data.images[rows[place]])),
                "truth": _rectangles(truth[names[place]], frames[place]),
                "found": _rectangles(found[names[place]], frames[place]),
                "outlines": _outlines(blended[place], choice.threshold),
                "caption": _caption(cases.iloc[place]),
                "image": int(place),
            }
            for place in places[:share]
        ]
        sections.append(
            {"kind": kind, "title": KINDS[kind], "count": len(places), "pictures": pictures}
        )
    return sections


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
