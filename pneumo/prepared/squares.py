"""Many radiographs to squares of pixels and a row of facts each."""

from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import Any

import numpy as np

from pneumo.dicom.workers import Rejected
from pneumo.dicom.workers import read_squares as read_files

Square = tuple[np.ndarray, dict[str, Any]]
"""Pixels uint8 ``(size_px, size_px)``, and ``rows, columns`` and what ``dicom._scan.Facts`` holds
(``notes`` as codes, ``;`` between), or, for a file that is refused, zeros and only ``reason`` (a
code) and ``message`` (a sentence)."""


def read_squares(
    paths: Sequence[Path],
    size_px: int,
    workers: int | None = None,
    *,
    frontal_only: bool = True,
) -> Iterator[Square]:
    """Read ``paths`` in their order, in worker processes with limits; few are in memory at a time.

    ``workers`` (default: one per core this process may use) changes the time, not the result.
    ``frontal_only`` is as for ``dicom.read_radiograph``.
    """
    blank = np.zeros((size_px, size_px), np.uint8)
    for answer in read_files(paths, size_px, workers, frontal_only=frontal_only):
        if isinstance(answer, Rejected):
            yield blank, {"reason": answer.reason, "message": answer.message}
        else:
            size = {"rows": answer.rows, "columns": answer.columns}
            facts = {**size, **vars(answer.facts), "notes": ";".join(answer.facts.notes)}
            del facts["patient"]  # data sets name people themselves
            yield answer.pixels, {**facts, "reason": "", "message": ""}
