"""Lock files: one process at a time for work that is kept in a folder.

A lock goes with the process that holds it, however it ends.
"""

import fcntl
import os
import signal
import socket
import sys
import time
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from pathlib import Path
from typing import IO

from pneumo.base.errors import PneumoError, TransientError

PATIENCE_SECONDS = 10.0

_HELD: set[Path] = set()
"""The locks that this process holds as the newest."""


def resume_folder(out: Path) -> Path:
    """The hidden folder beside ``out`` for what its work goes on from after a kill, and its lock.

    Beside and not inside, since DVC deletes a stage's output before it runs the stage.
    """
    return out.parent / f".{out.name}.resume"


@contextmanager
def newest_holds(path: Path) -> Iterator[None]:
    """Hold the lock file ``path`` for the block; a process that holds it is ended first.

    Whoever starts the same work again has lost the first process (its supervisor died without it),
    and what that one had finished is kept. ``path`` may be removed while it is held. Raises
    TransientError when the holder does not end; one in another container or on another machine,
    which shares the folder, is only waited for. Inside such a block the same lock is held already.
    """
    if path.resolve() in _HELD:
        yield
        return
    path.parent.mkdir(parents=True, exist_ok=True)
    with _taken(path) as file:
        file.seek(0)
        file.truncate()
        try:
            file.write(f"{os.getpid()} {socket.gethostname()}")
            file.flush()
        except OSError as error:  # a full disk, which names no file by itself
            error.filename = str(path)
            raise
        _HELD.add(path.resolve())
        try:
            yield
        finally:
            _HELD.discard(path.resolve())


@contextmanager
def alone(path: Path, *, wait: bool = True) -> Iterator[IO[str] | None]:
    """Hold the lock file ``path`` for the block; None, without ``wait``, when another holds it."""
    path.parent.mkdir(parents=True, exist_ok=True)
    with path.open("a+") as file:
        if wait:
            fcntl.flock(file, fcntl.LOCK_EX)
        yield file if wait or try_lock(file) else None


def try_lock(file: IO[str]) -> bool:
    """Lock an open file for this process alone, unless another one holds it."""
    try:
        fcntl.flock(file, fcntl.LOCK_EX | fcntl.LOCK_NB)
    except BlockingIOError:
        return False
    return True


def share_lock(file: IO[str]) -> None:
    """Hold an open file's lock beside others, once none holds it alone; one's own is shared."""
    fcntl.flock(file, fcntl.LOCK_SH)


@contextmanager
def _taken(path: Path) -> Iterator[IO[str]]:
    started = time.monotonic()
    while True:
        with path.open("a+") as file:
            if try_lock(file) and _is_at(path, file):
                yield file
                return
            waited = time.monotonic() - started
            _end(path, file, signal.SIGTERM if waited < PATIENCE_SECONDS else signal.SIGKILL)
            if waited > 2 * PATIENCE_SECONDS:
                raise TransientError(f"{path}: another process holds it and does not end; end it")
        time.sleep(0.2)


def _is_at(path: Path, file: IO[str]) -> bool:
    """Whether the locked file is the one at ``path`` still, and not one that was removed."""
    with suppress(FileNotFoundError):
        return os.path.samestat(path.stat(), os.fstat(file.fileno()))
    path.parent.mkdir(parents=True, exist_ok=True)
    return False


def _end(path: Path, file: IO[str], how: signal.Signals) -> None:
    file.seek(0)
    holder, _, host = file.read().strip().partition(" ")
    # A number means nothing elsewhere: here it may be that of an innocent process.
    if not holder.isdigit() or int(holder) == os.getpid() or host != socket.gethostname():
        return
    print(f"{path.parent}: taking over from process {holder}", file=sys.stderr)
    try:
        os.kill(int(holder), how)
    except ProcessLookupError:
        return
    except PermissionError:
        raise PneumoError(f"{path}: process {holder} of another user holds it; end it") from None
