"""How long we wait for what a peer could not do, and when a person is asked instead."""

import time
from collections.abc import Iterator
from contextlib import contextmanager

from pneumo.pacs._link import AwayError, Link, UnfitError

BACK_OFF_S = 60
LONGEST_S = 3600
MOST_TRIES = 30
"""Six tries in the first hour, then one an hour: a day."""
MOST_IN_A_ROW = 5
"""So many objects in a row that a peer cannot give or take are the peer's fault: the next run goes
on with others."""


def due(tries: int, wait_s: float = 0) -> float:
    """When to try again after ``tries`` tries before this one: a minute, doubled, up to an hour."""
    return time.time() + min(max(wait_s, BACK_OFF_S * 2 ** min(tries, 10)), LONGEST_S)


class Patience:
    """Tells an object that a peer cannot give or take from a peer that is away."""

    def __init__(self, link: Link) -> None:
        self._link, self._in_a_row = link, 0
        self.fault: AwayError | UnfitError | None = None
        """What was wrong with the last object; None: nothing."""

    @contextmanager
    def one(self) -> Iterator[None]:
        """Around the work on one object. Raises AwayError when the peer does not answer at all."""
        self.fault = None
        try:
            yield
        except (AwayError, UnfitError) as error:
            self._link.echo()
            self.fault = error
            self._in_a_row += 1
        else:
            self._in_a_row = 0

    def check(self) -> None:
        """After the fault was noted: raise it when there were too many in a row."""
        if self.fault is not None and self._in_a_row >= MOST_IN_A_ROW:
            raise self.fault
