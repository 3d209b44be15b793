import os
import threading
import time
from collections import Counter

import psutil
import pytest

from pneumo.dicom.workers import Rejected, read_squares
from tests.dicom.mutants import write_mutants

COUNT = int(os.environ.get("PNEUMO_MUTANTS", "2000"))
LONGEST_S, LARGEST_BYTES = 10, 700_000_000


class Watch(threading.Thread):
    """The largest memory of a child process, looked at every 50 ms."""

    def __init__(self):
        super().__init__(daemon=True)
        self.largest, self.ends = 0, threading.Event()

    def run(self):
        while not self.ends.wait(0.05):
            for child in psutil.Process().children():
                try:
                    self.largest = max(self.largest, child.memory_info().rss)
                except psutil.NoSuchProcess:
                    continue


@pytest.mark.timeout(1800)
def test_damaged_files_end_in_a_picture_or_a_reason_and_nothing_else(tmp_path):
    paths = write_mutants(tmp_path, COUNT, seed=20)
    watch = Watch()
    watch.start()
    found, longest, last = [], 0.0, time.monotonic()
    for answer in read_squares(paths, 64, workers=2):
        longest, last = max(longest, time.monotonic() - last), time.monotonic()
        found.append(answer)
    watch.ends.set()
    reasons = Counter(a.reason if isinstance(a, Rejected) else "accepted" for a in found)
    print(f"\n{COUNT} mutants, {longest:.2f} s at most, {watch.largest / 1e6:.0f} MB at most")
    print(dict(reasons.most_common()))
    assert len(found) == COUNT
    assert longest < LONGEST_S
    assert watch.largest < LARGEST_BYTES
    assert reasons["cannot_read"] == 0, "a fault of the reader's own"
    assert not any("CANARY" in a.message for a in found if isinstance(a, Rejected))
