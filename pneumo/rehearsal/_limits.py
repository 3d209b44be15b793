"""How much room there is: memory, disk, GPUs."""

import shutil
import subprocess
from contextlib import suppress
from pathlib import Path

import psutil

CGROUPS = (
    ("memory.max", "memory.current"),
    ("memory/memory.limit_in_bytes", "memory/memory.usage_in_bytes"),
)
"""Limit and use below ``/sys/fs/cgroup``, version 2 and version 1."""


def memory_bytes(cgroup: Path = Path("/sys/fs/cgroup")) -> int:
    """The memory that is free here, within the limit of the control group where there is one."""
    free = [psutil.virtual_memory().available]
    for limit, used in CGROUPS:
        with suppress(OSError, ValueError):  # no such group, or "max"
            room = int((cgroup / limit).read_text()) - int((cgroup / used).read_text())
            free.append(max(0, room))
    return min(free)


def disk_bytes(place: Path) -> int:
    """The free bytes of the disk on which ``place`` is, or will be."""
    return shutil.disk_usage(existing(place)).free


def existing(place: Path) -> Path:
    """``place``, or the nearest folder above it that is there."""
    place = place.resolve()
    while not place.exists():
        place = place.parent
    return place


def gpu_bytes() -> int | None:
    """The memory of the smallest GPU that ``nvidia-smi`` lists; None without any."""
    with suppress(OSError, subprocess.SubprocessError, ValueError):
        command = ["nvidia-smi", "--query-gpu=memory.total", "--format=csv,noheader,nounits"]
        done = subprocess.run(command, capture_output=True, text=True, check=True, timeout=30)
        return min(int(line) * 2**20 for line in done.stdout.split("\n") if line.strip())
    return None
