"""CPU seconds of commands that only show something, beside bare Python: ``make bench``.

Processor time of new processes, user and system, after one run that writes Python's bytecode; the
list of the registry is that of a real MLflow server. Exit code 1 when a command exceeds its limit.
"""

import os
import resource
import statistics
import subprocess
import sys
import tempfile
from pathlib import Path

from first import PROGRAMS, mlflow_server
from inbox import ROOT
from rich.console import Console
from rich.table import Table

RUNS = 5
BARE = "python -c pass"
LIMITS_S = {"pneumo --help": 0.4, "pneumo registry list": 1.5, "pneumo models": 3.0}


def main() -> None:
    """Start the server, run the commands in turn, print the table."""
    spent: dict[str, list[float]] = {line: [] for line in (BARE, *LIMITS_S)}
    with tempfile.TemporaryDirectory() as name, mlflow_server(Path(name) / "server") as url:
        for number in range(1 + RUNS):
            for line, seconds in spent.items():
                found = cpu_s(line, url)
                seconds += [found] if number else []
    medians = {line: statistics.median(seconds) for line, seconds in spent.items()}
    table = Table("command", "CPU s", "limit s", "of the limit", "of bare Python", box=None)
    for line, found in medians.items():
        limit = LIMITS_S.get(line)
        share = (f"{limit}", f"{found / limit:.0%}") if limit else ("", "")
        table.add_row(line, f"{found:.2f}", *share, f"{found / medians[BARE]:.0f}")
    Console().print(table)
    sys.exit(any(medians[line] > limit for line, limit in LIMITS_S.items()))


def cpu_s(line: str, url: str) -> float:
    """CPU seconds of a command line, with its children."""
    program, *words = line.split()
    environment = {k: v for k, v in os.environ.items() if k != "PYTHONDONTWRITEBYTECODE"}
    before = resource.getrusage(resource.RUSAGE_CHILDREN)
    subprocess.run(
        [PROGRAMS / program, *words],
        cwd=ROOT,
        env=environment | {"MLFLOW_TRACKING_URI": url},
        stdout=subprocess.DEVNULL,
        check=True,
    )
    after = resource.getrusage(resource.RUSAGE_CHILDREN)
    return after.ru_utime + after.ru_stime - before.ru_utime - before.ru_stime


if __name__ == "__main__":
    main()
