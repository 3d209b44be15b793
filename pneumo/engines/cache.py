"""What is made once and kept: fetched ensembles and converted graphs, in the user's cache folder.

``$XDG_CACHE_HOME/pneumo`` (else ``~/.cache/pneumo``), for its owner alone. What is in it is used
when the sums beside it hold, and made anew when they do not.
"""

import errno
import json
import os
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path

from pneumo.base.errors import PneumoError
from pneumo.base.files import NO_ROOM, sha256, whole, write_json
from pneumo.base.locks import alone
from pneumo.base.safe import printable

SUMS = "sums.json"
UNWRITABLE = (*NO_ROOM, errno.EROFS, errno.EACCES, errno.EPERM, errno.ENOTDIR, errno.EEXIST)


def folder() -> Path:
    """The cache's folder, made when missing, closed to others. PneumoError when it cannot be."""
    place = _place()
    with _written(place):
        place.mkdir(mode=0o700, parents=True, exist_ok=True)
        if place.stat().st_mode & 0o077:
            place.chmod(0o700)
    return place


def kept(
    kind: str,
    key: str,
    make: Callable[[Path], None],
    holds: Callable[[Path], bool] | None = None,
) -> Path:
    """The folder ``kind/key`` of the cache, whose sums hold; ``make`` fills it when they do not.

    ``holds`` looks at the folder in another way than by ``sums.json``. Processes that want the same
    folder wait for the one that makes it.
    """
    path, holds = _place() / kind / key, holds or _sums_hold
    if not holds(path):
        folder()
        with _written(path), alone(path.with_name(f".{path.name}.lock")):
            if not holds(path):
                _make(path, make)
    return path


def _place() -> Path:
    return Path(os.environ.get("XDG_CACHE_HOME") or Path.home() / ".cache") / "pneumo"


@contextmanager
def _written(path: Path) -> Iterator[None]:
    """Say of a cache that is read only, closed or full what would do."""
    try:
        yield
    except OSError as error:
        if error.errno not in UNWRITABLE:
            raise
        raise PneumoError(
            f"{printable(path)}: the cache cannot be written ({error.strerror}); "
            "set XDG_CACHE_HOME to a folder with room for it"
        ) from None


def _make(path: Path, make: Callable[[Path], None]) -> None:
    with whole(path) as aside:
        aside.mkdir(parents=True)
        make(aside)
        files = sorted(file for file in aside.rglob("*") if file.is_file())
        write_json(aside / SUMS, {str(file.relative_to(aside)): sha256(file) for file in files})


def _sums_hold(path: Path) -> bool:
    try:
        sums = json.loads((path / SUMS).read_text(encoding="utf-8"))
        return bool(sums) and all(sha256(path / name) == digest for name, digest in sums.items())
    except (OSError, ValueError, AttributeError):
        return False
