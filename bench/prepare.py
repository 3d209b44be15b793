"""Measure ``pneumo prepare`` at RSNA's size: files/s, time, and the most memory of all processes.

The files are those of the demo under new names (hard links), with labels and people to match.
Example: ``python bench/prepare.py --files 26684 --source data/demo``
"""

import argparse
import os
import shutil
import sys
import tempfile
import time
from pathlib import Path

import pandas as pd
import psutil
import yaml

from pneumo.base.settings import DemoSettings
from pneumo.dataset.dataset import CLASS_INFO, IMAGES, LABELS, PATIENTS
from pneumo.stages.demo import demo

ROOT = Path(__file__).parents[1]


def main() -> None:
    """Build the folder, run ``prepare`` on it once, print the figures."""
    options = _options()
    with tempfile.TemporaryDirectory(dir=options.folder) as folder:
        work = Path(folder)
        source = options.source or _draw(work / "demo")
        multiply(source, work / "data", options.files)
        _write_settings(work, options.size_px)
        load = os.getloadavg()[0]
        seconds, peak = _measured(work)
        written = sum(path.stat().st_size for path in (work / "prepared").iterdir())
    print(
        f"prepare: {options.files:,} files at {options.size_px} px in {seconds:.0f} s, "
        f"{options.files / seconds:.0f} files/s; peak {peak / 2**20:,.0f} MiB resident in all "
        f"processes; {written / 2**20:,.0f} MiB written; load before {load:.1f}"
    )


def multiply(source: Path, target: Path, files: int) -> None:
    """Make a data set of ``files`` radiographs at ``target`` from those of ``source``."""
    (target / IMAGES).mkdir(parents=True)
    names = sorted(path.stem for path in (source / IMAGES).glob("*.dcm"))
    rounds = -(-files // len(names))
    for number in range(files):
        name = names[number % len(names)]
        _link(source / IMAGES / f"{name}.dcm", target / IMAGES / f"{_new(name, number, names)}.dcm")
    for table in (LABELS, CLASS_INFO, PATIENTS):
        rows = pd.read_csv(source / table, dtype=str)
        copies = [_renamed(rows, names, n, files) for n in range(rounds)]
        pd.concat(copies).to_csv(target / table, index=False)


def _new(name: str, number: int, names: list[str]) -> str:
    return f"{name}-{number // len(names):04d}"


def _renamed(rows: pd.DataFrame, names: list[str], copy: int, files: int) -> pd.DataFrame:
    kept = set(names[: files - copy * len(names)])
    rows = rows[rows["patientId"].isin(kept)]
    rows = rows.assign(patientId=rows["patientId"] + f"-{copy:04d}")
    return rows.assign(person=rows["person"] + f"-{copy}") if "person" in rows else rows


def _link(source: Path, target: Path) -> None:
    try:
        target.hardlink_to(source)
    except OSError:  # another file system
        shutil.copyfile(source, target)


def _draw(target: Path) -> Path:
    demo(target, demo=DemoSettings(images=60, seed=1))
    return target


def _write_settings(work: Path, size_px: int) -> None:
    settings = yaml.safe_load((ROOT / "recipes/seed.yaml").read_text())
    settings["data"] |= {"root": "data", "size_px": size_px, "train_images": None}
    settings["data"] |= {"validation_images": 1200, "test_images": 1200}
    (work / "params.yaml").write_text(yaml.safe_dump(settings))


def _measured(work: Path) -> tuple[float, int]:
    """Seconds, and the largest sum of the resident memory of all processes, in bytes."""
    command = [str(Path(sys.executable).with_name("pneumo")), "prepare", "prepared"]
    started, peak = time.monotonic(), 0
    process = psutil.Popen(command, cwd=work)
    while process.poll() is None:
        peak = max(peak, _resident(process))
        time.sleep(0.1)
    if process.returncode:
        raise SystemExit(process.returncode)
    return time.monotonic() - started, peak


def _resident(process: psutil.Process) -> int:
    total = 0
    try:
        for one in [process, *process.children(recursive=True)]:
            total += one.memory_info().rss
    except psutil.NoSuchProcess:
        pass  # ended while it was looked at
    return total


def _options() -> argparse.Namespace:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--files", type=int, default=26_684)
    parser.add_argument("--size-px", type=int, default=128)
    parser.add_argument("--source", type=Path, help="Default: 60 demo files, drawn first")
    parser.add_argument("--folder", type=Path, help="Where the temporary folder is made")
    return parser.parse_args()


if __name__ == "__main__":
    main()
