"""The parent's end of one worker process: its pipes, its files, its death."""

import json
import os
import signal
import subprocess
import sys
import time
from collections import deque
from collections.abc import Iterator
from contextlib import suppress
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pneumo
from pneumo.base.errors import PneumoError
from pneumo.dicom import worker

DEPTH = 16
"""Files that a worker is given ahead."""

GRACE_S = 2
PIPE_BYTES = 2**20
LONGEST_ANSWER_BYTES = 80 * 2**20
"""36 megapixels of 16 bits, and words."""

START_S = 60


@dataclass(frozen=True)
class Answer:
    """What a worker says of the file ``number``, as it came: not to be trusted."""

    number: int
    facts: dict[str, Any]
    pixels: bytes


def usable_cores() -> int:
    """Cores that this process may use."""
    affinity = getattr(os, "sched_getaffinity", None)
    return len(affinity(0)) if affinity else os.cpu_count() or 1


class Worker:
    """One process of ``worker.py`` and the numbers of the files it has not answered, in order."""

    def __init__(self) -> None:
        root = str(Path(pneumo.__file__).parents[1])
        self._process = subprocess.Popen(
            [sys.executable, "-P", "-c", f"from {worker.__name__} import main; main()"],
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            stderr=subprocess.DEVNULL,  # libraries print what files hold
            env=_environment(root),
        )
        assert self._process.stdin is not None
        assert self._process.stdout is not None
        self._input, self.output = self._process.stdin, self._process.stdout
        self.pending: deque[int] = deque()
        self.ended = self._ready = self._babbles = False
        self._buffer, self._since = bytearray(), time.monotonic()
        for pipe in (self._input, self.output):
            _widen(pipe.fileno())

    def give(self, number: int, line: str) -> None:
        """Send a file's path and size; its answer will carry ``number``."""
        if not self.pending:
            self._since = time.monotonic()
        self.pending.append(number)
        with suppress(BrokenPipeError):  # its death is seen at its output
            self._input.write(f"{line}\n".encode())
            self._input.flush()

    def take(self) -> list[Answer]:
        """Answers that have arrived; sets ``ended`` at the end of the output, or of sense in it."""
        data = os.read(self.output.fileno(), PIPE_BYTES)
        self._buffer += data
        if not self._ready and self._buffer.startswith(worker.READY):
            del self._buffer[: len(worker.READY)]
            self._ready = True
        answers = list(self._answers()) if self._ready else []
        if data:
            self._since = time.monotonic()
        self.ended = not data or self._babbles
        return answers

    def is_late(self, now: float) -> bool:
        """Whether its own alarm should have ended it already."""
        longest = worker.LONGEST_S + GRACE_S if self._ready else START_S
        return bool(self.pending) and now - self._since > longest

    def cause(self) -> str:
        """Why it died, as a reason code. Raises PneumoError when it never began."""
        if self._babbles:
            return "decoder_crashed"
        status = self._process.wait()
        if not self._ready:
            raise PneumoError(f"a worker that reads radiographs cannot start (status {status})")
        if status == -signal.SIGALRM:
            return "timeout"
        return "out_of_memory" if status == -signal.SIGKILL else "decoder_crashed"

    def end(self) -> None:
        """Kill the process, wait for it and close its pipes."""
        self._process.kill()
        self._process.wait()
        for pipe in (self._input, self.output):
            with suppress(OSError):
                pipe.close()

    def _answers(self) -> Iterator[Answer]:
        head = worker.ANSWER.size
        while len(self._buffer) >= head and self.pending:
            text, pixels = worker.ANSWER.unpack_from(self._buffer)
            end = head + text + pixels
            if end > LONGEST_ANSWER_BYTES:
                self._babbles = True
                return
            if len(self._buffer) < end:
                return
            facts = _json(bytes(self._buffer[head : head + text]))
            if facts is None:
                self._babbles = True
                return
            answer = Answer(self.pending.popleft(), facts, bytes(self._buffer[head + text : end]))
            del self._buffer[:end]
            yield answer


def _json(text: bytes) -> dict[str, Any] | None:
    try:
        value = json.loads(text)
    except (ValueError, RecursionError):
        return None
    return value if isinstance(value, dict) else None


def _environment(root: str) -> dict[str, str]:
    one = {f"{name}_NUM_THREADS": "1" for name in ("OMP", "OPENBLAS", "MKL")}
    places = [root, *filter(None, [os.environ.get("PYTHONPATH")])]
    return {**os.environ, **one, "PYTHONPATH": os.pathsep.join(places)}


def _widen(descriptor: int) -> None:
    """Let a pipe hold more, so that a worker goes on while its parent is busy (Linux only)."""
    if sys.platform == "linux":
        import fcntl

        with suppress(OSError):
            fcntl.fcntl(descriptor, fcntl.F_SETPIPE_SZ, PIPE_BYTES)
