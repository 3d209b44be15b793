"""Which GPUs a training gets: a lease on some that no other training of this machine holds."""

import hashlib
import itertools
import os
import subprocess
import sys
import tempfile
import time
from collections.abc import Iterator
from contextlib import ExitStack, contextmanager, suppress
from pathlib import Path

from pneumo.base.errors import PneumoError
from pneumo.base.locks import try_lock

VISIBLE = "CUDA_VISIBLE_DEVICES"
SHARES = "PNEUMO_GPU_SHARES"
AS_NEEDED = {"TF_FORCE_GPU_ALLOW_GROWTH": "true", "XLA_PYTHON_CLIENT_PREALLOCATE": "false"}
"""Lets TensorFlow, and JAX, take a GPU's memory as they need it, unless the caller decided."""


@contextmanager
def leased_gpus(count: int, seconds: float = 1.0) -> Iterator[list[str]]:
    """Hold ``count`` free GPUs for the block, and let ``CUDA_VISIBLE_DEVICES`` name them alone.

    Waits, looking every ``seconds``, until as many are free at once: it holds none before, so that
    two that wait never hold what the other needs. One at a time looks for the same set of GPUs,
    so that those who need one do not pass one that needs several. The GPUs are those that
    the variable names already, else those that ``nvidia-smi`` lists; without any nothing changes
    and an empty list is given. Enter it before a library looks for GPUs. A lease ends with its
    process, however that ends. Where ``PNEUMO_GPU_SHARES`` is more than 1, as many trainings share
    a GPU, each with what memory it needs. Raises PneumoError when there are fewer than ``count``,
    or that variable is no number.
    """
    gpus = list_gpus()
    if not gpus:
        yield []
        return
    if len(gpus) < count:
        raise PneumoError(
            f"train.devices is {count}, but there {_are(len(gpus))} ({', '.join(gpus)}); lower it"
        )
    with ExitStack() as stack:
        held = _free(gpus, count, stack, seconds)
        before = os.environ.get(VISIBLE)
        os.environ[VISIBLE] = ",".join(held)
        for name, value in AS_NEEDED.items():
            os.environ.setdefault(name, value)
        try:
            yield held
        finally:
            _restore(before)


def _are(count: int) -> str:
    return "is 1 GPU" if count == 1 else f"are {count} GPUs"


def shares() -> int:
    """How many trainings a GPU takes; PneumoError when the variable is no such number."""
    said = os.environ.get(SHARES, "1")
    if not (said.isascii() and said.isdigit() and int(said)):
        raise PneumoError(f"{SHARES} is {said!r}; set how many trainings share a GPU, 1 or more")
    return int(said)


def list_gpus() -> list[str]:
    """The GPUs this process may use: their numbers, or their UUIDs where these are named."""
    if VISIBLE in os.environ:
        named = [name.strip() for name in os.environ[VISIBLE].split(",")]
        return list(itertools.takewhile(_names_a_gpu, named))  # as CUDA: what follows is not seen
    with suppress(OSError, subprocess.SubprocessError):
        command = ["nvidia-smi", "--query-gpu=index", "--format=csv,noheader"]
        done = subprocess.run(command, capture_output=True, text=True, check=True, timeout=30)
        return done.stdout.split()
    return []


def _names_a_gpu(name: str) -> bool:
    """Whether CUDA takes it for a GPU; -1, NoDevFiles and blank are its words for none."""
    return name.isdecimal() or name.startswith(("GPU-", "MIG-"))


def _free(gpus: list[str], count: int, stack: ExitStack, seconds: float) -> list[str]:
    """Lock ``count`` of ``gpus``, in turn with the others that wait for the same ones."""
    turn = hashlib.sha256(",".join(sorted(gpus)).encode()).hexdigest()[:16]
    waiting = False
    with ExitStack() as queue:
        first = False
        while True:
            first = first or _lock(f"turn-{turn}", queue)
            if first and (held := _all(gpus, count, stack)):
                return held
            if not waiting:
                wanted = "a free GPU" if count == 1 else f"{count} free GPUs"
                print(f"waiting for {wanted} of {', '.join(gpus)}", file=sys.stderr, flush=True)
            waiting = True
            time.sleep(seconds)


def _all(gpus: list[str], count: int, stack: ExitStack) -> list[str]:
    """Lock ``count`` of ``gpus`` for ``stack``, or none."""
    with ExitStack() as attempt:
        held: list[str] = []
        for share, gpu in itertools.product(range(shares()), gpus):
            if len(held) < count and gpu not in held and _lock(_share_name(gpu, share), attempt):
                held.append(gpu)
        if len(held) < count:
            return []
        stack.enter_context(attempt.pop_all())
    return [gpu for gpu in gpus if gpu in held]  # in the order in which they are listed


def _share_name(gpu: str, share: int) -> str:
    return f"{gpu}-share{share}" if share else gpu


def _lock(name: str, stack: ExitStack) -> bool:
    file = _lock_file(name).open("a")
    if try_lock(file):
        stack.enter_context(file)
        return True
    file.close()
    return False


def _lock_file(name: str) -> Path:
    """A file in a folder of this user; its name keeps only harmless characters."""
    folder = Path(tempfile.gettempdir()) / f"pneumo-gpus-{os.getuid()}"
    folder.mkdir(mode=0o700, exist_ok=True)
    return folder / ("".join(c for c in name if c.isalnum() or c == "-") or "none")


def _restore(before: str | None) -> None:
    if before is None:
        os.environ.pop(VISIBLE, None)
    else:
        os.environ[VISIBLE] = before
