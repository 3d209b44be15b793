"""A real server of the reading page in a process of its own, asked over HTTP."""

import os
import re
import signal
import subprocess
import sys
from dataclasses import dataclass
from pathlib import Path

import httpx


@dataclass
class Server:
    """The process, and a client whose addresses lie below the token."""

    process: subprocess.Popen
    address: str
    http: httpx.Client

    def end(self) -> tuple[int, str]:
        """Press ctrl-C; the exit code and all that was said after the address."""
        self.http.close()
        self.process.send_signal(signal.SIGINT)
        said, _ = self.process.communicate(timeout=30)
        return self.process.returncode, said


def site_of(home: Path) -> dict[str, str]:
    """What makes ``home`` a site of its own, with a key and a trail."""
    return {"PNEUMO_SITE_KEY": str(home / "site.key"), "PNEUMO_TRAIL": str(home / "trail.jsonl")}


def start(*arguments: object, home: Path) -> Server:
    process = subprocess.Popen(
        [sys.executable, "-c", "from pneumo.cli.app import main; main()", "read",
         *map(str, arguments), "--no-browser"],
        stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True, cwd=home,
        env={**os.environ, **site_of(home)},
    )  # fmt: skip
    assert process.stdout
    line = process.stdout.readline()
    found = re.search(r"http://\S+/", line)
    assert found, line + process.communicate()[0]
    return Server(process, found[0], httpx.Client(base_url=found[0], timeout=60))
