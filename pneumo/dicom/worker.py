"""One process that reads untrusted files for its parent, which ``process.py`` starts.

Standard input: one JSON line ``[path, size_px, frontal_only]`` per file; a size of ``HEADER`` asks
for the header alone, ``FULL`` for every pixel of the file, uint16, little endian.
Standard output, per file: the lengths of two parts (``ANSWER``), then JSON, then the pixels'
bytes. No pickle, so a decoder that is taken over can send wrong pixels, but nothing that runs. At
the end of its input it ends.
"""

import ctypes
import json
import os
import resource
import signal
import struct
import sys
from dataclasses import asdict
from pathlib import Path
from typing import Any, BinaryIO

from pneumo.base.errors import RadiographError
from pneumo.dicom.full import read_full
from pneumo.dicom.headers import read_header
from pneumo.dicom.read import read_square

ANSWER = struct.Struct("<II")
READY = b"ready\n"
HEADER, FULL = 0, -1
LONGEST_S = 8
MEMORY_BYTES = 600 * 2**20
MALLOC_TRIM = -1, 16 * 2**20  # M_TRIM_THRESHOLD: keep what a radiograph needs between files


def main() -> None:
    """Read files until the input ends."""
    limit_process()
    answers = os.fdopen(os.dup(1), "wb", buffering=0)
    os.dup2(2, 1)  # what a library prints must not fall among the answers
    answers.write(READY)
    for line in sys.stdin.buffer:
        path, *asked = json.loads(line)
        signal.alarm(LONGEST_S)
        facts, pixels = _read(Path(path), asked)
        signal.alarm(0)
        send(answers, facts, pixels)


def limit_process() -> None:
    """Bound this process's memory, and keep it from writing files or core dumps."""
    limits = {"RLIMIT_DATA": MEMORY_BYTES, "RLIMIT_CORE": 0, "RLIMIT_FSIZE": 0}
    for name, most in limits.items():
        kind = getattr(resource, name)
        _, hard = resource.getrlimit(kind)
        allowed = most if hard == resource.RLIM_INFINITY else min(most, hard)
        resource.setrlimit(kind, (allowed, allowed))
    if sys.platform == "linux":
        ctypes.CDLL(None).mallopt(*MALLOC_TRIM)


def send(answers: BinaryIO, facts: dict[str, Any], pixels: bytes) -> None:
    """Write one answer, whole."""
    text = json.dumps(facts).encode()
    data = memoryview(ANSWER.pack(len(text), len(pixels)) + text + pixels)
    while data:
        data = data[answers.write(data) :]


def _read(path: Path, asked: list[Any]) -> tuple[dict[str, Any], bytes]:
    size_px, frontal_only = asked
    try:
        if size_px == HEADER:
            return read_header(path), b""
        if size_px == FULL:
            return _full(path)
        square = read_square(path, size_px, frontal_only=frontal_only)
    except RadiographError as error:
        return {"reason": error.reason, "message": str(error)}, b""
    except Exception as error:  # a fault of ours must cost one file, not a batch
        return {"reason": "cannot_read", "message": f"cannot be read ({type(error).__name__})"}, b""
    size = {"rows": square.rows, "columns": square.columns}
    return {**size, **asdict(square.facts)}, square.pixels.tobytes()


def _full(path: Path) -> tuple[dict[str, Any], bytes]:
    found = read_full(path)
    rows, columns = found.pixels.shape
    told = {"rows": rows, "columns": columns, "centre": found.centre, "width": found.width}
    return {**told, **asdict(found.facts)}, found.pixels.astype("<u2", copy=False).tobytes()
