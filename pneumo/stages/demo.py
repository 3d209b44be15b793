"""Make the demo's data: synthetic radiographs in RSNA's format, from a seed alone."""

import csv
import os
from collections.abc import Iterator, Sequence
from concurrent.futures import ProcessPoolExecutor
from functools import partial
from multiprocessing import get_context
from pathlib import Path
from typing import TYPE_CHECKING

from rich.console import Console
from rich.progress import track

from pneumo.base.files import whole
from pneumo.dataset.manifest import write_manifest
from pneumo.synthetic.export import write_dicom
from pneumo.synthetic.plan import Case, plan
from pneumo.synthetic.radiograph import draw

if TYPE_CHECKING:
    from pneumo.base.settings import DemoSettings
    from pneumo.synthetic.opacities import BoxPx

IMAGES = "stage_2_train_images"
LABELS = "stage_2_train_labels.csv"
CLASSES = "stage_2_detailed_class_info.csv"
PATIENTS = "patients.csv"
LABEL_COLUMNS = ("patientId", "x", "y", "width", "height", "Target")
CLASS_COLUMNS = ("patientId", "class")
PATIENT_COLUMNS = ("patientId", "person", "view", "sex", "age", "pixel_spacing_mm")

Row = tuple[object, ...]


def demo(out: Path, *, demo: "DemoSettings", workers: int | None = None) -> None:
    """Write ``demo.images`` radiographs and their three tables to ``out``, whole or not at all.

    ``workers`` (default: one per core this process may use) changes the time, not the bytes.
    """
    cases = plan(demo.images, demo.seed)
    with whole(out) as folder:
        (folder / IMAGES).mkdir(parents=True)
        boxes = _draw_all(folder / IMAGES, cases, workers or _cores())
        _write(folder / LABELS, LABEL_COLUMNS, _labels(cases, boxes))
        _write(folder / CLASSES, CLASS_COLUMNS, _classes(cases, boxes))
        _write(folder / PATIENTS, PATIENT_COLUMNS, _patients(cases))
        write_manifest(folder)


def _draw_all(folder: Path, cases: Sequence[Case], workers: int) -> list[list["BoxPx"]]:
    """Draw and write every case; the boxes of each, in the order of ``cases``."""
    console = Console(stderr=True)
    with ProcessPoolExecutor(workers, mp_context=get_context("spawn")) as pool:
        done = pool.map(partial(_draw_one, folder), cases, chunksize=4)
        return list(
            track(done, "Drawing radiographs", len(cases), console=console, transient=True,
                  disable=not console.is_terminal)
        )  # fmt: skip


def _draw_one(folder: Path, case: Case) -> list["BoxPx"]:
    pixels, boxes = draw(case)
    write_dicom(folder / f"{case.patient_id}.dcm", case, pixels)
    return boxes


def _cores() -> int:
    return len(os.sched_getaffinity(0)) if hasattr(os, "sched_getaffinity") else os.cpu_count() or 1


def _labels(cases: Sequence[Case], boxes: Sequence[list["BoxPx"]]) -> Iterator[Row]:
    """One row per box; one with blank cells and Target 0 for an image without."""
    for case, opacities in zip(cases, boxes, strict=True):
        yield from ((case.patient_id, *map(float, box), 1) for box in opacities)
        if not opacities:
            yield case.patient_id, "", "", "", "", 0


def _classes(cases: Sequence[Case], boxes: Sequence[list["BoxPx"]]) -> Iterator[Row]:
    """One row per row of the labels, as RSNA has it."""
    for case, opacities in zip(cases, boxes, strict=True):
        yield from [(case.patient_id, case.finding)] * max(1, len(opacities))


def _patients(cases: Sequence[Case]) -> Iterator[Row]:
    for case in cases:
        person = f"{case.person:05d}"
        yield case.patient_id, person, case.view, case.sex, case.age, case.spacing_mm


def _write(path: Path, header: Row, rows: Iterator[Row]) -> None:
    with path.open("w", newline="", encoding="utf-8") as file:
        table = csv.writer(file, lineterminator="\n")
        table.writerow(header)
        table.writerows(rows)
