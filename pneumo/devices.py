"""Which GPU a training gets: a lease on one that no other training of this machine holds."""

import os
import subprocess
import sys
import tempfile
import time
from collections.abc import Iterator
from contextlib import ExitStack, contextmanager, suppress
from pathlib import Path

from pneumo.locks import try_lock

VISIBLE = "CUDA_VISIBLE_DEVICES"
AS_NEEDED = {"TF_FORCE_GPU_ALLOW_GROWTH": "true", "XLA_PYTHON_CLIENT_PREALLOCATE": "false"}
"""Lets TensorFlow, and JAX, take a GPU's memory as they need it, unless the caller decided."""


@contextmanager
def leased_gpu(seconds: float = 1.0) -> Iterator[str | None]:
    """Hold one free GPU for the block, and let ``CUDA_VISIBLE_DEVICES`` name it alone.

    Waits, looking every ``seconds``, until one is free. The GPUs are those that the variable names
    already, else those that ``nvidia-smi`` lists; without any nothing changes and None is given.
    Enter it before a library looks for GPUs. A lease ends with its process, however that ends.
    """
    gpus = list_gpus()
    if not gpus:
        yield None
        return
    with ExitStack() as stack:
        gpu = _first_free(gpus, stack, seconds)
        before = os.environ.get(VISIBLE)
        os.environ[VISIBLE] = gpu
        for name, value in AS_NEEDED.items():
            os.environ.setdefault(name, value)
        try:
            yield gpu
        finally:
            _restore(before)


def list_gpus() -> list[str]:
    """The GPUs this process may use: their numbers, or their UUIDs where these are named."""
    if VISIBLE in os.environ:
        named = [name.strip() for name in os.environ[VISIBLE].split(",")]
        return [name for name in named if name not in ("", "-1")]  # -1 is CUDA's word for none
    with suppress(OSError, subprocess.SubprocessError):
        command = ["nvidia-smi", "--query-gpu=index", "--format=csv,noheader"]
        done = subprocess.run(command, capture_output=True, text=True, check=True, timeout=30)
        return done.stdout.split()
    return []


def _first_free(gpus: list[str], stack: ExitStack, seconds: float) -> str:
    waiting = False
    while True:
        for gpu in gpus:
            file = stack.enter_context(_lock_file(gpu).open("a"))
            if try_lock(file):
                return gpu
            file.close()
        if not waiting:
            print(f"waiting for a free GPU of {', '.join(gpus)}", file=sys.stderr, flush=True)
        waiting = True
        time.sleep(seconds)


def _lock_file(gpu: str) -> Path:
    """One file per GPU in a folder of this user; the name keeps only harmless characters."""
    folder = Path(tempfile.gettempdir()) / f"pneumo-gpus-{os.getuid()}"
    folder.mkdir(mode=0o700, exist_ok=True)
    return folder / ("".join(c for c in gpu if c.isalnum() or c == "-") or "none")


def _restore(before: str | None) -> None:
    if before is None:
        os.environ.pop(VISIBLE, None)
    else:
        os.environ[VISIBLE] = before
