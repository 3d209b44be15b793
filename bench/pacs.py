"""Rates of the round trip on this machine: files/s and objects/s of each step, and the receiver's.

A real Orthanc on 127.0.0.1 takes and gives; dcmtk's ``storescu`` sends the same files to both in
the same run. Example: ``python bench/pacs.py --radiographs 200 --received 10000``
"""

import argparse
import csv
import json
import secrets
import socket
import subprocess
import sys
import tempfile
import threading
import time
from collections.abc import Callable, Iterator, Sequence
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import psutil
import pydicom
import requests
import yaml

from pneumo.base.files import sha256
from pneumo.findings import write
from pneumo.pacs.confirm import confirm
from pneumo.pacs.demo import program
from pneumo.pacs.fetch import fetch
from pneumo.pacs.ledger import opened
from pneumo.pacs.peers import Site, load_site
from pneumo.pacs.poll import poll
from pneumo.pacs.record import record
from pneumo.pacs.send import send
from pneumo.synthetic.export import write_dicom
from pneumo.synthetic.plan import plan
from pneumo.synthetic.radiograph import draw

SENDERS = 8
STORESCU = "/usr/bin/storescu"
"""dcmtk's; pynetdicom installs another program of that name beside Python."""


def main() -> None:
    """Print a line per step."""
    words = argparse.ArgumentParser(description=__doc__)
    words.add_argument("--radiographs", type=int, default=200)
    words.add_argument("--received", type=int, default=10_000)
    asked = words.parse_args()
    with tempfile.TemporaryDirectory() as place:
        folder = Path(place)
        files = list(_files(folder / "files", asked.radiographs))
        size = sum(path.stat().st_size for path in files) / len(files)
        print(f"{len(files)} radiographs of {size / 1000:.0f} kB")
        with _archive(folder / "orthanc") as (url, dicom_port, password):
            _timed("storescu to Orthanc", len(files), lambda: _storescu(dicom_port, "PACS", files))
            site = _site(folder, url, password)
            _timed("poll", len(files), lambda: poll(site))
            _timed("fetch", len(files), lambda: fetch(site))
            _results(site)
            results, objects = site.path("results"), site.path("objects")
            before = time.process_time()
            _timed("write SR and GSPS", 2 * len(files), lambda: write(results, objects))
            each_ms = 1000 * (time.process_time() - before) / len(files)
            print(f"  {each_ms:.0f} ms of one core for both of a radiograph")
            _timed("record", 2 * len(files), lambda: record(site))
            _timed("send", 2 * len(files), lambda: send(site))
            _timed("confirm", 2 * len(files), lambda: confirm(site))
            with opened(site.path()) as ledger:
                print(f"  {ledger.counts()['confirmed']} of {len(files)} confirmed")
        _receiver(folder, files, asked.received)


def _timed(what: str, number: int, act: Callable[[], Any]) -> None:
    begun = time.perf_counter()
    act()
    took = time.perf_counter() - begun
    print(f"{what:<28} {number / took:8.1f}/s  ({number} in {took:.1f} s)", flush=True)


def _files(folder: Path, number: int) -> Iterator[Path]:
    folder.mkdir()
    case = plan(30, seed=1)[0]
    first = folder / "first.dcm"
    write_dicom(first, case, draw(case)[0])
    found = pydicom.dcmread(first)
    first.unlink()
    for index in range(number):
        found.SOPInstanceUID = found.file_meta.MediaStorageSOPInstanceUID = f"1.2.3.1.{index}"
        found.StudyInstanceUID, found.SeriesInstanceUID = f"1.2.3.2.{index}", f"1.2.3.3.{index}"
        path = folder / f"{index}.dcm"
        found.save_as(path)
        yield path


@contextmanager
def _archive(folder: Path) -> Iterator[tuple[str, int, str]]:
    orthanc, plugin = program()
    port, dicom_port, password = _free_port(), _free_port(), secrets.token_urlsafe(12)
    folder.mkdir()
    config = {
        "StorageDirectory": str(folder), "IndexDirectory": str(folder), "HttpPort": port,
        "DicomPort": dicom_port, "DicomAet": "PACS", "RemoteAccessAllowed": False,
        "RegisteredUsers": {"bench": password}, "AuthenticationEnabled": True,
        "TcpNoDelay": True, "Plugins": [str(plugin)], "DicomWeb": {"Enable": True},
    }  # fmt: skip
    (folder / "orthanc.json").write_text(json.dumps(config))
    with (folder / "log").open("wb") as log:
        process = subprocess.Popen([orthanc, folder / "orthanc.json"], stdout=log, stderr=log)
    try:
        url = f"http://127.0.0.1:{port}"
        while True:
            try:
                requests.get(url, timeout=5)
                break
            except requests.ConnectionError:
                time.sleep(0.2)
        yield url, dicom_port, password
    finally:
        process.kill()
        process.wait()


def _site(folder: Path, url: str, password: str) -> Site:
    (folder / "credentials").write_text(f"bench:{password}")
    (folder / "credentials").chmod(0o600)
    peer = {"dicomweb": f"{url}/dicom-web", "orthanc": url}
    peer["credentials"] = str(folder / "credentials")
    about = {"folder": str(folder / "pacs"), "source": "one", "destination": "one"}
    (folder / "pacs.yaml").write_text(yaml.safe_dump(about | {"peers": {"one": peer}}))
    return load_site(folder / "pacs.yaml")


def _results(site: Site) -> None:
    """A table as scoring writes it, with a box on every second radiograph."""
    site.path("results").mkdir()
    box = {"x": 200.5, "y": 300.25, "width": 150.0, "height": 220.0, "confidence": 0.7}
    with site.path("results", "predictions.csv").open("w", newline="") as file:
        names = ["file", "content", "instance_uid", "duplicate_of", "status", "reason", "rows",
                 "columns", "probability", "boxes", "model", "model_version", "model_sha256",
                 "engine", "precision"]  # fmt: skip
        table = csv.writer(file)
        table.writerow(names)
        for number, path in enumerate(sorted(site.path("radiographs").glob("*.dcm"))):
            head = pydicom.dcmread(path, stop_before_pixels=True)
            boxes = json.dumps([box] if number % 2 else [])
            table.writerow(
                [path, sha256(path), head.SOPInstanceUID, "", "scored", "", head.Rows,
                 head.Columns, 0.5, boxes, "models:/bench/1", 1, "b" * 64, "openvino", "float32"]
            )  # fmt: skip


def _receiver(folder: Path, files: Sequence[Path], number: int) -> None:
    """Eight senders at once, of ``number`` files in all, and dcmtk's one."""
    port = _free_port()
    peer = {"ae_title": "A", "host": "127.0.0.1", "port": 1}
    about = {"folder": str(folder / "received"), "source": "a", "destination": "a",
             "peers": {"a": peer},
             "receiver": {"port": port, "callers": ["STORESCU", "SENDER"], "free_mb": 100,
                          "associations": SENDERS}}  # fmt: skip
    (folder / "receiver.yaml").write_text(yaml.safe_dump(about))
    pneumo = Path(sys.executable).with_name("pneumo")
    command = [pneumo, "pacs", "receive", "--peers", folder / "receiver.yaml"]
    process = subprocess.Popen(command, stderr=subprocess.PIPE, text=True)
    assert process.stderr
    process.stderr.readline()
    peak = [0]

    def watch() -> None:
        while process.poll() is None:
            peak[0] = max(peak[0], psutil.Process(process.pid).memory_info().rss)
            time.sleep(0.1)

    threading.Thread(target=watch, daemon=True).start()
    try:
        _timed("storescu to the receiver", len(files), lambda: _storescu(port, "PNEUMO", files))
        parts = _parts(files[0], number)
        _timed(f"receiver, {SENDERS} senders", number, lambda: _senders(port, parts))
        held = len(list((folder / "received" / "inbox").glob("*.dcm")))
        print(f"  {held} files of {len(files) + number}; {peak[0] / 2**20:.0f} MiB at most")
    finally:
        process.terminate()
        process.wait()


def _parts(source: Path, number: int) -> list[Path]:
    """A folder of files for each sender."""
    found = pydicom.dcmread(source)
    folders = [source.parent.parent / f"sender{which}" for which in range(SENDERS)]
    for which, folder in enumerate(folders):
        folder.mkdir()
        for index in range(which, number, SENDERS):
            uid = f"1.2.3.9.{index}"
            found.SOPInstanceUID = found.file_meta.MediaStorageSOPInstanceUID = uid
            found.save_as(folder / f"{index}.dcm")
    return folders


def _senders(port: int, folders: Sequence[Path]) -> None:
    """A process of dcmtk's sender for each folder, all at once."""
    with ThreadPoolExecutor(len(folders)) as pool:
        list(pool.map(lambda folder: _storescu(port, "PNEUMO", [folder / "any"]), folders))


def _storescu(port: int, title: str, files: Sequence[Path]) -> None:
    command = [STORESCU, "-xy", "-aec", title, "+sd", "127.0.0.1", str(port)]
    subprocess.run([*command, files[0].parent], check=True)


def _free_port() -> int:
    with socket.socket() as trial:
        trial.bind(("127.0.0.1", 0))
        return int(trial.getsockname()[1])


if __name__ == "__main__":
    main()
