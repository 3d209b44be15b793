"""The audit trail: who did what to the ensemble, when and why, in lines that hold each other.

A line is one JSON object. ``n`` is its number, ``before`` the sha256 of the line before (its bytes,
without the line end), ``own`` the sha256 of all else in it. So a line that was changed, removed or
put elsewhere is found. What a chain cannot show is a tail that was cut: its head is kept elsewhere
(``registry.heads``).

Lines are written whole, flushed, under a lock. A process killed inside a write leaves a line
without its end; the next one completes it, if it was whole, or takes it away: it never counted.
"""

import hashlib
import json
import os
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

from pneumo.base.errors import DataError
from pneumo.base.locks import alone

FILE = "PNEUMO_TRAIL"
"""Environment variable: the trail's file, where several checkouts or machines share one."""

DEFAULT = Path("data/monitor/trail.jsonl")
NOTHING = "0" * 64
"""In the place of the line before, in the first line."""

LONGEST = 2_000
"""Characters of a reason that are kept."""

KEYS = {"n", "at", "act", "who", "why", "what", "once", "before", "own"}


@dataclass(frozen=True)
class Head:
    """Where a trail ends: its number of lines, the sum of the last, and that of the first."""

    lines: int = 0
    last: str = NOTHING
    first: str = NOTHING


@dataclass(frozen=True)
class Fault:
    """What is wrong at line ``line``."""

    line: int
    reason: str

    def __str__(self) -> str:
        return f"line {self.line}: {self.reason}"


@dataclass(frozen=True)
class Looked:
    """What a trail holds: its head, how many acts of each kind, and its faults, the first first."""

    head: Head
    acts: Mapping[str, int]
    faults: tuple[Fault, ...]
    sums: tuple[str, ...]


def trail_path() -> Path:
    """Where the trail of this checkout is."""
    return Path(os.environ.get(FILE) or DEFAULT)


def record(
    act: str,
    who: str,
    why: str,
    what: Mapping[str, Any],
    *,
    once: str = "",
    path: Path | None = None,
) -> bool:
    """Add a line; False where there is one with this ``once`` already, and none is added.

    ``what`` holds counts, sums and numbers of versions, nothing of a patient. Several processes
    may write; the line is on the disk when this returns. Raises DataError for a file that is no
    trail: nothing is added to it.
    """
    path = path or trail_path()
    with alone(path.with_name(f".{path.name}.lock")), path.open("a+b") as file:
        lines = _completed(file, path)
        named = json.dumps(once).encode()
        told = [
            _read(line, path, number)
            for number, line in enumerate(lines, 1)
            if number == len(lines) or (once and named in line)
        ]
        if once and any(line["once"] == once for line in told):
            return False
        line: dict[str, Any] = {
            "n": len(lines) + 1,
            "at": datetime.now(UTC).isoformat(timespec="seconds"),
            "act": act,
            "who": who[:LONGEST],
            "why": why[:LONGEST],
            "what": dict(what),
            "once": once,
            "before": _sum(lines[-1]) if lines else NOTHING,
        }
        line["own"] = _own(line)
        _write(file.fileno(), _text(line) + b"\n")
        os.fsync(file.fileno())
    return True


def _write(descriptor: int, content: bytes) -> None:
    """All of it: a write may take a part only, such as on a disk that is nearly full."""
    while content:
        content = content[os.write(descriptor, content) :]


def look(path: Path | None = None, kept: Head | None = None) -> Looked:
    """Follow a trail link by link, up to the head that was ``kept`` elsewhere and beyond.

    A trail that is not there has no line, which is a fault where a head was kept.
    """
    path = path or trail_path()
    try:
        content = path.read_bytes()
    except FileNotFoundError:
        content = b""
    lines = content.split(b"\n")
    torn = lines.pop()
    faults = [*_chain(lines)]
    sums = tuple(map(_sum, lines))
    if torn:
        reason = "has no line end: it was cut, or its writer was killed; the next act mends that"
        faults.append(Fault(len(lines) + 1, reason))
    if kept and kept.lines:
        faults += _against(kept, sums)
    head = Head(len(lines), sums[-1], sums[0]) if sums else Head()
    return Looked(head, _counted(lines), tuple(sorted(faults, key=lambda f: f.line)), sums)


def _chain(lines: list[bytes]) -> Iterator[Fault]:
    before, number = NOTHING, 0
    for place, text in enumerate(lines, 1):
        line = _parsed(text)
        if line is None:
            yield Fault(place, "is no line of a trail: it was changed")
            number += 1
        else:
            if line["own"] != _own(line):
                yield Fault(place, "does not hold its own sum: it was changed")
            if line["n"] != number + 1:
                yield Fault(
                    place, f"is numbered {line['n']}, after {number}: {_moved(line, number)}"
                )
            elif line["before"] != before:
                yield Fault(
                    place, f"does not follow line {place - 1} as it is now: one was changed"
                )
            number = line["n"]
        before = _sum(text)


def _moved(line: Mapping[str, Any], number: int) -> str:
    missing = line["n"] - number - 1
    if missing > 0:
        return f"{missing} {'lines' if missing > 1 else 'line'} before it removed"
    return "it was put in another place, or stands twice"


def _against(kept: Head, sums: tuple[str, ...]) -> Iterator[Fault]:
    if len(sums) < kept.lines:
        gone = kept.lines - len(sums)
        reason = f"the trail ends at line {len(sums)}, but had {kept.lines}: {gone} were cut off"
        if sums and kept.first != sums[0]:
            reason = f"the trail had {kept.lines} lines and another first one: it was begun anew"
        yield Fault(len(sums) + 1, reason)
    elif sums[kept.lines - 1] != kept.last:
        yield Fault(kept.lines, "is not the line whose sum was kept: the trail was written anew")


def _counted(lines: list[bytes]) -> dict[str, int]:
    acts: dict[str, int] = {}
    for line in filter(None, map(_parsed, lines)):
        acts[line["act"]] = acts.get(line["act"], 0) + 1
    return acts


def _completed(file: Any, path: Path) -> list[bytes]:
    """The lines of a file, after a line that has no end was completed or taken away."""
    file.seek(0)
    lines: list[bytes] = file.read().split(b"\n")
    torn = lines.pop()
    if torn:
        whole = _parsed(torn)
        if whole and whole["own"] == _own(whole):
            os.write(file.fileno(), b"\n")
            lines.append(torn)
        elif lines or torn.startswith(b'{"act":'[: len(torn)]):
            os.ftruncate(file.fileno(), sum(len(line) + 1 for line in lines))
        else:
            raise DataError(f"{path}: is no trail; name another file with {FILE}")
    return lines


def _read(text: bytes, path: Path, number: int) -> dict[str, Any]:
    line = _parsed(text)
    if line is None:
        raise DataError(
            f"{path}, line {number}: is no line of a trail; nothing was added; run "
            "`pneumo trail verify`, keep the file, and name another one with PNEUMO_TRAIL"
        )
    return line


def _parsed(text: bytes) -> dict[str, Any] | None:
    try:
        line = json.loads(text)
    except ValueError:
        return None
    if not isinstance(line, dict) or set(line) != KEYS or _text(line) != text:
        return None
    known = isinstance(line["n"], int) and all(
        isinstance(line[key], str) for key in KEYS - {"n", "what"}
    )
    return line if known and isinstance(line["what"], dict) else None


def _own(line: Mapping[str, Any]) -> str:
    return _sum(_text({key: value for key, value in line.items() if key != "own"}))


def _text(line: Mapping[str, Any]) -> bytes:
    return json.dumps(line, sort_keys=True, separators=(",", ":"), allow_nan=False).encode()


def _sum(line: bytes) -> str:
    return hashlib.sha256(line).hexdigest()
