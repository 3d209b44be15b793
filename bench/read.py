"""How soon a radiograph is on the reading page: `make bench WHAT=read`, goals 1 s and 300 ms.

On radiographs of the demo, or those of ``--folder``; beside pydicom in this process, which guards
nothing. The time for the first one begins when the server has said its address.
"""

import argparse
import re
import signal
import statistics
import subprocess
import sys
import tempfile
import time
from pathlib import Path

import httpx
import pydicom
from pydicom.pixels import apply_voi_lut

PICTURES = 20
DEMO = Path("data/demo/stage_2_train_images")


def main() -> None:
    """Start a server, look at radiographs, print what each took."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--folder", type=Path, default=DEMO, help="Radiographs as DICOM files.")
    folder = parser.parse_args().folder
    if not any(folder.glob("*.dcm")):
        parser.error(f"{folder}: holds no radiographs; run `make demo` first, or name --folder")
    with tempfile.TemporaryDirectory() as labels:
        command = [sys.executable, "-c", "from pneumo.cli.app import main; main()", "read"]
        began = time.perf_counter()
        server = subprocess.Popen(
            [*command, str(folder), "--label", "--labels", labels, "--no-browser"],
            stdout=subprocess.PIPE,
            text=True,
        )
        assert server.stdout
        found = re.search(r"http://\S+/", server.stdout.readline())
        assert found, "the server does not start"
        print(f"until the server stands  {time.perf_counter() - began:8.3f} s")
        try:
            measure(found[0])
        finally:
            server.send_signal(signal.SIGINT)
            server.wait()
    files = sorted(folder.glob("*.dcm"))[:PICTURES]
    print(f"pydicom, median          {statistics.median(map(plain, files)):8.3f} s")


def measure(address: str) -> None:
    """The first radiograph, with the worklist; those that follow, asked a quarter second later."""
    with httpx.Client(base_url=address, timeout=60) as http:
        began = time.perf_counter()
        images = http.get("api/worklist").json()["images"][: PICTURES + 1]
        asked(http, images[0]["id"])
        print(f"first picture            {time.perf_counter() - began:8.3f} s")
        seconds = []
        for image in images[1:]:
            time.sleep(0.25)
            seconds.append(asked(http, image["id"]))
        print(f"next picture, median     {statistics.median(seconds):8.3f} s")
        print(f"next picture, slowest    {max(seconds):8.3f} s")


def asked(http: httpx.Client, name: str) -> float:
    """How long the pixels of one radiograph take."""
    began = time.perf_counter()
    http.get(f"api/images/{name}/pixels").raise_for_status()
    return time.perf_counter() - began


def plain(path: Path) -> float:
    """How long pydicom takes."""
    began = time.perf_counter()
    file = pydicom.dcmread(path)
    apply_voi_lut(file.pixel_array, file)
    return time.perf_counter() - began


if __name__ == "__main__":
    main()
