"""Where an output is made before it has its name, and how it gets the name in one step.

``.NAME.BOOT-RANDOM.part`` beside ``NAME`` is a hidden folder with a lock file that its process
holds until it ends, however it ends. So what a dead process left is told from what a living one
writes, in whatever container of this machine, where process numbers mean nothing.
"""

import errno
import fcntl
import hashlib
import os
import re
import secrets
import shutil
import time
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from functools import cache
from pathlib import Path

LOCK, OLD = "lock", "old"
STALE_S = 86_400.0
"""After how long without a change something is left over whose process nobody can ask for here:
one of another machine, or of this one before it was started anew."""

LONGEST_NAME = 200
"""Bytes of an output's name that stand in the name of its hidden folder; file systems take 255."""

NO_EXCHANGE = {errno.ENOSYS, errno.EINVAL, errno.ENOTSUP, errno.EPERM}
CHANGED_MEANWHILE = {errno.ENOENT, errno.EEXIST, errno.ENOTEMPTY, errno.ENOTDIR, errno.EISDIR}
RENAME_EXCHANGE, AT_FDCWD = 2, -100  # linux/fs.h, fcntl.h


@contextmanager
def aside(path: Path) -> Iterator[Path]:
    """Give a path on the disk of ``path``, where nothing is yet; what is left there is removed.

    What dead processes left of ``path`` is removed first, and one that was put away for a
    successor that never came is back at ``path``.
    """
    path.parent.mkdir(parents=True, exist_ok=True)
    _sweep(path)
    folder, lock = _claimed(path)
    try:
        yield folder / f"new{path.suffix}"
    finally:
        with suppress(OSError):
            _discard(folder)
        os.close(lock)


def put(new: Path, path: Path) -> None:
    """Let ``new``, which ``aside(path)`` gave, be ``path``; what was there is where ``new`` was.

    At every moment ``path`` is the old or the new one as a whole. Where the file system cannot
    exchange two names (NFS, many in user space) a folder is put away for the time between two
    renames; after a kill just there, the next ``aside(path)`` brings it back.
    """
    for tries_left in reversed(range(100)):
        try:
            if not _is_folder(new) and not _is_folder(path):
                new.replace(path)
            elif os.path.lexists(path):
                _exchange_or_put_away(new, path)
            else:
                new.rename(path)
            return
        except OSError as error:  # somebody else puts, or removes, the same
            if not tries_left or not new.exists() or error.errno not in CHANGED_MEANWHILE:
                raise


def remove(path: Path) -> None:
    """Remove a file, a link or a folder; nothing there is fine."""
    if _is_folder(path):
        shutil.rmtree(path)
    else:
        path.unlink(missing_ok=True)


def _exchange_or_put_away(new: Path, path: Path) -> None:
    try:
        _exchange(new, path)
    except OSError as error:
        if error.errno not in NO_EXCHANGE:
            raise
        away = new.with_name(OLD)
        remove(away)
        path.rename(away)
        try:
            new.rename(path)
        except OSError:
            if not os.path.lexists(path):
                away.rename(path)
            raise


def _exchange(one: Path, other: Path) -> None:
    """Exchange two names in one step: renameat2(2) of Linux, which Python does not offer."""
    import ctypes

    call = getattr(ctypes.CDLL(None, use_errno=True), "renameat2", None)
    if call is None:
        raise OSError(errno.ENOSYS, os.strerror(errno.ENOSYS))
    names = os.fsencode(one), os.fsencode(other)
    if call(AT_FDCWD, names[0], AT_FDCWD, names[1], RENAME_EXCHANGE):
        raise OSError(ctypes.get_errno(), os.strerror(ctypes.get_errno()), str(other))


def _claimed(path: Path) -> tuple[Path, int]:
    """A new folder of this process, and its open lock file."""
    while True:
        name = f".{_stem(path)}.{_boot()}-{secrets.token_hex(4)}.part"
        folder = path.with_name(name)
        folder.mkdir(mode=0o700)
        try:
            lock = os.open(folder / LOCK, os.O_RDWR | os.O_CREAT | os.O_CLOEXEC, 0o600)
        except FileNotFoundError:  # swept while it was empty
            continue
        with suppress(FileNotFoundError):
            mine = _lock(lock) is not False
            if mine and os.path.samestat((folder / LOCK).stat(), os.fstat(lock)):
                return folder, lock
        os.close(lock)


def _sweep(path: Path) -> None:
    """Remove what dead processes left of ``path``."""
    ending = r"(?:(?P<boot>[0-9a-f]{8})-[0-9a-f]{8}|\d+)\.part"
    ours = re.compile(rf"\.{re.escape(_stem(path))}\.{ending}")
    for left in path.parent.iterdir():
        if found := ours.fullmatch(left.name):
            with suppress(OSError):
                _sweep_one(left, path, found["boot"])


def _sweep_one(left: Path, path: Path, boot: str | None) -> None:
    try:
        lock = os.open(left / LOCK, os.O_RDWR | os.O_CLOEXEC)
    except (FileNotFoundError, NotADirectoryError):
        if _is_folder(left) and not any(left.iterdir()):
            left.rmdir()
        elif _is_stale(left):
            remove(left)
        return
    try:
        locked = _lock(lock)
        if locked is False or not ((locked and boot == _boot()) or _is_stale(left)):
            return
        if os.path.lexists(left / OLD) and not os.path.lexists(path):
            (left / OLD).rename(path)
        _discard(left)
    finally:
        os.close(lock)


def _discard(folder: Path) -> None:
    """Remove a hidden folder; its lock file last, so that a kill leaves what can be told."""
    for one in folder.iterdir():
        if one.name != LOCK:
            remove(one)
    (folder / LOCK).unlink()
    folder.rmdir()


def _lock(descriptor: int) -> bool | None:
    """Whether the lock is this process's now; None on a file system without locks."""
    try:
        fcntl.flock(descriptor, fcntl.LOCK_EX | fcntl.LOCK_NB)
    except BlockingIOError:
        return False
    except OSError:
        return None
    return True


def _is_stale(path: Path) -> bool:
    """Whether nothing in it has changed for long."""
    within = [path, *path.rglob("*")]
    return time.time() - max(one.lstat().st_mtime for one in within) > STALE_S


def _is_folder(path: Path) -> bool:
    return path.is_dir() and not path.is_symlink()


def _stem(path: Path) -> str:
    name = os.fsencode(path.name)
    return path.name if len(name) <= LONGEST_NAME else hashlib.sha256(name).hexdigest()


@cache
def _boot() -> str:
    """Eight hexadecimal digits that all containers of a running machine share, and no other one."""
    try:
        said = Path("/proc/sys/kernel/random/boot_id").read_text(encoding="ascii")
    except OSError:
        said = os.uname().nodename
    return hashlib.sha256(said.encode()).hexdigest()[:8]
