"""The format of ``data/prepared``: what ``prepare`` writes and all later stages read.

``images.npy``, ``masks.npy``  uint8, ``(n, size_px, size_px)``; masks are 0 or 1
``index.parquet``              one row per image, in the order of the arrays (see ``COLUMNS``);
                               ``notes`` are codes of what is doubtful, ``;`` between
``boxes.parquet``              ``patientId, x, y, width, height`` in original pixels
``profile.json``               counts, sizes, sha256 of the arrays and tables

Rows are sorted by split (train, validation, test), then by ``patientId``; the probabilities
of a network cover the validation and test rows in this order.
"""

import json
from collections.abc import Iterable
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Literal

import numpy as np
import pandas as pd

from pneumo.base.errors import DataError
from pneumo.detection.boxes import Box, Frame

Split = Literal["train", "validation", "test"]
SPLITS: tuple[Split, ...] = ("train", "validation", "test")
COLUMNS = (
    "patientId", "person", "split", "class", "target",
    "view", "sex", "age", "rows", "columns", "row_spacing_mm", "column_spacing_mm", "pixel_aspect",
    "notes",
)  # fmt: skip


@dataclass(frozen=True)
class Prepared:
    """A prepared data set, its arrays mapped from disk rather than loaded."""

    images: np.ndarray
    masks: np.ndarray
    index: pd.DataFrame
    boxes: pd.DataFrame
    profile: dict[str, Any]

    @property
    def size_px(self) -> int:
        """Side of the square images in pixels."""
        return int(self.images.shape[1])

    def rows(self, *splits: Split) -> np.ndarray:
        """Row numbers of the images of some splits, ascending."""
        return np.flatnonzero(self.index["split"].isin(splits).to_numpy())

    def frames(self, rows: np.ndarray) -> list[Frame]:
        """Where each original radiograph lies in its square."""
        return frames_of(self.index.iloc[rows], self.size_px)

    def names(self, rows: np.ndarray) -> list[str]:
        """The ``patientId`` of each row."""
        return self.index["patientId"].iloc[rows].tolist()

    def truth(self, rows: np.ndarray) -> dict[str, list[Box]]:
        """``patientId`` -> true boxes in original pixels; an empty list where there is none."""
        truth: dict[str, list[Box]] = {name: [] for name in self.names(rows)}
        for name, *sides in self.boxes.itertuples(index=False):
            if name in truth:
                truth[name].append(Box(*map(float, sides)))
        return truth


def frames_of(index: pd.DataFrame, size_px: int) -> list[Frame]:
    """Where the radiographs of rows of ``index.parquet`` lie in squares of ``size_px``.

    Their pixels are square where the table, being older, does not tell.
    """
    aspects = index.get("pixel_aspect", pd.Series(1.0, index.index))
    sizes = zip(index["rows"], index["columns"], strict=True)
    return [
        Frame(int(rows), int(columns), size_px, float(aspect))
        for (rows, columns), aspect in zip(sizes, aspects, strict=True)
    ]


def load_prepared(folder: Path) -> Prepared:
    """Open a prepared data set; raise DataError when ``folder`` does not hold one."""
    try:
        return Prepared(
            images=np.load(folder / "images.npy", mmap_mode="r", allow_pickle=False),
            masks=np.load(folder / "masks.npy", mmap_mode="r", allow_pickle=False),
            index=pd.read_parquet(folder / "index.parquet"),
            boxes=pd.read_parquet(folder / "boxes.parquet"),
            profile=json.loads((folder / "profile.json").read_text()),
        )
    except (OSError, ValueError) as error:
        raise DataError(f"{folder}: no prepared data ({error}); run `pneumo prepare`") from None


def load_maps(
    data: Prepared, models: Path, names: Iterable[str], split: Split
) -> dict[str, np.ndarray]:
    """What each network says to ``validation`` or ``test``: float32 ``(n, size_px, size_px)``.

    ``models`` holds a folder per network. Raises DataError as ``load_probabilities``.
    """
    held_out = data.rows("validation", "test")
    wanted = np.isin(held_out, data.rows(split))
    shape = (len(held_out), data.size_px, data.size_px)
    part = slice(int(wanted.argmax()), int(wanted.argmax()) + int(wanted.sum()))
    return {name: load_probabilities(models, name, shape, part) for name in names}


def load_probabilities(
    models: Path, model: str, expected: tuple[int, ...], part: slice
) -> np.ndarray:
    """The opacity probabilities a network gave to ``part`` of the validation and test images.

    Returns float32 in [0, 1]. Only the part is read. Raises DataError when the file is missing or
    its shape is not ``expected``, which is ``(n, size_px, size_px)`` of all these images.
    """
    path = models / model / "probabilities.npy"
    try:
        values = np.load(path, mmap_mode="r", allow_pickle=False)
    except (OSError, ValueError) as error:
        raise DataError(f"{path}: {error}; run `pneumo train {model}`") from None
    if values.shape != expected:
        raise DataError(f"{path}: shape {values.shape}, but the prepared data need {expected}")
    return values[part].astype(np.float32)
