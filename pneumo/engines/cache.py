"""What is made once and kept: fetched ensembles and converted graphs, in the user's cache folder.

``$XDG_CACHE_HOME/pneumo`` (else ``~/.cache/pneumo``), for its owner alone. What is in it is used
when the sums beside it hold, and made anew when they do not.
"""

import json
import os
from collections.abc import Callable
from pathlib import Path

from pneumo.files import sha256, whole, write_json
from pneumo.locks import alone

SUMS = "sums.json"


def folder() -> Path:
    """The cache's folder, made when missing, closed to others."""
    base = Path(os.environ.get("XDG_CACHE_HOME") or Path.home() / ".cache")
    found = base / "pneumo"
    found.mkdir(mode=0o700, parents=True, exist_ok=True)
    found.chmod(0o700)
    return found


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
    path, holds = folder() / kind / key, holds or _sums_hold
    if not holds(path):
        with alone(path.with_name(f".{path.name}.lock")):
            if not holds(path):
                _make(path, make)
    return path


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
