"""One launch at a time in a workspace, and nothing left behind when it is interrupted."""

import contextlib
import os
import signal
import time
from collections.abc import Iterator
from pathlib import Path
from typing import IO, Any

import psutil

from pneumo.base.errors import PneumoError
from pneumo.base.locks import alone
from pneumo.servers import processes
from pneumo.servers.config import instance
from pneumo.servers.launch import stop_all

SIGNALS = (signal.SIGINT, signal.SIGTERM, signal.SIGHUP)

LAUNCH_END_S = 30.0
"""How long another launch may take to tear its servers down before ``down`` goes on."""


class Interrupted(BaseException):
    """A signal that asks this process to end; its number is the first argument."""


@contextlib.contextmanager
def down_on_interrupt(workspace: Path) -> Iterator[None]:
    """Hold a workspace's lock; on Ctrl-C, SIGTERM or SIGHUP end its servers and their tasks.

    Wraps ``up`` and ``run_dag``. Ends the process with 128 + the signal's number, as a shell
    would. Raises PneumoError when another launch holds the lock.
    """
    with _lock(workspace) as file, _raised():
        file.write(f"{os.getpid()}\n")
        file.flush()
        try:
            yield
        except Interrupted as interrupted:
            _ignore_signals()
            stop_all(workspace)
            raise SystemExit(128 + interrupted.args[0]) from None


def down(workspace: Path) -> int:
    """End a launch that is under way and every process of the workspace; return how many."""
    launch = _launch(workspace)
    if launch is None:
        return stop_all(workspace)
    mark = instance(workspace)
    servers_and_tasks = len(processes.marked(mark)) if mark else 0
    with contextlib.suppress(psutil.NoSuchProcess):
        launch.terminate()
        psutil.wait_procs([launch], timeout=LAUNCH_END_S)
    return 1 + max(servers_and_tasks, stop_all(workspace))


@contextlib.contextmanager
def _lock(workspace: Path) -> Iterator[IO[str]]:
    path = _lock_file(workspace)
    path.parent.mkdir(mode=0o700, exist_ok=True)
    path.touch(mode=0o600)
    with alone(path, wait=False) as file:
        if file is None:
            raise PneumoError(
                f"{workspace}: another launch is under way; wait for it, or end it: make stop"
            )
        file.truncate(0)
        yield file
        file.truncate(0)


def _launch(workspace: Path) -> psutil.Process | None:
    """The process that holds the lock: it wrote its id there and has the file open."""
    path = _lock_file(workspace)
    with contextlib.suppress(ValueError, OSError, psutil.Error):
        process = psutil.Process(int(path.read_text()))
        if process.pid != os.getpid() and str(path) in {f.path for f in process.open_files()}:
            return process
    return None


def _lock_file(workspace: Path) -> Path:
    return workspace.resolve() / ".pneumo" / "lock"


@contextlib.contextmanager
def _raised() -> Iterator[None]:
    """Turn the ending signals into ``Interrupted``; a ``nohup`` goes on ignoring SIGHUP."""
    heard = [s for s in SIGNALS if s != signal.SIGHUP or signal.getsignal(s) != signal.SIG_IGN]
    handler = _Handler()
    before = {s: signal.signal(s, handler) for s in heard}
    try:
        yield
    finally:
        for number, former in before.items():
            signal.signal(number, former)


class _Handler:
    """Raises ``Interrupted`` once a second at most: a second signal must not cut the tear-down."""

    def __init__(self) -> None:
        self._last = float("-inf")

    def __call__(self, number: int, _frame: Any) -> None:
        now = time.monotonic()
        if now - self._last > 1:
            self._last = now
            raise Interrupted(number)


def _ignore_signals() -> None:
    for number in SIGNALS:
        signal.signal(number, signal.SIG_IGN)
