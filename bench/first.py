"""Seconds from the start of ``pneumo score`` to its first result: ``make bench-first``.

One radiograph, and the champion of a real MLflow server: four full networks with random weights,
or ``--package``. The first run fetches and converts; the others are new processes with new folders
of results.
"""

import argparse
import os
import socket
import statistics
import subprocess
import sys
import tempfile
import time
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from pathlib import Path

import httpx
import yaml
from inbox import ROOT, sources
from scoring import machine, random_package

PROGRAMS = Path(sys.executable).parent
GOAL_S = 8


def main() -> None:
    """Start the server, register the package, score; print the table."""
    options = argparse.ArgumentParser(description=__doc__)
    options.add_argument("--package", type=Path, help="folder of a registered ensemble")
    options.add_argument("--runs", type=int, default=5)
    options.add_argument("--cache", type=Path, help="where the engine is kept, else nowhere")
    options.add_argument("--program", default=str(PROGRAMS / "pneumo"), help="another checkout's")
    chosen = options.parse_args()
    with tempfile.TemporaryDirectory() as name:
        folder = Path(name)
        package = chosen.package or random_package(folder / "package")
        with mlflow_server(folder / "server") as url:
            cache = chosen.cache or folder / "cache"
            os.environ |= {"MLFLOW_TRACKING_URI": url, "XDG_CACHE_HOME": str(cache.resolve())}
            register(package)
            write_settings(folder)
            file = sources(folder)[0]
            cold = run(chosen.program, folder, file, 0)
            print(f"the first of all: first result after {cold[0]:.1f} s", flush=True)
            warm = [run(chosen.program, folder, file, n) for n in range(1, chosen.runs + 1)]
    first, whole, cpu = (sorted(column) for column in zip(*warm, strict=True))
    print(
        f"cached: first result after {first[0]:.1f} / {statistics.median(first):.1f} / "
        f"{first[-1]:.1f} s (goal {GOAL_S}), end after {statistics.median(whole):.1f} s, "
        f"{statistics.median(cpu):.1f} s of CPU; fastest, median and slowest of {len(warm)} runs; "
        f"{machine()}"
    )


@contextmanager
def mlflow_server(home: Path) -> Iterator[str]:
    """A server of MLflow on a free port; its address."""
    home.mkdir(parents=True)
    with socket.socket() as listener:
        listener.bind(("127.0.0.1", 0))
        port = listener.getsockname()[1]
    command = [PROGRAMS / "mlflow", "server", "--host", "127.0.0.1", "--port", str(port)]
    command += ["--backend-store-uri", f"sqlite:///{home}/mlflow.db", "--workers", "1"]
    command += ["--serve-artifacts", "--artifacts-destination", str(home / "artifacts")]
    environment = os.environ | {"MLFLOW_SERVER_ENABLE_JOB_EXECUTION": "false"}
    with (home / "log").open("w") as log:
        server = subprocess.Popen(
            command, env=environment, stdout=log, stderr=log, start_new_session=True
        )
    try:
        while not answers(f"http://127.0.0.1:{port}/health"):
            if server.poll() is not None:
                raise SystemExit((home / "log").read_text())
            time.sleep(0.3)
        yield f"http://127.0.0.1:{port}"
    finally:
        os.killpg(server.pid, 15)
        server.wait()


def answers(url: str) -> bool:
    """Whether a server is there."""
    with suppress(httpx.TransportError):
        return httpx.get(url, trust_env=False).is_success
    return False


def register(package: Path) -> None:
    """Make a package's files the champion."""
    from pneumo.registry import store
    from pneumo.registry.register import register_ensemble
    from pneumo.tracking.runs import start_run

    os.environ["MLFLOW_HTTP_REQUEST_TIMEOUT"] = "120"
    server = store.connect()
    files = {path.name: path for path in package.iterdir() if path.name != "manifest.json"}
    version = register_ensemble(server, files, {}, start_run(server, "ensemble", {}, {}))
    store.move_alias(server, store.CHAMPION, version.version)


def write_settings(folder: Path) -> None:
    """``params.yaml`` as the demo has it."""
    settings = yaml.safe_load((ROOT / "recipes/demo.yaml").read_text())
    (folder / "params.yaml").write_text(yaml.safe_dump(settings))


def run(program: str, folder: Path, file: Path, number: int) -> tuple[float, float, float]:
    """Seconds to the first finished part on disk, to the end, and CPU seconds of all processes."""
    out, before, began = folder / f"results{number}", os.times(), time.perf_counter()
    process = subprocess.Popen(
        [program, "score", str(file), out.name], cwd=folder, stdout=subprocess.DEVNULL
    )
    first = None
    while process.poll() is None:
        if first is None and any(out.glob("shards/*/*/part.json")):
            first = time.perf_counter() - began
        time.sleep(0.02)
    whole, after = time.perf_counter() - began, os.times()
    if process.returncode or not (out / "summary.json").exists():
        raise SystemExit(f"pneumo score ended with {process.returncode}")
    used = after.children_user + after.children_system - before.children_user
    return first or whole, whole, used - before.children_system


if __name__ == "__main__":
    main()
