import subprocess
import sys

import pytest

PROGRAM = """
import os, sys
from pneumo.base.quiet import without_foreign_lines
os.write(2, b"before\\n")
with without_foreign_lines():
    for line in sys.argv[1:]:
        os.write(2, os.fsencode(line) + b"\\n")
    os.system("echo from a child >&2")
    print("from Python", file=sys.stderr, flush=True)
os.write(2, b"after\\n")
"""
DROPPED = [
    "WARNING: All log messages before absl::InitializeLog() is called are written to STDERR",
    "I0000 00:00:1795863304.100717   20058 port.cc:153] oneDNN custom operations are on.",
    "W0000 00:00:1795863304.101857   7 cudart_stub.cc:31] Could not find cuda drivers",
    "2026-01-02 03:04:05.678901: I tensorflow/core/util/port.cc:153] oneDNN custom operations",
    "2026-01-02 03:04:05.678901: W external/local_xla/xla/service.cc:9] XLA service",
]
KEPT = [
    "E0000 00:00:1795863304.100717   20058 cuda_dnn.cc:8310] no memory",
    "F0000 00:00:1795863304.100717   20058 x.cc:1] fatal",
    "2026-01-02 03:04:05.678901: E tensorflow/x.cc:1] an error",
    "I think so",
    "ImportError: libcudart.so",
]


def written(lines):
    done = subprocess.run([sys.executable, "-c", PROGRAM, *lines], capture_output=True, text=True)
    return done.stderr.splitlines()


@pytest.mark.parametrize("line", DROPPED)
def test_what_a_cpp_library_reports_of_itself_is_kept_off_the_terminal(line):
    assert written([line]) == ["before", "from a child", "from Python", "after"]


def test_errors_and_everything_else_come_through_in_order():
    assert written(KEPT) == ["before", *KEPT, "from a child", "from Python", "after"]
