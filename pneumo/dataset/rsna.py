"""The rules of the RSNA Pneumonia Detection Challenge: its metric and its tables.

Source: RSNA Pneumonia Detection Challenge (Kaggle, 2018), pages "Evaluation" and "Data".
"""

import re
from collections.abc import Iterable, Mapping, Sequence
from pathlib import Path

import numpy as np

from pneumo.base.errors import DataError
from pneumo.dataset.tables import read_table
from pneumo.detection.frame import Box
from pneumo.detection.matching import THRESHOLDS, precision_rows, table_of

CLASSES = ("Normal", "No Lung Opacity / Not Normal", "Lung Opacity")
LABEL_COLUMNS = ("patientId", "x", "y", "width", "height", "Target")
ORDER = "write confidence x y width height"
QUOTED = re.compile(r'[",\r\n]|^\s|\s$|^$')


def precision_by_threshold(truth: Sequence[Box], found: Sequence[Box]) -> np.ndarray | None:
    """Hits / (hits + false calls + misses) of one radiograph at each of ``THRESHOLDS``.

    Boxes are in pixels of the original image. Calls are matched in falling confidence, each to
    the free true box it overlaps most. Returns eight floats in [0, 1], or None for a radiograph
    without truth and without calls.
    """
    if not truth and not found:
        return None
    return precision_of([truth], [found])[0]


def precision_of(truth: Sequence[Sequence[Box]], found: Sequence[Sequence[Box]]) -> np.ndarray:
    """``precision_by_threshold`` of many radiographs: ``(images, 8)``, NaN in place of None."""
    true_boxes, calls = table_of(truth, ranked=False), table_of(found, ranked=True)
    return precision_rows(true_boxes, calls, len(truth))


def image_precision(truth: Sequence[Box], found: Sequence[Box]) -> float | None:
    """Precision of one radiograph, averaged over IoU 0.40, 0.45, ... 0.75.

    Boxes are in pixels of the original image. Returns None for a healthy, uncalled image
    (left out of the mean) and 0.0 for a healthy image with any call.
    """
    precision = precision_by_threshold(truth, found)
    return None if precision is None else float(precision.mean())


def mean_precision_by_threshold(
    truth: Mapping[str, Sequence[Box]], found: Mapping[str, Sequence[Box]]
) -> np.ndarray:
    """Mean over radiographs of ``precision_by_threshold``: eight floats in [0, 1].

    Both map ``patientId`` to boxes; an image that ``found`` lacks has no calls. Zeros when no
    radiograph counts.
    """
    names = sorted(truth)
    rows = precision_of([truth[name] for name in names], [found.get(name, ()) for name in names])
    counted = rows[~np.isnan(rows[:, 0])]
    return counted.mean(axis=0) if len(counted) else np.zeros(len(THRESHOLDS))


def mean_average_precision(
    truth: Mapping[str, Sequence[Box]], found: Mapping[str, Sequence[Box]]
) -> float:
    """The challenge's score in [0, 1]: the mean of ``image_precision`` over the radiographs."""
    return float(mean_precision_by_threshold(truth, found).mean())


def read_labels(path: Path) -> dict[str, list[Box]]:
    """Read ``stage_2_train_labels.csv``: ``patientId`` -> true boxes in original pixels."""
    table = read_table(path, LABEL_COLUMNS, numbers=LABEL_COLUMNS[1:])
    truth: dict[str, list[Box]] = {name: [] for name in table["patientId"].unique()}
    positive = table[table["Target"] == 1]
    for name, *sides in positive[list(LABEL_COLUMNS[:5])].itertuples(index=False):
        truth[name].append(Box(*map(float, sides)))
    return truth


def read_submission(path: Path) -> dict[str, list[Box]]:
    """Read a submission: ``patientId,PredictionString`` of ``confidence x y width height`` ...

    Raises DataError that names the line for a duplicate ID, a wrong count of numbers, a value
    that is no finite number, a confidence outside [0, 1], or a box without area; and for boxes
    that are all in shares of the picture.
    """
    table = read_table(path, ("patientId", "PredictionString"), text=True)
    found: dict[str, list[Box]] = {}
    for line, name, text in table[["patientId", "PredictionString"]].itertuples():
        where = f"{path}, line {line}"
        if name in found:
            raise DataError(f"{where}: {name!r} stands twice; give each image one line")
        found[name] = _parse_boxes(text, where)
    boxes = [box for of_image in found.values() for box in of_image]
    if boxes and all(min(box.width, box.height) <= 1 for box in boxes):
        raise DataError(f"{path}: all boxes are at most 1 px wide or high; {ORDER}, in pixels")
    return found


def format_submission(found: Mapping[str, Sequence[Box]]) -> str:
    """The text of a submission file, images by ``patientId``, boxes by falling confidence.

    An ID is quoted (RFC 4180) where a comma, a quote, a line end or a blank outside asks for it.
    """
    lines = ["patientId,PredictionString"]
    for name in sorted(found):
        numbers = (
            f"{b.confidence:.4f} {b.x:.1f} {b.y:.1f} {b.width:.1f} {b.height:.1f}"
            for b in _by_confidence(found[name])
        )
        lines.append(f"{_quoted(name)},{' '.join(numbers)}")
    return "\n".join(lines) + "\n"


def _quoted(name: str) -> str:
    doubled = name.replace('"', '""')
    return f'"{doubled}"' if QUOTED.search(name) else name


def _by_confidence(boxes: Iterable[Box]) -> list[Box]:
    return sorted(boxes, key=lambda b: (-b.confidence, b.x, b.y, b.width, b.height))


def _parse_boxes(text: str, where: str) -> list[Box]:
    try:
        numbers = [float(word) for word in text.split()]
    except ValueError as error:
        raise DataError(f"{where}: {error}; {ORDER} per box") from None
    if len(numbers) % 5:
        raise DataError(f"{where}: {len(numbers)} numbers; five are needed per box")
    if not np.isfinite(numbers).all():
        raise DataError(f"{where}: a number is not finite")
    if strange := [value for value in numbers[::5] if not 0 <= value <= 1]:
        side = "over 1" if strange[0] > 1 else "under 0"
        raise DataError(f"{where}: confidence {strange[0]:g} is {side}; {ORDER}")
    boxes = [
        Box(x, y, width, height, confidence)
        for confidence, x, y, width, height in zip(*[iter(numbers)] * 5, strict=True)
    ]
    if any(box.width <= 0 or box.height <= 0 for box in boxes):
        raise DataError(f"{where}: a box has no area; width and height must be above 0")
    return boxes
