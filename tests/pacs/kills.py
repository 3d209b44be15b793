"""Steps in processes of their own, killed before and after a chosen write of the ledger, and
between an effect and its row. Run as a program by the test, with real peers; prints JSON lines."""

import json
import os
import signal
import sys
from collections.abc import Callable
from pathlib import Path
from shutil import copytree, rmtree

import pydicom  # noqa: F401  a fork shall not load it again

from pneumo.pacs import fetch as fetching
from pneumo.pacs import record as recording
from pneumo.pacs._orthanc import Orthanc
from pneumo.pacs.confirm import confirm
from pneumo.pacs.fetch import fetch
from pneumo.pacs.ledger import Ledger
from pneumo.pacs.peers import Site, load_site
from pneumo.pacs.poll import poll
from pneumo.pacs.record import record
from pneumo.pacs.send import send

POINTS = [(Ledger, "change"), (Orthanc, "store"), (fetching, "_keep"), (recording, "_put_out")]
"""Every write of the ledger, and every effect that comes before one: killed before and after it."""


def trip(site: Site, template: Path) -> None:
    """The whole way; scoring and writing were done once, since the same files give the same."""
    poll(site)
    fetch(site)
    for name in ("results", "objects"):
        if not site.path(name).exists():
            copytree(template / name, site.path(name))
    record(site)
    send(site)
    confirm(site)


def counted(act: Callable[[], None], kill_at: int) -> int:
    """Run ``act``, killed at point ``kill_at``; returns how many points it passed."""
    passed = [0]

    def pass_one() -> None:
        passed[0] += 1
        if passed[0] == kill_at:
            os.kill(os.getpid(), signal.SIGKILL)

    def wrapped(method: Callable) -> Callable:
        def call(*words, **named):
            pass_one()
            found = method(*words, **named)
            pass_one()
            return found

        return call

    for holder, name in POINTS:
        setattr(holder, name, wrapped(getattr(holder, name)))
    act()
    return passed[0]


def forked(act: Callable[[], int], answer: Path) -> int | None:
    """What ``act`` returns in a process of its own; None when that was killed."""
    child = os.fork()
    if child == 0:
        try:
            answer.write_text(str(act()))
        finally:
            os._exit(0)
    _, state = os.waitpid(child, 0)
    if os.WIFSIGNALED(state):
        return None
    return int(answer.read_text())


def main(peers: Path, template: Path, every: int, wipe: Callable[[], None]) -> None:
    site = load_site(peers)
    answer = peers.parent / "answer"

    def fresh() -> None:
        wipe()
        rmtree(site.folder, ignore_errors=True)

    fresh()
    count = forked(lambda: counted(lambda: trip(site, template), 0), answer)
    print(json.dumps({"points": count}), flush=True)
    for point in range(1, count + 1, every):
        fresh()
        died = forked(lambda point=point: counted(lambda: trip(site, template), point), answer)
        forked(lambda: (trip(site, template), 0)[1], answer)
        ledger = Ledger(site.path())
        told = {
            "point": point,
            "died": died is None,
            "counts": ledger.counts(),
            "objects": sorted(row["sop"] for row in ledger.rows("SELECT sop FROM objects")),
            "left": sorted(str(p.name) for p in site.path("radiographs").iterdir()),
        }
        ledger.close()
        print(json.dumps(told | {"held": held()}), flush=True)


if __name__ == "__main__":
    import requests

    peers, template, url, password, files, every = sys.argv[1:]

    def ask(method: str, path: str, **how) -> requests.Response:
        return requests.request(method, url + path, auth=("pneumo", password), timeout=30, **how)

    def held() -> list[str]:
        expand = ask("GET", "/instances?expand").json()
        return sorted(row["MainDicomTags"]["SOPInstanceUID"] for row in expand)

    def start_over() -> None:
        for patient in ask("GET", "/patients").json():
            ask("DELETE", f"/patients/{patient}")
        for path in json.loads(files):
            ask("POST", "/instances", data=Path(path).read_bytes()).raise_for_status()

    main(Path(peers), Path(template), int(every), start_over)
