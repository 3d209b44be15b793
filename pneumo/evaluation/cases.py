"""One row per judged radiograph: what the report, the gate and the registry compare.

It goes to the registry, so it names nobody: images and people are numbered in the order of the test
set, which is the same wherever the test set's hash is.

``image, person``               numbers from 0: the image's place in the test set, and its person's
``class, view, sex, age``
``truth_boxes, truth_area_px``  number of true boxes, and the median of their areas (original px)
``found_boxes``                 number of boxes called
``hits``                        how many true boxes a call hits: IoU above 0.40, the metric's lowest
``precision``                   the challenge's, in [0, 1]; NaN where the image is left out
``probability``                 image-level probability of any opacity, in [0, 1]
"""

from collections.abc import Mapping, Sequence
from pathlib import Path

import numpy as np
import pandas as pd

from pneumo.base.errors import DataError
from pneumo.dataset.rsna import precision_of
from pneumo.detection.boxes import Box
from pneumo.detection.matching import hits_of
from pneumo.evaluation.froc import HIT_IOU

COLUMNS = (
    "image", "person", "class", "view", "sex", "age", "truth_boxes", "truth_area_px",
    "found_boxes", "hits", "precision", "probability",
)  # fmt: skip


def make_cases(
    images: pd.DataFrame,
    truth: Mapping[str, Sequence[Box]],
    found: Mapping[str, Sequence[Box]],
    probability: np.ndarray,
) -> pd.DataFrame:
    """The table of ``images`` (rows of ``index.parquet``, in order) with what was found on them."""
    names = images["patientId"].tolist()
    areas = [[box.area for box in truth[name]] for name in names]
    true_boxes, calls = [truth[name] for name in names], [found[name] for name in names]
    return pd.DataFrame(
        {
            "image": range(len(images)),
            "person": pd.factorize(images["person"])[0],
            **{name: images[name].to_numpy() for name in ("class", "view", "sex", "age")},
            "truth_boxes": [len(truth[name]) for name in names],
            "truth_area_px": [float(np.median(sizes)) if sizes else np.nan for sizes in areas],
            "found_boxes": [len(found[name]) for name in names],
            "hits": [int(hit.sum()) for hit in hits_of(true_boxes, calls, HIT_IOU)],
            "precision": precision_of(true_boxes, calls).mean(axis=1),
            "probability": np.asarray(probability, float),
        }
    )


def read_cases(path: Path) -> pd.DataFrame:
    """Read a table of cases (CSV); DataError when it cannot be read or lacks a column."""
    try:
        table = pd.read_csv(path)
    except (OSError, ValueError) as error:
        raise DataError(f"{path}: no table of cases ({error}); run `dvc repro evaluate`") from None
    if missing := [name for name in COLUMNS if name not in table]:
        raise DataError(f"{path}: lacks the columns {', '.join(missing)}")
    return table[list(COLUMNS)]


def subgroups(cases: pd.DataFrame) -> dict[str, np.ndarray]:
    """Name -> bool mask ``(n,)`` of the groups that the report and the gate look at."""
    return {**people_groups(cases), **finding_groups(cases)}


def people_groups(cases: pd.DataFrame) -> dict[str, np.ndarray]:
    """Groups by view, sex and age; who has no known or possible value is in none."""
    age = cases["age"].to_numpy(float)
    view, sex = cases["view"].to_numpy(object), cases["sex"].to_numpy(object)
    return {
        **{f"view {name}": view == name for name in ("AP", "PA")},
        **{f"sex {name}": sex == name for name in ("F", "M")},
        "age under 40": age < 40,
        "age 40 to 59": (age >= 40) & (age < 60),
        "age 60 and over": (age >= 60) & (age <= 120),
    }


def finding_groups(cases: pd.DataFrame) -> dict[str, np.ndarray]:
    """Radiographs with an opacity by the size of their true boxes (thirds), and by their number."""
    area, boxes = cases["truth_area_px"].to_numpy(float), cases["truth_boxes"].to_numpy(int)
    small, large = np.nanquantile(area, [1 / 3, 2 / 3]) if boxes.any() else (0.0, 0.0)
    return {
        "small boxes": area <= small,
        "medium boxes": (area > small) & (area <= large),
        "large boxes": area > large,
        "one box": boxes == 1,
        "two boxes": boxes == 2,
        "three boxes or more": boxes >= 3,
    }
