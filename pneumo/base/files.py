"""Files that appear whole or not at all, and the sums that name their content."""

import errno
import hashlib
import json
import os
import re
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

from pneumo.base.aside import aside, put
from pneumo.base.errors import TransientError

NO_ROOM = (errno.ENOSPC, errno.EDQUOT, errno.EFBIG)
SAID_FULL = re.compile(r"\d+ requested and \d+ written|\[Errno 28\]|errno = 28\b")
"""What ``ndarray.tofile``, ``shutil.copytree`` and HDF5 say of a full disk, without a number."""


@contextmanager
def whole(path: Path) -> Iterator[Path]:
    """Give a temporary path beside ``path``; rename it to ``path`` when the block succeeds.

    The block writes a file, or makes a folder, at the path it is given. An error, or a kill,
    leaves ``path`` as it was. An existing ``path`` is replaced in one step: see ``aside.put``. An
    OSError of the writing names ``path``, and a full disk, whichever library met it.
    """
    try:
        with aside(path) as new:
            yield new
            put(new, path)
    except Exception as error:
        _name(error, path)
        raise


def write_text(path: Path, text: str, mode: int = 0o644) -> None:
    """Write ``text`` to ``path``, whole, readable by those whom ``mode`` names."""
    with whole(path) as new:
        descriptor = os.open(new, os.O_WRONLY | os.O_CREAT | os.O_EXCL, mode)
        with os.fdopen(descriptor, "w", encoding="utf-8") as file:
            file.write(text)


def flush(path: Path) -> None:
    """Bring a file, or the names in a folder, onto the disk, where a power cut leaves them."""
    descriptor = os.open(path, os.O_RDONLY)
    try:
        os.fsync(descriptor)
    finally:
        os.close(descriptor)


def write_json(path: Path, value: Any) -> None:
    """Write ``value`` as JSON in a fixed form: same value, same bytes. NaN is refused."""
    write_text(path, json.dumps(value, indent=2, sort_keys=True, allow_nan=False) + "\n")


def unless_unread(error: OSError, path: Path) -> None:
    """Raise TransientError if ``path`` could not be read, as from a disk that is away, or with too
    many files open: it may be whole, so it must not be removed. Return if it is not there, or its
    content led nowhere."""
    if error.errno not in (None, errno.ENOENT, errno.EINVAL):
        raise TransientError(
            f"{path}: cannot be read ({error.strerror}); it is kept; run the same again when it can"
        ) from None


def sha256(path: Path) -> str:
    """SHA-256 of a file's bytes, as 64 hexadecimal digits."""
    with path.open("rb") as file:
        return hashlib.file_digest(file, "sha256").hexdigest()


def sha256_of(value: Any) -> str:
    """SHA-256 of a value's canonical JSON, as 64 hexadecimal digits."""
    text = json.dumps(value, sort_keys=True, separators=(",", ":"), allow_nan=False)
    return hashlib.sha256(text.encode()).hexdigest()


def _name(error: BaseException | None, path: Path) -> None:
    """Give errors of writing what they lack: some the number, those of a full disk the file."""
    hidden = str(path.with_name(f".{path.name[:40]}"))
    while error:
        if isinstance(error, OSError):
            if error.errno is None and SAID_FULL.search(str(error)):
                error.errno, error.strerror = errno.ENOSPC, os.strerror(errno.ENOSPC)
            of_ours = error.filename is not None and str(error.filename).startswith(hidden)
            if of_ours or (error.filename is None and error.errno in NO_ROOM):
                error.filename, error.filename2 = str(path), None
        error = error.__cause__ or error.__context__
