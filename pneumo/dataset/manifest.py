"""The sha256 of every raw file, written once beside them and compared before they are used.

DVC's cache is hard-linked into the workspace: writing to a linked file changes the cached copy,
and `dvc checkout` then hands the damaged file out with exit code 0.
"""

import json
from collections.abc import Mapping
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

from pneumo.base.errors import DataError
from pneumo.base.files import sha256, sha256_of, write_json

MANIFEST = "manifest.json"
SHOWN = 5


def write_manifest(root: Path) -> dict[str, str]:
    """Write ``manifest.json`` of all files below ``root``: relative path -> sha256."""
    if not root.is_dir():
        raise DataError(f"{root}: no such folder; nothing to write a manifest of")
    sums = sums_of(root)
    write_json(root / MANIFEST, {"files": sums, "sha256": sha256_of(sums)})
    return sums


def check_manifest(root: Path) -> bool:
    """Compare the files below ``root`` with its manifest; False when there is none.

    Raises DataError that names the first files that differ, are missing, or are not listed.
    """
    if not (root / MANIFEST).exists():
        return False
    listed, there = _read(root / MANIFEST), sums_of(root)
    if faults := _faults(listed, there):
        more = f"\n  and {len(faults) - SHOWN} more" if len(faults) > SHOWN else ""
        raise DataError(
            f"{root}: {len(faults)} files are not as {MANIFEST} says; fetch them again, or run "
            "`pneumo manifest --renew` if they were changed on purpose\n  "
            + "\n  ".join(faults[:SHOWN])
            + more
        )
    return True


def sums_of(root: Path) -> dict[str, str]:
    """Relative path -> sha256 of every file below ``root`` but its manifest and hidden ones."""
    paths = sorted(path for path in root.rglob("*") if path.is_file() and not _skipped(path, root))
    with ThreadPoolExecutor() as pool:  # hashing leaves Python's lock
        sums = pool.map(sha256, paths)
        names = (path.relative_to(root).as_posix() for path in paths)
        return dict(zip(names, sums, strict=True))


def _skipped(path: Path, root: Path) -> bool:
    parts = path.relative_to(root).parts
    return parts == (MANIFEST,) or any(part.startswith(".") for part in parts)


def _faults(listed: Mapping[str, str], there: Mapping[str, str]) -> list[str]:
    return [
        *(f"{_safe(n)}: is missing" for n in sorted(listed.keys() - there.keys())),
        *(f"{_safe(n)}: its sha256 differs" for n in sorted(listed.keys() & there.keys())
          if listed[n] != there[n]),
        *(f"{_safe(n)}: is not listed" for n in sorted(there.keys() - listed.keys())),
    ]  # fmt: skip


def _safe(name: str) -> str:
    """A file name for one line of a terminal."""
    return name.encode("unicode_escape").decode("ascii")[:200]


def _read(path: Path) -> dict[str, str]:
    try:
        content = json.loads(path.read_text(encoding="utf-8"))
        sums = {str(name): str(value) for name, value in content["files"].items()}
        if content["sha256"] != sha256_of(sums):
            raise ValueError("its own sha256 differs")
    except (OSError, ValueError, KeyError, AttributeError, TypeError) as error:
        raise DataError(
            f"{path}: is no manifest ({type(error).__name__}: {error}); fetch the data again, or "
            "run `pneumo manifest --renew`"
        ) from None
    return sums
