"""MLflow servers for tests: a real one to stop and start, and one that never answers."""

import os
import signal
import socket
import subprocess
import sys
import threading
import time
import urllib.request
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path


def until(condition: Callable[[], object]) -> None:
    """Wait for what another thread or process does."""
    for _ in range(900):
        if condition():
            return
        time.sleep(0.2)
    raise AssertionError("it never came")


@contextmanager
def black_hole() -> Iterator[tuple[str, threading.Event]]:
    """A server that takes every connection and never answers; gives its address and an event."""
    reached, ended, taken = threading.Event(), threading.Event(), []
    with socket.create_server(("127.0.0.1", 0)) as listener:
        listener.settimeout(0.1)

        def accept():
            while not ended.is_set():
                try:
                    taken.append(listener.accept()[0])
                except TimeoutError:
                    continue
                reached.set()

        thread = threading.Thread(target=accept)
        thread.start()
        try:
            yield f"http://127.0.0.1:{listener.getsockname()[1]}", reached
        finally:
            ended.set()
            thread.join()
            for connection in taken:
                connection.close()


def free_port() -> int:
    with socket.socket() as listener:
        listener.bind(("127.0.0.1", 0))
        return listener.getsockname()[1]


class Server:
    """A real MLflow server on one port and one folder, to be stopped and started."""

    def __init__(self, folder: Path) -> None:
        self.port, self._folder = free_port(), folder
        self.address = f"http://127.0.0.1:{self.port}"

    def start(self) -> None:
        program = Path(sys.executable).with_name("mlflow")
        flags = f"--host=127.0.0.1 --port={self.port} --workers=1 --serve-artifacts"
        places = [f"--backend-store-uri=sqlite:///{self._folder}/mlflow.db"]
        places += [f"--artifacts-destination={self._folder}/artifacts"]
        self._process = subprocess.Popen(
            [program, "server", *flags.split(), *places],
            env=os.environ | {"MLFLOW_SERVER_ENABLE_JOB_EXECUTION": "false"},
            cwd=self._folder,
            start_new_session=True,
            stdout=subprocess.DEVNULL,
            stderr=subprocess.DEVNULL,
        )
        until = time.monotonic() + 240
        while time.monotonic() < until and self._process.poll() is None:
            try:
                urllib.request.urlopen(f"{self.address}/health", timeout=5).close()
                return
            except OSError:
                time.sleep(0.3)
        raise AssertionError("MLflow did not start")

    def stop(self) -> None:
        os.killpg(self._process.pid, signal.SIGKILL)
        self._process.wait()
