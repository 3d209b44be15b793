"""Radiographs read per second, beside a plain loop and beside a bare decoder: ``make bench``.

On the RSNA-like files of PNEUMO_SHARED where there are any, else on radiographs of the demo. The
ways take turns, and ratios are those of medians.
"""

import os
import sys
import tempfile
import time
from collections.abc import Callable
from concurrent.futures import ProcessPoolExecutor, ThreadPoolExecutor
from pathlib import Path

import numpy as np
import pydicom
import simplejpeg
from pydicom.encaps import generate_frames
from rich.console import Console
from rich.table import Table
from skimage.transform import resize

from pneumo.base.progress import track
from pneumo.dicom import fit, read_radiograph, read_square
from pneumo.dicom.process import usable_cores
from pneumo.dicom.workers import Square, read_squares

SIZE_PX, FILES, MANY, SECONDS, ROUNDS = 128, 400, 4000, 3.0, 3
ROOT = Path(__file__).parents[1]
Read = Callable[[list[Path]], int]


def radiographs(folder: Path) -> list[Path]:
    """Up to ``FILES`` files of the shared data, or some drawn into ``folder``."""
    shared = Path(os.environ.get("PNEUMO_SHARED", ROOT.parent / "shared"))
    found = sorted((shared / "data/rsna-428/stage_2_train_images").glob("*.dcm"))[:FILES]
    if not found:
        from pneumo.base.settings import DemoSettings
        from pneumo.stages.demo import demo

        demo(folder / "demo", demo=DemoSettings(images=40, seed=1))
        found = sorted((folder / "demo/stage_2_train_images").glob("*.dcm"))
    return found


def rates(ways: dict[str, Read], files: list[Path]) -> dict[str, tuple[float, float]]:
    """Files per second, and CPU milliseconds a file in all processes: medians of ``ROUNDS``.

    The ways take turns, so that other work on the machine touches all of them.
    """
    found: dict[str, list[tuple[float, float]]] = {name: [] for name in ways}
    for _ in track(range(ROUNDS), ROUNDS, "Reading radiographs"):
        for name, read in ways.items():
            found[name].append(rate(read, files))
    return {name: tuple(np.median(rounds, axis=0)) for name, rounds in found.items()}


def rate(read: Read, files: list[Path]) -> tuple[float, float]:
    """Files per second over at least ``SECONDS``, and CPU milliseconds a file."""
    done, began, used = 0, time.perf_counter(), sum(os.times()[:4])
    while time.perf_counter() - began < SECONDS:
        done += read(files)
    return done / (time.perf_counter() - began), (sum(os.times()[:4]) - used) / done * 1e3


def plain(files: list[Path]) -> int:
    """What a script does: pydicom's pixels, scikit-image's resize."""
    for path in files[:40]:
        pixels = pydicom.dcmread(path).pixel_array
        resize(pixels, (SIZE_PX, SIZE_PX), anti_aliasing=True, preserve_range=True)
    return len(files[:40])


def bare(streams: list[bytes]) -> Read:
    """libjpeg-turbo at 1/8 scale in a thread per core, on codestreams that are in memory."""

    def read(files: list[Path]) -> int:
        with ThreadPoolExecutor(usable_cores()) as pool:
            list(pool.map(_eighth, streams[: len(files)]))
        return len(files)

    return read


def isolated(files: list[Path]) -> int:
    """Ours: every check and transform, in worker processes; their start is part of it."""
    answers = read_squares(_many(files), SIZE_PX)
    return sum(isinstance(answer, Square) for answer in answers)


def open_pool(files: list[Path]) -> int:
    """Ours in as many processes that have no limits and are not replaced when they die."""
    with ProcessPoolExecutor(usable_cores()) as pool:
        return sum(1 for _ in pool.map(_pixels, _many(files), chunksize=16))


def _many(files: list[Path]) -> list[Path]:
    return files * (MANY // len(files))


def _pixels(path: Path) -> np.ndarray:
    return read_square(path, SIZE_PX).pixels


def alone(files: list[Path]) -> int:
    """Ours without isolation, in this one process."""
    return sum(bool(read_square(path, SIZE_PX)) for path in files)


def difference(files: list[Path]) -> tuple[float, int]:
    """Largest mean and largest difference from decoding in full and averaging, in grey levels."""
    pairs = (
        (read_square(p, SIZE_PX).pixels, fit(read_radiograph(p).pixels, SIZE_PX)) for p in files
    )
    gaps = [np.abs(a.astype(int) - b) for a, b in pairs]
    return max(float(gap.mean()) for gap in gaps), max(int(gap.max()) for gap in gaps)


def _eighth(stream: bytes) -> np.ndarray:
    return simplejpeg.decode_jpeg(stream, "gray", min_height=SIZE_PX, min_width=SIZE_PX)


def main() -> None:
    """Print the table."""
    with tempfile.TemporaryDirectory() as folder:
        files = radiographs(Path(folder))
        streams = [
            next(generate_frames(pydicom.dcmread(p).PixelData, number_of_frames=1)) for p in files
        ]
        load = os.getloadavg()[0]
        found = rates(
            {
                "(a) pydicom + skimage, a loop": plain,
                "(b) bare libjpeg-turbo 1/8, a thread per core": bare(streams),
                "ours, one process": alone,
                "(c) ours, all cores, open": open_pool,
                "ours, all cores, isolated": isolated,
            },
            files,
        )
        mean, largest = difference(files[:200])
    first, limit, _, free, _ = (value for value, _ in found.values())
    table = Table("", "images/s", "CPU ms", "of (a)", "of (b)", "of (c)")
    for name, (value, cost) in found.items():
        shares = f"{value / first:.1f} x", f"{value / limit:.0%}", f"{value / free:.0%}"
        table.add_row(name, f"{value:.0f}", f"{cost:.2f}", *shares)
    console = Console(file=sys.stdout)
    console.print(table)
    console.print(
        f"{len(files)} files, {usable_cores()} cores, load {load:.1f} before; difference from full "
        f"decode + area averaging: {mean:.2f} grey levels on average, {largest} at most"
    )


if __name__ == "__main__":
    main()
