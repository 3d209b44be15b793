"""The profile of a candidate, fitted when it is registered: see ``intake.profile``."""

from pathlib import Path

import numpy as np
import pandas as pd

from pneumo.base.files import write_json
from pneumo.intake.features import features
from pneumo.intake.fit import fit
from pneumo.intake.look import inside
from pneumo.intake.profile import PROFILE
from pneumo.intake.thumbnails import normalised, thumbnail
from pneumo.prepared.format import Prepared

TAG = "pneumo.profile"
"""The sha256 of the version's ``profile.json``."""

MOST_TRAINING = 4000
"""Training radiographs that are looked at, evenly over all of them."""

LEVEL = 0.006
"""Share of unchanged windows that may differ by chance from the registered reference."""


def write_profile(
    folder: Path, data: Prepared, cases: pd.DataFrame, disagreement: np.ndarray | None = None
) -> Path:
    """Fit the profile on training people and the test people of ``cases``, and write it.

    ``cases`` has a row per test image, in the order of ``data``; ``disagreement`` is how far the
    networks are apart on each, None for a network alone. Returns the file.
    """
    training, test = data.rows("train"), data.rows("test")
    evenly = np.linspace(0, len(training) - 1, min(len(training), MOST_TRAINING)).astype(int)
    path = folder / PROFILE
    profile = fit(
        _seen(data, training[evenly]),
        _seen(data, test),
        cases["person"].to_numpy(),
        cases["probability"].to_numpy(float),
        cases["found_boxes"].to_numpy() > 0,
        size_px=data.size_px,
        level=LEVEL,
        counts=_counts(data, cases),
        disagreement=disagreement,
    )
    write_json(path, profile.to_json())
    return path


def _seen(data: Prepared, rows: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    found, small = [], []
    for row, frame in zip(rows, data.frames(rows), strict=True):
        radiograph = inside(np.asarray(data.images[row]), frame)
        small.append(thumbnail(radiograph))
        found.append(features(radiograph, small[-1]))
    return np.array(found, float), normalised(np.stack(small))


def _counts(data: Prepared, cases: pd.DataFrame) -> dict[str, int]:
    """What a later figure is compared with: positives and hits on people of test."""
    positive = cases["truth_boxes"] > 0
    called = cases["found_boxes"] > 0
    return {
        "training_images": len(data.rows("train")),
        "test_images": len(cases),
        "test_people": int(cases["person"].nunique()),
        "positive": int(positive.sum()),
        "positive_called": int((positive & called).sum()),
        "negative": int((~positive).sum()),
        "negative_called": int((~positive & called).sum()),
    }
