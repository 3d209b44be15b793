"""How far the ensemble's answer moves when a radiograph changes in ways that mean nothing."""

from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any
from zipfile import BadZipFile

import numpy as np

from pneumo.base.errors import DataError
from pneumo.detection.boxes import Box, Frame, mask_from_boxes
from pneumo.detection.ensemble import Ensemble, blend
from pneumo.evaluation.bootstrap import estimate, weighted_means
from pneumo.evaluation.perturbations import PERTURBATIONS, sample
from pneumo.prepared.format import Prepared

FILE = "perturbations.npz"


def load_perturbed(
    networks: Path, models: Sequence[str], shape: tuple[int, ...]
) -> dict[str, dict[str, np.ndarray]]:
    """Perturbation -> network -> maps of the changed images: float32 of ``shape``.

    Raises DataError when a file is missing, incomplete, or of another shape.
    """
    changed: dict[str, dict[str, np.ndarray]] = {name: {} for name in PERTURBATIONS}
    for model in models:
        path = networks / model / FILE
        try:
            with np.load(path, allow_pickle=False) as arrays:
                maps = {name: arrays[name].astype(np.float32) for name in PERTURBATIONS}
        except (OSError, ValueError, KeyError, EOFError, BadZipFile) as error:
            raise DataError(f"{path}: {error}; run `pneumo train {model}`") from None
        for name, values in maps.items():
            if values.shape != shape:
                raise DataError(f"{path}: {name} has shape {values.shape}, but {shape} is needed")
            changed[name][model] = values
    return changed


def stability(
    data: Prepared,
    blended: np.ndarray,
    perturbed: Mapping[str, Mapping[str, np.ndarray]],
    choice: Ensemble,
    draws: np.ndarray,
) -> list[dict[str, Any]]:
    """A row per perturbation: how much a sample of test images changes under it.

    ``blended`` are the test images' maps ``(n, size_px, size_px)``, ``draws`` ``(1 + resamples,
    n)``. A row has ``name, what, images``, ``probability`` (mean absolute change of the image-level
    probability), ``flipped`` (share of images called in one case only) and ``box_iou`` (area shared
    by the called boxes before and after, over the area of either; mean over images with a call).
    """
    rows = data.rows("test")
    places = sample(len(rows))
    frames = data.frames(rows[places])
    counted = draws[:, places]
    before = blended[places]
    calls = [choice.boxes(*pair) for pair in zip(before, frames, strict=True)]
    table = []
    for name, maps in perturbed.items():
        after = PERTURBATIONS[name].restore(blend(maps, choice.weights))
        again = [choice.boxes(*pair) for pair in zip(after, frames, strict=True)]
        change = np.abs(choice.level(after) - choice.level(before))
        flipped = np.array([bool(a) != bool(b) for a, b in zip(calls, again, strict=True)], float)
        shared = np.array([_shared(*both) for both in zip(calls, again, frames, strict=True)])
        table.append(
            {
                "name": name,
                "what": PERTURBATIONS[name].what,
                "images": len(places),
                "probability": estimate(weighted_means(change, counted)),
                "flipped": estimate(weighted_means(flipped, counted)),
                "box_iou": estimate(weighted_means(shared, counted)),
            }
        )
    return table


def _shared(one: Sequence[Box], other: Sequence[Box], frame: Frame) -> float:
    """IoU of the areas of two sets of boxes; NaN when both are empty."""
    if not one and not other:
        return np.nan
    first, second = (mask_from_boxes(boxes, frame) > 0 for boxes in (one, other))
    return float((first & second).sum() / max(1, (first | second).sum()))
