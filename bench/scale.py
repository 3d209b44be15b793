"""Time and memory of planning and publishing many radiographs: ``make bench-scale``.

Real commands work on small distinct files, named as scanners name them: ``IM0001`` in every study.
Only the networks are left out: between plan and publication the parts are written as a scorer
writes them, with rejected files and pictures among them. Every step is a process of its own.
Example: ``python bench/scale.py --files 100000 --keep /tmp/scale``
"""

import argparse
import json
import os
import subprocess
import sys
import tempfile
import time
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from PIL import Image

from pneumo.base.aside import aside
from pneumo.base.files import sha256, write_json
from pneumo.detection.ensemble import CELLS
from pneumo.scoring.parts import Scorer, Store, write_part
from pneumo.scoring.plan import load_plan

ROOT = Path(__file__).parents[1]
PER_STUDY, PER_FOLDER = 4, 1000
EVERY_COPY, EVERY_REJECTED, EVERY_POSITIVE = 100, 50, 4
ENSEMBLE = {
    "weights": {"unet_vgg19": 1.0}, "threshold": 0.5, "gate": 0.0,
    "minimum_area_px": 0.0, "shrink_x": 0.0, "shrink_y": 0.0, "cells": CELLS,
}  # fmt: skip


@dataclass(frozen=True)
class Step:
    """What one process took."""

    name: str
    seconds: float
    cpu_s: float
    peak_mib: float
    printed: str


def main() -> None:
    """Make the files, run the steps, compare the counts, print the figures."""
    options = _options()
    if options.fill:
        fill(options.fill)
        return
    with tempfile.TemporaryDirectory() as folder:
        work = options.keep or Path(folder)
        inbox, out, package = work / "inbox", work / "results", work / "package"
        write_inputs(inbox, options.files)
        write_package(package)
        program = Path(sys.executable).parent / "pneumo"
        plan = [program, "score-plan", inbox, out, "--model", package]
        steps = [
            measured("plan", plan),
            measured("write parts", [sys.executable, __file__, "--fill", out]),
            measured("one task, done", [program, "score-part", out, "0"]),
            measured("publish", [program, "score-publish", out]),
            measured("plan again", plan),
        ]
        tell(options.files, steps, out)


def _options() -> argparse.Namespace:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--files", type=int, default=100_000)
    parser.add_argument("--keep", type=Path, help="folder in which everything stays")
    parser.add_argument("--fill", type=Path, help=argparse.SUPPRESS)
    return parser.parse_args()


def write_inputs(folder: Path, files: int) -> None:
    """Small files in folders of studies; each hundredth has the content of the one before."""
    for number in range(files):
        group, study = number // PER_FOLDER, number // PER_STUDY
        path = folder / f"{group:05}" / f"{study:07}" / f"IM{number % PER_STUDY + 1:04}.dcm"
        path.parent.mkdir(parents=True, exist_ok=True)
        content = number - 1 if number % EVERY_COPY == EVERY_COPY - 1 else number
        path.write_text(f"radiograph {content}")


def write_package(folder: Path) -> None:
    """An ensemble's settings and manifest; no network is opened here."""
    folder.mkdir(parents=True)
    write_json(folder / "ensemble.json", ENSEMBLE)
    write_json(folder / "manifest.json", {"ensemble.json": sha256(folder / "ensemble.json")})


def fill(out: Path) -> None:
    """Write every part of the plan in ``out``, as its tasks would."""
    plan, about = load_plan(out / ".scoring" / "plan.json")
    scorer, store = Scorer(**about["scorer"]), Store(out)
    overlays = about["score"]["overlays"]
    for contents in plan.parts:
        path = store.path(scorer, contents, overlays)
        with store.claimed(path), aside(path) as folder:
            folder.mkdir()
            rows = list(_rows(contents, folder))
            write_part(path, scorer, overlays, rows, folder)


def _rows(contents: list[str], pictures: Path) -> Iterator[dict[str, Any]]:
    """Rows as of radiographs; which are rejected, and which positive, follows from the sums."""
    for content in contents:
        chance = int(content[:8], 16)
        row: dict[str, Any] = {"content": content, "seconds": 0.1}
        if chance % EVERY_REJECTED == 0:
            yield row | {"reason": "not_dicom", "message": "is no DICOM file: a text of 20 bytes"}
            continue
        positive = chance % EVERY_POSITIVE == 0
        box = {"x": 312.0, "y": 400.5, "width": 250.25, "height": 301.0, "confidence": 0.61}
        name = f"{content[:32]}.png" if positive else ""
        if positive:
            Image.new("RGB", (16, 16)).save(pictures / name)
        yield row | {
            "reason": "", "message": "", "rows": 1024, "columns": 1024, "view": "AP",
            "row_spacing_mm": 0.143, "column_spacing_mm": 0.143,
            "instance_uid": f"1.2.826.0.1.{int(content[:24], 16)}",
            "probability": chance / 2**32, "overlay": name,
            "boxes": json.dumps([box] * (1 + chance % 3) if positive else []),
        }  # fmt: skip


def measured(name: str, command: list[Any]) -> Step:
    """Run a command to its end; its time, and the most memory that it held."""
    began = time.perf_counter()
    environment = {**os.environ, "CUDA_VISIBLE_DEVICES": ""}
    process = subprocess.Popen(
        list(map(str, command)), cwd=ROOT, env=environment, stdout=subprocess.PIPE, text=True
    )
    assert process.stdout
    printed = process.stdout.read()
    _, status, used = os.wait4(process.pid, 0)
    process.returncode = os.waitstatus_to_exitcode(status)
    if process.returncode:
        raise SystemExit(f"{name} ended with {process.returncode}")
    seconds = time.perf_counter() - began
    step = Step(name, seconds, used.ru_utime + used.ru_stime, used.ru_maxrss / 2**10, printed)
    print(f"{name}: {seconds:.1f} s", file=sys.stderr)
    return step


def tell(files: int, steps: list[Step], out: Path) -> None:
    """Print a line per step and what lies in ``out``; end with an error when a count is wrong."""
    plan, again = json.loads(steps[0].printed), json.loads(steps[-1].printed)
    found = json.loads(steps[-2].printed)
    for step in steps:
        print(
            f"{step.name:15} {step.seconds:7.1f} s {step.cpu_s:7.1f} s of CPU "
            f"{step.peak_mib:7.0f} MiB peak"
        )
    sizes = {
        path.name: path.stat().st_size / files
        for path in (*sorted(out.glob("*.*")), out / ".scoring" / "plan.json")
        if path.is_file()
    }
    parts = sum(path.stat().st_size for path in out.glob("shards/*/*/rows.parquet")) / files
    print("bytes per file:", ", ".join(f"{name} {size:.0f}" for name, size in sizes.items()))
    print(f"and {parts:.0f} in the rows of parts; {plan['tasks']} tasks")
    print({key: found[key] for key in ("files", "scored", "rejected", "duplicate_files")})
    counted = found["scored"] + found["rejected"] == found["files"] == plan["files"] == files
    if not counted or found["duplicate_files"] != files // EVERY_COPY or again["tasks"]:
        raise SystemExit("the counts disagree")


if __name__ == "__main__":
    main()
