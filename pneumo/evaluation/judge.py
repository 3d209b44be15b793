"""What an ensemble finds on a split: boxes, and a table with a row per radiograph.

The evaluation and whoever measures a registered ensemble again share it, so that both get the same
figures from the same maps.
"""

from dataclasses import replace

import numpy as np
import pandas as pd

from pneumo.base.errors import DataError
from pneumo.detection.boxes import Box, Frame, iou
from pneumo.detection.ensemble import Ensemble
from pneumo.evaluation.cases import make_cases
from pneumo.prepared.format import Prepared, Split

LOWER = (1.0, 0.75, 0.5, 0.25, 0.125)
"""Shares of the tuned threshold at which less certain regions are looked for."""


def judge(
    data: Prepared, split: Split, blended: np.ndarray, choice: Ensemble
) -> tuple[dict[str, list[Box]], pd.DataFrame]:
    """Boxes by ``patientId`` (original pixels), and the table of cases (see ``cases.COLUMNS``).

    ``blended`` holds the blended maps of the split's images in the order of ``data``: ``(n,
    size_px, size_px)`` in [0, 1]. Raises DataError for another shape or a value outside [0, 1].
    """
    rows = data.rows(split)
    expected = (len(rows), data.size_px, data.size_px)
    if blended.shape != expected:
        raise DataError(f"maps of {split}: shape {blended.shape}, but the data need {expected}")
    if not (blended.min(initial=0) >= 0 and blended.max(initial=0) <= 1 + 1e-6):
        raise DataError(f"maps of {split}: a value is not a probability in [0, 1]")
    names, frames = data.names(rows), data.frames(rows)
    found = {
        name: choice.boxes(probability, frame)
        for name, probability, frame in zip(names, blended, frames, strict=True)
    }
    levels = choice.level(blended)
    return found, make_cases(data.index.iloc[rows], data.truth(rows), found, levels)


def candidates(probability: np.ndarray, frame: Frame, choice: Ensemble) -> list[Box]:
    """What ``choice`` calls whatever the image level, and what it would call with less certainty.

    ``probability`` is ``(size_px, size_px)`` in [0, 1]. The boxes of the tuned threshold come
    first; at each lower threshold those are added that touch none yet, so that a low threshold
    does not melt two opacities into one. Boxes are in original pixels, most confident first.
    """
    found: list[Box] = []
    for share in LOWER:
        lower = replace(choice, threshold=choice.threshold * share, image_threshold=0.0)
        more = lower.boxes(probability, frame)
        found += [box for box in more if not any(iou(box, known) > 0 for known in found)]
    return sorted(found, key=lambda box: -box.confidence)
