"""The bytes of a file, if it is a regular file of a sensible size; and the files of a folder."""

import os
import stat
from collections.abc import Iterator
from pathlib import Path

from pneumo.dicom.passed_over import passed_over
from pneumo.dicom.refusal import refuse

LARGEST_FILE_BYTES = 64 * 2**20
KINDS = {
    stat.S_IFDIR: "a folder", stat.S_IFIFO: "a FIFO", stat.S_IFCHR: "a device",
    stat.S_IFBLK: "a device", stat.S_IFSOCK: "a socket",
}  # fmt: skip


def file_bytes(path: Path) -> bytes:
    """The whole content of a regular file of 1 byte to 64 MiB.

    Anything else is refused before it is opened: opening a FIFO would wait, a device may act.
    Raises Refused: ``not_a_file``, ``unreadable``, ``empty_file``, ``too_large``.
    """
    try:
        _check(Path(path).stat())
        descriptor = os.open(path, os.O_RDONLY | os.O_NONBLOCK | os.O_CLOEXEC)
        with os.fdopen(descriptor, "rb") as file:
            _check(os.fstat(descriptor))  # it may have been exchanged since
            data = file.read(LARGEST_FILE_BYTES + 1)
    except (OSError, ValueError) as error:
        missing = isinstance(error, FileNotFoundError | NotADirectoryError)
        if missing:
            refuse("not_a_file", "is no regular file: there is nothing")
        refuse("unreadable", f"cannot be opened ({type(error).__name__})")
    if not data:
        refuse("empty_file", "is empty")
    if len(data) > LARGEST_FILE_BYTES:
        refuse("too_large", f"more than {LARGEST_FILE_BYTES:,} bytes")
    return data


def files_below(folder: Path) -> Iterator[Path]:
    """Every entry below ``folder`` that is no folder, in a fixed order; links are not followed.

    What is ``passed_over`` is left out. A folder that cannot be listed is an entry, last.
    """
    closed: list[OSError] = []
    for root, folders, names in os.walk(folder, onerror=closed.append):
        aside = passed_over(folders, names)
        folders[:] = sorted(name for name in folders if name not in aside)
        linked = [name for name in folders if (Path(root) / name).is_symlink()]
        for name in sorted([*names, *linked]):
            if name not in aside:
                yield Path(root) / name
    yield from sorted(Path(error.filename) for error in closed)


def leaves(path: Path, folder: Path) -> bool:
    """Whether ``path`` is a link to something outside ``folder``."""
    try:
        return path.is_symlink() and not path.resolve().is_relative_to(folder.resolve())
    except (OSError, RuntimeError):  # a circle of links
        return True


def _check(status: os.stat_result) -> None:
    kind = stat.S_IFMT(status.st_mode)
    if kind != stat.S_IFREG:
        refuse("not_a_file", f"is no regular file: {KINDS.get(kind, 'something else')}")
    if status.st_size > LARGEST_FILE_BYTES:
        refuse("too_large", f"{status.st_size:,} bytes; at most {LARGEST_FILE_BYTES:,} are read")
