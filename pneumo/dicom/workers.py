"""Untrusted files read by worker processes: a bad one costs itself, never the batch.

Each worker has a memory limit and kills itself when a file takes too long. One that dies is
replaced, and the file it was at is rejected. Answers come in the order of the paths.
"""

import json
import math
import os
import re
import selectors
import time
from collections.abc import Callable, Generator, Iterable, Iterator
from dataclasses import dataclass, replace
from functools import partial
from pathlib import Path
from threading import Lock
from typing import Any, TypeVar

import numpy as np

from pneumo.base.safe import CODE, printable
from pneumo.dicom._scan import DAY, DEVICE, SUM, UID, Facts
from pneumo.dicom._spacing import LARGEST_ASPECT
from pneumo.dicom.full import Full
from pneumo.dicom.headers import TAGS
from pneumo.dicom.process import DEPTH, Answer, Worker, usable_cores
from pneumo.dicom.read import Square
from pneumo.dicom.worker import FULL, HEADER

Meant = TypeVar("Meant")
Asked = tuple[int, bool]
"""``size_px`` and ``frontal_only``, as a worker is asked."""

NOTE, MOST_NOTES = re.compile(r"[a-z][a-z0-9_]{0,39}"), 16
LOOK_AHEAD = 64
"""Files per worker that may wait for one before them."""


@dataclass(frozen=True)
class Rejected:
    """A file that is not read: a reason for programs, a line for people."""

    reason: str
    message: str


def read_squares(
    paths: Iterable[Path],
    size_px: int,
    workers: int | None = None,
    *,
    frontal_only: bool = True,
) -> Generator[Square | Rejected, None, None]:
    """Read files in worker processes, by default one per core; one answer per path, in order.

    ``frontal_only`` is as for ``read_radiograph``. Memory does not depend on the number of paths,
    nor the answers on ``workers``. Closing the iterator ends the processes; they also end when this
    process does.
    """
    yield from _answers(paths, (size_px, frontal_only), workers, partial(_square, size_px))


def read_headers(
    paths: Iterable[Path], workers: int | None = None
) -> Generator[dict[str, str | int | None] | Rejected, None, None]:
    """``headers.read_header`` of each path, as ``read_squares`` reads pixels."""
    yield from _answers(paths, (HEADER, True), workers, _header)


class Reader:
    """One worker that stays, for files that are asked for one by one, from any thread.

    It is started by the first question. ``close`` ends it; it also ends when this process does.
    """

    def __init__(self) -> None:
        self._pool, self._one = _Pool((HEADER, True), 1, _header), Lock()

    def full(self, path: Path) -> Full | Rejected:
        """``full.read_full`` of a file."""
        return self._ask(path, (FULL, False), _full)

    def square(self, path: Path, size_px: int, *, frontal_only: bool) -> Square | Rejected:
        """``read.read_square`` of a file."""
        return self._ask(path, (size_px, frontal_only), partial(_square, size_px))

    def close(self) -> None:
        """End the worker."""
        with self._one:
            self._pool.close()

    def _ask(
        self, path: Path, asked: Asked, meaning: Callable[[Answer], Meant]
    ) -> Meant | Rejected:
        with self._one:
            self._pool.asked, self._pool.meaning = asked, meaning
            [answer] = self._pool.run([path])
        found: Meant | Rejected = answer
        return found


def _answers(
    paths: Iterable[Path], asked: Asked, workers: int | None, meaning: Callable[[Answer], Meant]
) -> Generator[Meant | Rejected, None, None]:
    pool = _Pool(asked, workers or usable_cores(), meaning)
    try:
        yield from pool.run(paths)
    finally:
        pool.close()


def _square(size_px: int, answer: Answer) -> Square:
    """What an answer means; ValueError, TypeError or KeyError when it is none of ours."""
    facts, rows, columns = _facts(answer.facts)
    pixels = np.frombuffer(answer.pixels, np.uint8).reshape(size_px, size_px)
    return Square(pixels, rows, columns, facts)


def _full(answer: Answer) -> Full:
    """What an answer means, as of ``_square``."""
    said = dict(answer.facts)
    centre, width = float(said.pop("centre")), float(said.pop("width"))
    if not (math.isfinite(centre) and math.isfinite(width) and width > 0):
        raise ValueError("a window is expected")
    facts, rows, columns = _facts(said)
    pixels = np.frombuffer(answer.pixels, "<u2").reshape(rows, columns)
    return Full(pixels, centre, width, facts)


def _facts(said: dict[str, Any]) -> tuple[Facts, int, int]:
    """Facts, rows and columns of an answer."""
    facts = dict(said)
    rows, columns = facts.pop("rows"), facts.pop("columns")
    known = Facts(**facts)
    known = replace(known, notes=_notes(known.notes))
    told = (known.age, known.row_spacing_mm, known.column_spacing_mm)
    numbers = [known.pixel_aspect, *(value for value in told if value is not None)]
    if not all(isinstance(value, float | int) for value in (rows, columns, *numbers)):
        raise TypeError("numbers are expected")
    if not 1 / LARGEST_ASPECT <= known.pixel_aspect <= LARGEST_ASPECT:
        raise ValueError("the shape of a pixel is expected")
    if not all(CODE.fullmatch(text) for text in (known.view, known.sex)):
        raise ValueError("codes are expected")
    if known.instance_uid and not UID.fullmatch(known.instance_uid):
        raise ValueError("a UID is expected")
    texts = ((DEVICE, known.device), (DAY, known.taken), (SUM, known.patient))
    if not all(not text or form.fullmatch(text) for form, text in texts):
        raise ValueError("a device, a day and a sum are expected")
    return known, int(rows), int(columns)


def _notes(said: Any) -> dict[str, str]:
    if not isinstance(said, dict) or len(said) > MOST_NOTES:
        raise TypeError("notes are expected")
    if not all(NOTE.fullmatch(note) and isinstance(text, str) for note, text in said.items()):
        raise ValueError("codes and sentences are expected")
    return {note: printable(text) for note, text in said.items()}


def _header(answer: Answer) -> dict[str, str | int | None]:
    """What an answer means; ValueError when it is none of ours."""
    if set(answer.facts) != set(TAGS):
        raise ValueError("other tags were asked for")
    if not all(isinstance(value, str | int | None) for value in answer.facts.values()):
        raise ValueError("texts and whole numbers are expected")
    return answer.facts


class _Pool:
    def __init__(self, asked: Asked, count: int, meaning: Callable[[Answer], Any]):
        self.asked, self.count, self.meaning = asked, count, meaning
        self.workers: list[Worker] = []
        self.selector = selectors.DefaultSelector()
        self.paths: dict[int, Path] = {}
        self.answers: dict[int, Any] = {}

    def run(self, paths: Iterable[Path]) -> Iterator[Any]:
        waiting, given, taken = enumerate(paths), 0, 0
        ended = False
        while True:
            while not ended and given - taken < LOOK_AHEAD * self.count and self._has_room():
                number, path = next(waiting, (-1, None))
                if path is None:
                    ended = True
                    break
                self.paths[number], given = Path(path), given + 1
                self._give(number)
            while taken in self.answers:
                del self.paths[taken]
                yield self.answers.pop(taken)
                taken += 1
            if ended and taken == given:
                return
            for number in self._collect():
                self._give(number)

    def close(self) -> None:
        for worker in self.workers:
            worker.end()
        self.selector.close()

    def _has_room(self) -> bool:
        started = len(self.workers)
        return started < self.count or any(len(w.pending) < DEPTH for w in self.workers)

    def _give(self, number: int) -> None:
        """Hand a file to the worker with the least to do; start one while there are fewer."""
        idle = min(self.workers, key=lambda worker: len(worker.pending), default=None)
        if idle is None or (idle.pending and len(self.workers) < self.count):
            idle = Worker()
            self.workers.append(idle)
            self.selector.register(idle.output, selectors.EVENT_READ, idle)
        idle.give(number, json.dumps([os.fspath(self.paths[number]), *self.asked]))

    def _collect(self) -> list[int]:
        """Take what workers have answered; return the files that dead ones had not begun."""
        left: list[int] = []
        events = self.selector.select(timeout=1.0)
        for key, _ in events:
            worker: Worker = key.data
            for answer in worker.take():
                self._keep(answer)
            if worker.ended:
                left += self._bury(worker, worker.cause())
        if not events:
            for worker in [w for w in self.workers if w.is_late(time.monotonic())]:
                left += self._bury(worker, "timeout")
        return left

    def _keep(self, answer: Answer) -> None:
        try:
            if "reason" in answer.facts:
                said = answer.facts["reason"], answer.facts["message"]
                self.answers[answer.number] = Rejected(*map(printable, said))
            else:
                self.answers[answer.number] = self.meaning(answer)
        except (KeyError, TypeError, ValueError):  # a decoder that was taken over may say anything
            self._reject(answer.number, "decoder_crashed")

    def _reject(self, number: int, reason: str) -> None:
        message = f"{printable(self.paths[number])}: {MESSAGES[reason]}"
        self.answers[number] = Rejected(reason, message)

    def _bury(self, worker: Worker, reason: str) -> list[int]:
        """Reject the file that a worker died of; return those it had not begun."""
        self.selector.unregister(worker.output)
        self.workers.remove(worker)
        worker.end()
        fatal, *rest = worker.pending or [None]
        if fatal is not None:
            self._reject(fatal, reason)
        return [number for number in rest if number is not None]


MESSAGES = {
    "timeout": "takes too long to read",
    "out_of_memory": "needs too much memory",
    "decoder_crashed": "crashes its decoder",
}
