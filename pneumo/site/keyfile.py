"""A secret in a file that its owner alone may read, made at the first use."""

import os
import stat
from collections.abc import Callable
from contextlib import suppress
from pathlib import Path

from pneumo.base.aside import aside
from pneumo.base.errors import PneumoError
from pneumo.base.safe import printable


def key_in(path: Path, fresh: Callable[[], bytes], what: str, advice: str) -> bytes:
    """The content of the key's file; where there is none it is made, of what ``fresh`` gives.

    ``what`` names the key in messages, ``advice`` says what would do where its file cannot be used.
    Raises PneumoError for a file that others may read, or that cannot be read or made, and where
    ``fresh`` does.
    """
    where = printable(path)
    try:
        if not path.exists():
            _make(path, fresh())
        if not path.is_file():
            raise PneumoError(f"{where}: is no file, so {what} cannot be read; {advice}")
        if path.stat().st_mode & (stat.S_IRWXG | stat.S_IRWXO):
            raise PneumoError(f"{where}: others may read {what}; run `chmod 600 {where}`")
        return path.read_bytes()
    except OSError as error:
        raise PneumoError(
            f"{where}: {what} cannot be read or made ({error.strerror}); {advice}"
        ) from None


def _make(path: Path, content: bytes) -> None:
    """Write a key aside and link it to its name, so that two who begin at once share one."""
    path.parent.mkdir(parents=True, exist_ok=True, mode=0o700)
    with aside(path) as new:
        descriptor = os.open(new, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600)
        with os.fdopen(descriptor, "wb") as file:
            file.write(content)
            file.flush()
            os.fsync(file.fileno())
        with suppress(FileExistsError):
            os.link(new, path)
