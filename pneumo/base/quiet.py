"""Lines of foreign libraries that tell a user nothing, kept off the terminal."""

import os
import re
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager

FOREIGN = re.compile(
    rb"[IW]\d{4} \d\d:\d\d:\S+ +\d+ \S+\.(cc|h|cu):\d+\] "  # absl's information and warnings
    rb"|WARNING: All log messages before absl::InitializeLog\(\) "
    rb"|\d{4}-\d\d-\d\d \d\d:\d\d:\d\d\.\d+: [IW] \S+\.(cc|h|cu):\d+\] "  # TensorFlow's own
    rb"|To enable the following instructions: "
)
"""How a line begins that C++ libraries write while they are loaded, before they take orders."""


@contextmanager
def without_foreign_lines() -> Iterator[None]:
    """Keep what is written to standard error in the block, and pass on all but ``FOREIGN`` lines.

    The file descriptor is turned away, since C++ libraries know nothing of ``sys.stderr``.
    """
    with tempfile.TemporaryFile() as kept:
        terminal = os.dup(2)
        os.dup2(kept.fileno(), 2)
        try:
            yield
        finally:
            os.dup2(terminal, 2)
            os.close(terminal)
            kept.seek(0)
            for line in kept:
                if not FOREIGN.match(line):
                    os.write(2, line)
