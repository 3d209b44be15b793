"""The receiver: what is sent is there whole, whoever else calls, and no room is said."""

import os
import random
import socket
import subprocess
import sys
import time
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from xml.etree import ElementTree

import psutil
import pydicom
import pytest
from pydicom.encaps import encapsulate
from pydicom.uid import ComputedRadiographyImageStorage, CTImageStorage, JPEGBaseline8Bit
from pynetdicom import AE

from pneumo.base.errors import PneumoError
from pneumo.dicom.identity import data_set_sum
from pneumo.pacs.fetch import fetch
from pneumo.pacs.receive import receive
from tests.pacs.archive import free_port

pytestmark = pytest.mark.slow

PNEUMO = Path(sys.executable).with_name("pneumo")
SENDERS, FILES = 8, 25
STORESCU = "/usr/bin/storescu"
"""dcmtk's; pynetdicom installs another program of that name beside Python."""


@pytest.fixture
def started(workspace):
    """A receiver in a process of its own; more settings of it may be given."""
    processes = []

    def start(**more):
        port = free_port()
        peer = {"ae_title": "A", "host": "127.0.0.1", "port": 1}
        about = {"callers": ["SENDER"], "port": port, "free_mb": 1, "timeout_s": 5.0, **more}
        workspace.write(
            {"folder": str(workspace.folder / "pacs"), "source": "a", "destination": "a",
             "peers": {"a": peer}, "receiver": about}
        )  # fmt: skip
        command = [PNEUMO, "pacs", "receive", "--peers", workspace.folder / "pacs.yaml"]
        process = subprocess.Popen(command, stderr=subprocess.PIPE, text=True)
        processes.append(process)
        assert process.stderr.readline() == f"PNEUMO listens on 127.0.0.1:{port}\n"
        return port, process

    yield start
    for process in processes:
        process.kill()
        process.communicate()


def sender(port, *, title="SENDER", called="PNEUMO", context=ComputedRadiographyImageStorage):
    ae = AE(title)
    ae.acse_timeout = ae.dimse_timeout = ae.network_timeout = 30
    ae.add_requested_context(context, JPEGBaseline8Bit)
    return ae.associate("127.0.0.1", port, ae_title=called)


def copies(source: Path, folder: Path, number: int) -> list[Path]:
    found = pydicom.dcmread(source)
    paths = []
    for index in range(number):
        found.SOPInstanceUID = f"1.2.3.{index}"
        found.file_meta.MediaStorageSOPInstanceUID = found.SOPInstanceUID
        paths.append(folder / f"{index}.dcm")
        found.save_as(paths[-1])
    return paths


def test_eight_senders_at_once_lose_nothing(started, workspace, radiographs, tmp_path):
    port, process = started()
    files = copies(radiographs[0], tmp_path, SENDERS * FILES)

    def send(part: list[Path]) -> int:
        """Exit code of another library's sender, 0 when each file was acknowledged."""
        command = [STORESCU, "-xy", "-aet", "SENDER", "-aec", "PNEUMO", "127.0.0.1", str(port)]
        return subprocess.run([*command, *part]).returncode

    with ThreadPoolExecutor(SENDERS) as pool:
        answers = list(pool.map(send, [files[n::SENDERS] for n in range(SENDERS)]))
    assert answers == [0] * SENDERS
    inbox = workspace.site.path("inbox")
    assert {data_set_sum(p) for p in inbox.iterdir()} == {data_set_sum(p) for p in files}
    assert len(list(inbox.iterdir())) == len(files)
    assert send(files[:3]) == 0  # the same again adds nothing
    assert len(list(inbox.iterdir())) == len(files)
    assert fetch(workspace.site)["inbox"] == len(files)
    process.terminate()
    assert process.wait(20) == 0
    lines = workspace.site.path("audit/audit.log").read_text().splitlines()
    events = [ElementTree.fromstring(line).find("EventIdentification") for line in lines]
    codes = [event.find("EventID").get("csd-code") for event in events]
    assert codes[0] == codes[-1] == "110100"
    assert codes.count("110104") == SENDERS + 1
    assert not any("Patient" in line for line in lines)


@pytest.mark.parametrize("words", [{"title": "STRANGER"}, {"called": "OTHER"}])
def test_others_than_known_callers_are_turned_away(started, workspace, words):
    port, _ = started()
    assert sender(port, **words).is_rejected
    deadline = time.monotonic() + 10
    log = workspace.site.path("audit/audit.log")
    while "110126" not in log.read_text() and time.monotonic() < deadline:
        time.sleep(0.1)
    assert "110126" in log.read_text()


def test_nobody_sends_what_is_no_radiograph(started):
    port, _ = started()
    assert not sender(port, context=CTImageStorage).is_established


def test_without_room_it_says_so_and_keeps_nothing(started, workspace, radiographs):
    port, _ = started(free_mb=2**30)
    association = sender(port)
    assert association.send_c_store(radiographs[0]).Status == 0xA700
    association.release()
    assert list(workspace.site.path("inbox").iterdir()) == []


def test_a_disk_that_fills_up_while_writing_is_said_to_be_full(started, workspace, radiographs):
    inbox = workspace.folder / "pacs" / "inbox"
    inbox.mkdir(parents=True)
    mount = ["mount", "-t", "tmpfs", "-o", "size=60k", "tmpfs", str(inbox)]
    if os.getuid() or subprocess.run(mount, capture_output=True).returncode:
        pytest.skip("only root may mount a small file system")
    try:
        port, _ = started(free_mb=0)
        association = sender(port)
        assert association.send_c_store(radiographs[0]).Status == 0xA700
        assert list(inbox.iterdir()) == []
        subprocess.run(["mount", "-o", "remount,size=9M", str(inbox)], check=True)
        assert association.send_c_store(radiographs[0]).Status == 0x0000
        association.release()
        assert len(list(inbox.iterdir())) == 1
    finally:
        subprocess.run(["umount", str(inbox)], check=True)


def test_at_most_so_many_associations_are_open(started):
    port, _ = started(associations=2)
    held = [sender(port) for _ in range(3)]
    assert [one.is_established for one in held] == [True, True, False]
    held[0].release()
    time.sleep(1)
    again = sender(port)
    assert again.is_established
    for one in (held[1], again):
        one.release()


def test_garbage_neither_kills_nor_fills_it(started, workspace, radiographs):
    port, process = started(associations=4)
    chance = random.Random(1)
    threads = psutil.Process(process.pid).num_threads()
    for number in range(1000):
        with socket.socket() as caller:
            caller.settimeout(5)
            try:
                caller.connect(("127.0.0.1", port))
                kind = number % 4
                if kind == 0:
                    caller.sendall(chance.randbytes(chance.randrange(1, 400)))
                elif kind == 1:  # an association request of four gigabytes
                    caller.sendall(b"\x01\x00\xff\xff\xff\xf0" + chance.randbytes(64))
                elif kind == 2:
                    caller.sendall(b"GET / HTTP/1.1\r\n\r\n")
            except OSError:
                pass  # it is turned away
    deadline = time.monotonic() + 40
    association = sender(port)
    while not association.is_established and time.monotonic() < deadline:
        time.sleep(1)
        association = sender(port)
    assert association.send_c_store(radiographs[0]).Status == 0x0000
    association.release()
    assert process.poll() is None
    assert psutil.Process(process.pid).memory_info().rss < 400 * 2**20
    while psutil.Process(process.pid).num_threads() > threads + 2 and time.monotonic() < deadline:
        time.sleep(0.5)
    assert psutil.Process(process.pid).num_threads() <= threads + 2
    assert len(list(workspace.site.path("inbox").iterdir())) == 1


def test_a_stranger_that_announces_gigabytes_is_cut_off(started):
    port, process = started()
    before = psutil.Process(process.pid).memory_info().rss
    sent = 0
    with socket.create_connection(("127.0.0.1", port), timeout=5) as caller:
        try:
            caller.sendall(b"\x01\x00\xff\xff\xff\xf0")
            while sent < 256 * 2**20:
                caller.sendall(bytes(2**20))
                sent += 2**20
        except OSError:
            pass
    assert sent < 64 * 2**20
    assert psutil.Process(process.pid).memory_info().rss < before + 32 * 2**20


def test_a_caller_that_sends_without_end_is_cut_off(started):
    port, process = started()
    before = psutil.Process(process.pid).memory_info().rss
    association = sender(port)
    endless = pydicom.Dataset()
    endless.SOPClassUID, endless.SOPInstanceUID = ComputedRadiographyImageStorage, "1.2.3"
    endless.BitsAllocated = 8
    endless.file_meta = pydicom.dataset.FileMetaDataset()
    endless.file_meta.TransferSyntaxUID = association.accepted_contexts[0].transfer_syntax[0]
    endless.PixelData = encapsulate([bytes(200 * 2**20)])
    assert "Status" not in association.send_c_store(endless)
    assert psutil.Process(process.pid).memory_info().rss < before + 150 * 2**20


def test_a_second_receiver_takes_nothing_from_the_first(started, workspace):
    started()
    coming = workspace.site.path("inbox", ".1.2.3.dcm.1.part")
    coming.write_bytes(b"half")
    command = [PNEUMO, "pacs", "receive", "--peers", workspace.folder / "pacs.yaml"]
    second = subprocess.run(command, capture_output=True, text=True, timeout=60)
    assert second.returncode == 2
    assert "cannot be listened on" in second.stderr
    assert coming.read_bytes() == b"half"


def test_it_is_off_unless_the_file_says_otherwise(workspace, archive):
    with pytest.raises(PneumoError, match="no `receiver`"):
        receive(workspace.knows(archive).site)
    about = workspace.site.model_dump()
    workspace.write(about | {"receiver": {"callers": ["A"]}})
    assert workspace.site.receiver.host == "127.0.0.1"
