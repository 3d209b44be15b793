"""What a terminal is told of a fault: a line and an exit code in place of a traceback.

Faults that nobody foresaw keep their traceback; these are of the machine: disks, files, servers.
"""

import errno
import logging
import os
import re
import signal
import sys
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from typing import NoReturn

from pneumo.base.errors import PneumoError, TransientError
from pneumo.base.safe import printable

CLOSED = 128 + signal.SIGPIPE
"""The exit code when whoever reads the output has enough of it, as a shell gives it."""

INTERRUPTED = 128 + signal.SIGINT

REMEDIES = {
    errno.ENOSPC: "make room, or choose another place",
    errno.EDQUOT: "make room, or choose another place",
    errno.EFBIG: "make room, or choose another place",
    errno.EROFS: "choose another place",
    errno.EACCES: "choose another place, or change who may use it",
    errno.EPERM: "choose another place, or change who may use it",
    errno.ENAMETOOLONG: "choose a shorter name",
    errno.ENOTDIR: "a part of this path is a file; choose another place",
    errno.EISDIR: "it is a folder; name a file",
    errno.EEXIST: "choose another place",
    errno.ENOENT: "make it, or correct its name",
    errno.ELOOP: "its links lead in a circle; name another one",
}
"""What a person can do about an error of the operating system; others are worth another try."""

WRITING = {errno.ENOSPC, errno.EDQUOT, errno.EFBIG, errno.EROFS}


@contextmanager
def faults_told() -> Iterator[None]:
    """End the process with a line and an exit code when the block, a command, fails."""
    _print_whatever_it_is()
    try:
        yield
    except SystemExit as end:
        _flush(end)
    except BrokenPipeError:
        _closed()
    except KeyboardInterrupt:
        raise SystemExit(INTERRUPTED) from None
    except PneumoError as error:
        _end(error)
    except Exception as error:
        if (told := line_of(error)) is None:
            raise
        _end(told)


def line_of(error: BaseException) -> PneumoError | None:
    """The line for a fault of a disk, a file or a server; None for a fault of the program."""
    mlflow = sys.modules.get("mlflow.exceptions")
    if mlflow and isinstance(error, mlflow.MlflowException):
        return _of_disk(error) or _of_server(error)
    requests = sys.modules.get("requests.exceptions")
    if requests and isinstance(error, requests.RequestException):
        return _of_server(error)
    return _of_file(error) if isinstance(error, OSError) else _of_disk(error)


def _of_file(error: OSError) -> PneumoError:
    number = _number(error)
    name = error.filename2 or error.filename
    what = os.strerror(number) if number in REMEDIES else error.strerror or str(error)
    if number == errno.ENOENT and not name:  # of tempfile, which lists the places it tried
        return PneumoError(f"{printable(error.strerror or str(error))}; set TMPDIR")
    remedy = REMEDIES.get(number)
    words = [f"{_shown(name)}: " if name else "", printable(what), f"; {remedy}" if remedy else ""]
    return (PneumoError if remedy else TransientError)("".join(words))


def _of_disk(error: BaseException) -> PneumoError | None:
    """The line when a library met a full disk, or one that is read only, and says it its way."""
    below: BaseException | None = error
    while below:
        if isinstance(below, OSError) and _number(below) in WRITING:
            return _of_file(below)
        if type(below).__module__ == "sqlite3" and "full" in str(below):
            return PneumoError(f"{printable(str(below))}; make room")
        below = below.__cause__ or below.__context__
    return None


def _of_server(error: Exception) -> PneumoError:
    from pneumo.registry import reach

    return reach.told(os.environ.get("MLFLOW_TRACKING_URI", ""), error)


def _number(error: OSError) -> int:
    """The number of an error; HDF5 has it in its text alone."""
    match = re.search(r"\[Errno (\d+)\]|errno = (\d+)", str(error))
    return error.errno or (int(match[1] or match[2]) if match else 0)


def _shown(name: str | bytes | int) -> str:
    return printable(os.fsdecode(name) if isinstance(name, str | bytes) else str(name))


def _end(error: PneumoError) -> NoReturn:
    with suppress(OSError):
        sys.stdout.flush()
    with suppress(OSError):
        print(error, file=sys.stderr, flush=True)
    _end_output()
    raise SystemExit(error.exit_code) from None


def _flush(end: SystemExit) -> NoReturn:
    """End the process as ``end`` says, unless its output, or a part of it, could not be written."""
    if isinstance(end.__context__, BrokenPipeError):
        _closed()
    try:
        sys.stdout.flush()
    except BrokenPipeError:
        _closed()
    except OSError as error:
        error.filename = error.filename or "standard output"
        _end(_of_file(error))
    raise end


def _closed() -> NoReturn:
    _end_output()
    raise SystemExit(CLOSED) from None


def _end_output() -> None:
    """Let go of what was not written: Python would try again at its end, and complain."""
    for stream in (sys.stdout, sys.stderr):
        try:
            stream.flush()
        except (OSError, ValueError):
            with suppress(OSError, ValueError, AttributeError):
                os.dup2(os.open(os.devnull, os.O_WRONLY), stream.fileno())


def _print_whatever_it_is() -> None:
    """Show as an escape what the output's encoding lacks, and keep a library's tries to itself."""
    for stream in (sys.stdout, sys.stderr):
        if hasattr(stream, "reconfigure"):
            stream.reconfigure(errors="backslashreplace")
    logging.getLogger("urllib3").setLevel(logging.ERROR)
