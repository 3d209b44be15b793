"""A stage's process from outside: its time, the memory of all its processes, what it wrote."""

import json
import os
import subprocess
import sys
import time
from collections.abc import Mapping
from contextlib import suppress
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import psutil

LOOK_S = 0.1
REGISTRY = ("promote", "score")
"""Stages that have to do with a registry."""


@dataclass(frozen=True)
class Took:
    """What a stage took: seconds, bytes of memory at most, bytes that it left, its own steps.

    ``fault`` is a line where it failed; ``work`` the seconds of processors in all its processes.
    """

    seconds: float
    memory: int
    written: int
    told: list[dict[str, Any]] = field(default_factory=list)
    fault: str = ""
    work: float = 0.0


def run(work: Path, stage: str, settings: Path, paths: Mapping[str, Path], **asked: Any) -> Took:
    """Run a stage in ``work``; nothing of the caller's registry, cache, trail or keys is used."""
    answer, log = work / "answer.json", work / "stage.log"
    answer.unlink(missing_ok=True)
    before, began = size_of(work), time.monotonic()
    words = {
        "stage": stage,
        "settings": str(settings),
        "paths": {name: str(path) for name, path in paths.items()},
        "answer": str(answer),
        "began": began,
        **asked,
    }
    command = [sys.executable, "-m", "pneumo.rehearsal.stage", json.dumps(words)]
    with log.open("w") as lines:
        process = psutil.Popen(
            command,
            cwd=work,
            env=_environment(work, stage),
            stdin=subprocess.PIPE,
            stdout=lines,
            stderr=subprocess.STDOUT,
        )
        try:
            memory, busy = _followed(process)
        except BaseException:
            process.kill()
            process.wait()
            raise
    seconds = time.monotonic() - began
    written = max(0, size_of(work) - before)
    if not answer.exists():
        return Took(seconds, memory, written, [], _why(process.returncode, log), busy)
    told = json.loads(answer.read_text())
    memory = max(memory, told["peak_bytes"])
    return Took(seconds, memory, written, told["told"], told["fault"], busy)


def _environment(work: Path, stage: str) -> dict[str, str]:
    """Whatever a stage keeps outside its outputs is kept in ``work``; trainings tell nobody."""
    own = {
        "MLFLOW_TRACKING_URI": f"sqlite:///{work / 'mlflow.db'}" if stage in REGISTRY else "",
        "XDG_CACHE_HOME": str(work / "cache"),
        "PNEUMO_TRAIL": str(work / "trail.jsonl"),
        "PNEUMO_SITE_KEY": str(work / "site.key"),
        "TMPDIR": str(work),
    }
    return {**os.environ, **own}


def _followed(process: psutil.Popen) -> tuple[int, float]:
    """The most memory that a process and those below it held at a time, and their work.

    Waits for its end.
    """
    peak, busy = 0, dict[int, float]()
    while process.poll() is None:
        with suppress(psutil.Error):
            family = [process, *process.children(recursive=True)]
            peak = max(peak, sum(_held(one) for one in family))
            busy |= {one.pid: _busy(one) or busy.get(one.pid, 0.0) for one in family}
        time.sleep(LOOK_S)
    return peak, sum(busy.values())


def _busy(process: psutil.Process) -> float:
    with suppress(psutil.Error):
        times = process.cpu_times()
        return times.user + times.system
    return 0.0


def _held(process: psutil.Process) -> int:
    with suppress(psutil.Error):
        return process.memory_info().rss
    return 0


def _why(code: int, log: Path) -> str:
    if code == -9:
        return "was ended by the system, which it does when memory is short; lower train.batch_size"
    lines = [line for line in log.read_text(errors="replace").splitlines() if line.strip()]
    return f"ended with exit code {code}: {' | '.join(lines[-1:])[:300]}"


def size_of(folder: Path) -> int:
    """Bytes of all files below a folder."""
    total = 0
    for path in folder.rglob("*"):
        with suppress(OSError):
            total += path.lstat().st_size if path.is_file() and not path.is_symlink() else 0
    return total
