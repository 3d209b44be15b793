"""Untrusted files read by worker processes: a bad one costs itself, never the batch.

Each worker has a memory limit and kills itself when a file takes too long. One that dies is
replaced, and the file it was at is rejected. Answers come in the order of the paths.
"""

import json
import os
import selectors
import time
from collections.abc import Generator, Iterable, Iterator
from dataclasses import dataclass
from pathlib import Path

import numpy as np

from pneumo.dicom.process import DEPTH, Answer, Worker, usable_cores
from pneumo.dicom.read import Square
from pneumo.dicom.scan import Facts
from pneumo.safe import printable

LOOK_AHEAD = 64
"""Files per worker that may wait for one before them."""


@dataclass(frozen=True)
class Rejected:
    """A file that is not read: a reason for programs, a line for people."""

    reason: str
    message: str


def read_squares(
    paths: Iterable[Path], size_px: int, workers: int | None = None
) -> Generator[Square | Rejected, None, None]:
    """Read files in worker processes, by default one per core; one answer per path, in order.

    Memory does not depend on the number of paths, nor the answers on ``workers``. Closing the
    iterator ends the processes; they also end when this process does.
    """
    pool = _Pool(size_px, workers or usable_cores())
    try:
        yield from pool.run(paths)
    finally:
        pool.close()


class _Pool:
    def __init__(self, size_px: int, count: int):
        self.size_px, self.count = size_px, count
        self.workers: list[Worker] = []
        self.selector = selectors.DefaultSelector()
        self.paths: dict[int, Path] = {}
        self.answers: dict[int, Square | Rejected] = {}

    def run(self, paths: Iterable[Path]) -> Iterator[Square | Rejected]:
        waiting, given, taken = enumerate(paths), 0, 0
        again: list[int] = []
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
                again.append(number)
            while again:
                self._give(again.pop(0))

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
        idle.give(number, json.dumps([number, os.fspath(self.paths[number]), self.size_px]))

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
        facts, size = dict(answer.facts), (self.size_px, self.size_px)
        number = facts.pop("number")
        if "reason" in facts:
            self.answers[number] = Rejected(facts["reason"], facts["message"])
        else:
            rows, columns = facts.pop("rows"), facts.pop("columns")
            pixels = np.frombuffer(answer.pixels, np.uint8).reshape(size)
            self.answers[number] = Square(pixels, rows, columns, Facts(**facts))

    def _bury(self, worker: Worker, reason: str) -> list[int]:
        """Reject the file that a worker died of; return those it had not begun."""
        self.selector.unregister(worker.output)
        self.workers.remove(worker)
        worker.end()
        fatal, *rest = worker.pending or [None]
        if fatal is not None:
            message = f"{printable(self.paths[fatal])}: {MESSAGES[reason]}"
            self.answers[fatal] = Rejected(reason, message)
        return [number for number in rest if number is not None]


MESSAGES = {
    "timeout": "takes too long to read",
    "out_of_memory": "needs too much memory",
    "decoder_crashed": "crashes its decoder",
}
