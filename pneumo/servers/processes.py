"""Processes of one workspace: started with a mark, found by it, ended by it.

The mark is an environment variable. Whatever a marked process starts inherits it, in whatever
session or process group it ends up, so no process is lost and none of another owner is hit.
"""

import contextlib
import json
import signal
import subprocess
import time
from collections.abc import Iterable, Mapping, Sequence
from pathlib import Path

import psutil

from pneumo.base.errors import ServiceError
from pneumo.base.files import write_json

GRACE_S = 5.0
"""How long a server may take to end by itself before it is killed."""


def start(command: Sequence[str], environment: Mapping[str, str], log: Path, record: Path) -> None:
    """Start a server in a session of its own, its output in ``log``, its id in ``record``."""
    process = psutil.Process(_popen(command, environment, log).pid)
    write_json(record, {"pid": process.pid, "created": process.create_time()})


def run(command: Sequence[str], environment: Mapping[str, str], log: Path) -> None:
    """Run a command to its end, its output in ``log``; ServiceError with its tail if it fails."""
    if _popen(command, environment, log).wait():
        raise ServiceError(f"{' '.join(command)} failed:\n{tail(log)}\nthe whole log: {log}")


def tail(log: Path, lines: int = 15) -> str:
    """The last lines of a log, indented."""
    text = log.read_text(encoding="utf-8", errors="replace") if log.exists() else ""
    return "\n".join(f"  {line}" for line in text.splitlines()[-lines:])


def recorded(record: Path) -> psutil.Process | None:
    """The server that ``record`` names if it lives; a number that was given anew is no match."""
    try:
        named = json.loads(record.read_text(encoding="utf-8"))
        process = psutil.Process(named["pid"])
        alive = process.create_time() == named["created"]
        return process if alive and process.status() != psutil.STATUS_ZOMBIE else None
    except (FileNotFoundError, psutil.Error):
        return None


def marked(instance: str, server: str | None = None) -> list[psutil.Process]:
    """All living processes of an instance, or those that one of its servers has started."""
    return [p for p in psutil.process_iter() if _has_mark(p, instance, server)]


def end(instance: str, server: str | None = None, first: Iterable[psutil.Process] = ()) -> int:
    """End all processes that carry the mark; return how many there were.

    ``first`` (servers) are asked to end and given a few seconds. What lives on is killed, again
    and again until a look finds nothing: a process may have been started during the last one.
    """
    seen = {p.pid for p in marked(instance, server)}
    _ask([p for p in first if _has_mark(p, instance, server)])
    while living := marked(instance, server):
        seen.update(p.pid for p in living)
        for process in living:
            _send(process, signal.SIGKILL)
        psutil.wait_procs(living, timeout=2)
        time.sleep(0.05)
    return len(seen)


def _popen(
    command: Sequence[str], environment: Mapping[str, str], log: Path
) -> subprocess.Popen[bytes]:
    """Start a process that a terminal's Ctrl-C does not reach and whose files are private."""
    log.parent.mkdir(mode=0o700, parents=True, exist_ok=True)
    with log.open("wb") as output:
        return subprocess.Popen(
            command,
            env=environment,
            cwd=log.parent,
            stdin=subprocess.DEVNULL,
            stdout=output,
            stderr=subprocess.STDOUT,
            start_new_session=True,
            umask=0o077,
        )


def _ask(processes: Sequence[psutil.Process]) -> None:
    for process in processes:
        _send(process, signal.SIGTERM)
    psutil.wait_procs(processes, timeout=GRACE_S)


def _has_mark(process: psutil.Process, instance: str, server: str | None) -> bool:
    try:
        environment = process.environ()
    except (psutil.Error, OSError):
        return False
    same_server = server is None or environment.get("PNEUMO_SERVER") == server
    return same_server and environment.get("PNEUMO_INSTANCE") == instance


def _send(process: psutil.Process, which: signal.Signals) -> None:
    with contextlib.suppress(psutil.NoSuchProcess):
        process.send_signal(which)
