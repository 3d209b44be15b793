"""Memory of ``pneumo score`` over time, for 200 and for 2,000 files: ``make bench-memory``.

The sum over all its processes of what each has for itself and its share of what it has in common
(PSS), every 0.2 s. Four full networks with random weights, or ``--package``; an overlay per file.
"""

import argparse
import subprocess
import sys
import tempfile
import time
from contextlib import suppress
from pathlib import Path

import psutil
from first import write_settings
from inbox import fill
from scoring import machine, random_package

GOAL_MIB, GROWTH_MIB = 3 * 1024, 50


def main() -> None:
    """Score both inboxes and print curve and peaks."""
    options = argparse.ArgumentParser(description=__doc__)
    options.add_argument("--package", type=Path, help="folder of a registered ensemble")
    options.add_argument("--files", type=int, nargs="+", default=[200, 2000])
    chosen = options.parse_args()
    peaks = {}
    with tempfile.TemporaryDirectory() as name:
        folder = Path(name)
        package = chosen.package or random_package(folder / "package")
        write_settings(folder)
        for count in (2, *chosen.files):  # the first converts
            fill(folder / f"inbox{count}", count, folder)
            curve = watch(folder, package, count)
            if count > 2:
                peaks[count] = max(mib for _, mib in curve)
                told = curve[:: max(1, len(curve) // 12)]
                print(f"{count} files, {curve[-1][0]:.0f} s; MiB at s:", flush=True)
                print("  " + ", ".join(f"{mib:.0f} at {second:.0f}" for second, mib in told))
    few, many = min(peaks), max(peaks)
    print(
        f"peak {peaks[few]:.0f} MiB for {few} files, {peaks[many]:.0f} MiB for {many}: "
        f"{peaks[many] - peaks[few]:+.0f} MiB (goals: {GOAL_MIB}, within {GROWTH_MIB}); "
        f"{machine()}"
    )


def watch(folder: Path, package: Path, count: int) -> list[tuple[float, float]]:
    """Score an inbox; seconds and MiB of all processes."""
    program = str(Path(sys.executable).with_name("pneumo"))
    command = [program, "score", f"inbox{count}", f"results{count}", "--overlays", "all"]
    began, curve = time.perf_counter(), []
    process = subprocess.Popen(
        [*command, "--model", str(package)], cwd=folder, stdout=subprocess.DEVNULL
    )
    while process.poll() is None:
        curve.append((time.perf_counter() - began, pss_mib(process.pid)))
        time.sleep(0.2)
    if process.returncode:
        raise SystemExit(f"pneumo score ended with {process.returncode}")
    return curve


def pss_mib(pid: int) -> float:
    """Proportional memory of a process and all below it."""
    total = 0
    with suppress(psutil.NoSuchProcess):
        main = psutil.Process(pid)
        for process in (main, *main.children(recursive=True)):
            with suppress(OSError, IndexError):
                text = Path(f"/proc/{process.pid}/smaps_rollup").read_text()
                total += int(text.split("\nPss:")[1].split()[0])
    return total / 1024


if __name__ == "__main__":
    main()
