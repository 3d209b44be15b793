"""Which precisions call what float32 calls, and which of them scoring takes by itself."""

from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
from inbox import sources
from rich.table import Table

from pneumo.detection.boxes import Box, Frame
from pneumo.dicom.workers import read_squares
from pneumo.engines import int8
from pneumo.engines.graphs import graph
from pneumo.engines.openvino import openvino
from pneumo.engines.package import Package
from pneumo.engines.processor import processor
from pneumo.prepared.format import load_prepared
from pneumo.registry import agreement, precisions
from pneumo.scoring._precision import fastest_here

CALIBRATION = 32


@dataclass(frozen=True)
class Radiographs:
    """What int8 is ``learnt`` from, and other ``pictures`` on which the precisions are compared.

    Both uint8 ``(n, size_px, size_px)``; ``truth`` has no boxes where none are known.
    """

    learnt: np.ndarray
    pictures: np.ndarray
    truth: Mapping[str, list[Box]]
    frames: list[Frame]


def size_of(package: Package) -> int:
    """The pixels of a side of what the networks take."""
    model = openvino.Core().read_model(graph(package))
    return int(model.inputs[0].partial_shape[1].get_length())


def radiographs(package: Package, prepared: Path | None, folder: Path) -> Radiographs:
    """Validation and test radiographs of ``prepared``; without one, the files that are scored."""
    if prepared:
        data = load_prepared(prepared)
        rows = data.rows("test")
        learnt, pictures = (np.asarray(data.images[data.rows(s)]) for s in ("validation", "test"))
        return Radiographs(learnt, pictures, data.truth(rows), data.frames(rows))
    squares = list(read_squares(sources(folder), size_of(package)))
    pictures = np.stack([square.pixels for square in squares])
    frames = [square.frame for square in squares[CALIBRATION:]]
    truth: dict[str, list[Box]] = {str(number): [] for number in range(len(frames))}
    return Radiographs(pictures[:CALIBRATION], pictures[CALIBRATION:], truth, frames)


def quantised(package: Package, prepared: Path | None, folder: Path) -> Path:
    """The folder of the package's graph in int8, which is made unless the cache has it."""
    return int8.quantised(package, radiographs(package, prepared, folder).learnt)


def compared(package: Package, given: Radiographs) -> dict[str, dict[str, Any]]:
    """What ``pneumo promote`` and ``pneumo registry quantise`` would measure."""
    return agreement.measure(
        package.folder, given.pictures, given.truth, given.frames,
        quantise=lambda: int8.quantised(package, given.learnt),
    )  # fmt: skip


def default(
    package: Package, measured: Mapping[str, Any], given: Radiographs, batch_size: int
) -> tuple[str, str]:
    """What ``score.precision: auto`` takes here, and why."""
    return fastest_here(
        package, measured, batch_size, lambda: int8.quantised(package, given.learnt)
    )


def table(measured: Mapping[str, Any], known: bool) -> Table:
    """A row per precision; mAP where boxes are ``known``."""
    found = Table("precision", "boxes", "matched", "mAP", "differs by", "agrees")
    here = processor()
    for name in precisions.FASTER:
        row = measured[name]
        reason = precisions.why_not(measured, name, here)
        if "matched" not in row:
            found.add_row(name, "", "", "", "", reason)
            continue
        score = (f"{row['map']:.4f}", f"{row['map_difference']:.4f}") if known else ("", "")
        answer = "no" if reason else "yes"
        found.add_row(name, str(row["boxes"]), f"{row['matched']:.1%}", *score, answer)
    return found
