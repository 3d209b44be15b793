"""Milliseconds to write the report and the presentation state of a radiograph, and its picture.

``write_rate`` is for ``make bench-pacs``. On the RSNA-like files of PNEUMO_SHARED where there are
any, else on radiographs of the demo; every third radiograph has no box, every third two.
"""

import csv
import hashlib
import json
import sys
import tempfile
import time
from pathlib import Path

import pydicom

sys.path.insert(0, str(Path(__file__).parents[1]))

from bench.reading import radiographs
from pneumo.base.words import OverlayName
from pneumo.findings import write

FILES = 100
BOX = {"x": 250.5, "y": 300.25, "width": 180.0, "height": 220.0, "confidence": 0.8}


def results(folder: Path, files: list[Path]) -> Path:
    """A table as ``pneumo score`` writes it, with boxes that nobody found."""
    folder.mkdir(parents=True)
    rows = []
    for number, path in enumerate(files):
        header = pydicom.dcmread(path, stop_before_pixels=True)
        rows.append(
            {
                "file": path, "content": hashlib.sha256(path.read_bytes()).hexdigest(),
                "instance_uid": header.SOPInstanceUID, "status": "scored", "rows": header.Rows,
                "columns": header.Columns, "probability": 0.5,
                "boxes": json.dumps([BOX] * (number % 3)), "model_version": 1,
                "model_sha256": hashlib.sha256(b"bench").hexdigest(),
            }
        )  # fmt: skip
    with (folder / "predictions.csv").open("w", newline="") as file:
        table = csv.DictWriter(file, list(rows[0]))
        table.writeheader()
        table.writerows(rows)
    return folder


def write_rate(folder: Path, files: list[Path], secondary: OverlayName = "none") -> float:
    """CPU milliseconds of this process a radiograph, its source read and summed included.

    The first radiograph is written before, so that what is imported once does not count.
    """
    scored = results(folder / "results", files)
    write(results(folder / "first", files[:1]), folder / "warm", secondary=secondary)
    began = time.process_time()
    write(scored, folder / "objects", secondary=secondary)
    return (time.process_time() - began) / len(files) * 1e3


def main() -> None:
    """Print the figures."""
    with tempfile.TemporaryDirectory() as name:
        files = radiographs(Path(name))[:FILES]
        for secondary in ("none", "all"):
            spent = write_rate(Path(name) / secondary, files, secondary)
            what = "SR and GSPS" if secondary == "none" else "SR, GSPS and SC"
            print(f"{what}: {spent:.1f} ms of one core a radiograph ({len(files)} files)")


if __name__ == "__main__":
    main()
