"""Many DICOM files to squares of pixels and a row of facts each, in worker processes."""

import os
import threading
from collections import deque
from collections.abc import Iterator, Sequence
from concurrent.futures import Future, ProcessPoolExecutor
from multiprocessing import get_context, parent_process
from multiprocessing.process import BaseProcess
from pathlib import Path
from typing import Any

import numpy as np

from pneumo.dicom import fit, read_radiograph
from pneumo.errors import RadiographError

FILES_PER_TASK = 16
TASKS_PER_WORKER = 4

Square = tuple[np.ndarray, dict[str, Any]]
"""Pixels uint8 ``(size_px, size_px)``, and ``view, sex, age, rows, columns, spacing_mm``, or, for a
file that is refused, zeros and only ``reason`` (a code) and ``message`` (a sentence)."""


def read_squares(
    paths: Sequence[Path], size_px: int, workers: int | None = None
) -> Iterator[Square]:
    """Read ``paths`` in their order; a bounded number of squares is in memory at any time.

    ``workers`` (default: one per core this process may use) changes the time, not the result.
    """
    workers = workers or cores()
    tasks = iter(_batches(paths))
    waiting: deque[Future[list[Square]]] = deque()
    with ProcessPoolExecutor(workers, get_context("spawn"), _end_with_parent) as pool:
        for task in tasks:
            waiting.append(pool.submit(_read_some, task, size_px))
            if len(waiting) >= workers * TASKS_PER_WORKER:
                yield from waiting.popleft().result()
        while waiting:
            yield from waiting.popleft().result()


def read_square(path: Path, size_px: int) -> Square:
    """Read one file in this process."""
    try:
        radiograph = read_radiograph(path)
    except RadiographError as error:
        blank = np.zeros((size_px, size_px), np.uint8)
        return blank, {"reason": error.reason, "message": str(error)}
    rows, columns = radiograph.frame_size
    facts = {
        "view": radiograph.view,
        "sex": radiograph.sex,
        "age": radiograph.age,
        "rows": rows,
        "columns": columns,
        "spacing_mm": radiograph.spacing_mm,
        "reason": "",
        "message": "",
    }
    return fit(radiograph.pixels, size_px), facts


def cores() -> int:
    """How many cores this process may use."""
    return len(os.sched_getaffinity(0)) if hasattr(os, "sched_getaffinity") else os.cpu_count() or 1


def _batches(paths: Sequence[Path]) -> Iterator[Sequence[Path]]:
    for start in range(0, len(paths), FILES_PER_TASK):
        yield paths[start : start + FILES_PER_TASK]


def _read_some(paths: Sequence[Path], size_px: int) -> list[Square]:
    return [read_square(path, size_px) for path in paths]


def _end_with_parent() -> None:
    """Let a worker end when its parent is killed; by itself it would wait for tasks forever."""
    parent = parent_process()
    if parent is not None:
        threading.Thread(target=_end_after, args=[parent], daemon=True).start()


def _end_after(parent: BaseProcess) -> None:
    parent.join()
    os._exit(1)
