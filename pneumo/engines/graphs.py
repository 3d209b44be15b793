"""The graph of an ensemble for OpenVINO, made once by a process of its own and kept."""

import errno
import os
import shutil
import subprocess
import sys
from importlib.metadata import version
from pathlib import Path

from pneumo.base.code import code_sum
from pneumo.base.errors import PneumoError, RegistryError
from pneumo.base.files import sha256_of
from pneumo.engines import cache, convert
from pneumo.engines.package import Package

GRAPH = "ensemble.xml"


def graph(package: Package) -> Path:
    """The ``.xml`` file of the package's graph, from the cache.

    RegistryError where it cannot be converted, PneumoError where something ended the conversion.
    """
    package.file("ensemble.json")
    libraries = [version("openvino"), version("keras")]
    key = sha256_of([package.digest, libraries, code_sum(convert.__name__)])
    return cache.kept("graphs", key, lambda aside: _convert(package, aside)) / GRAPH


def _convert(package: Package, aside: Path) -> None:
    """Run the conversion in a process of its own, on files that were looked at before."""
    size = sum(package.network(name).stat().st_size for name in package.networks)
    print(f"{package.where}: converting for OpenVINO, once", file=sys.stderr, flush=True)
    arguments = [package.folder, package.where, package.digest, aside / GRAPH]
    done = subprocess.run(
        [sys.executable, "-P", "-m", convert.__name__, *map(str, arguments)],
        env={**os.environ, "KERAS_BACKEND": "openvino"},
        capture_output=True,
        text=True,
    )
    if done.returncode and shutil.disk_usage(aside).free < size:  # OpenVINO does not say so
        raise OSError(errno.ENOSPC, os.strerror(errno.ENOSPC), str(aside))
    if done.returncode < 0:
        raise PneumoError(
            f"{package.where}: signal {-done.returncode} ended the conversion, as where memory is "
            "short; try again"
        )
    if done.returncode:
        last = (done.stderr.strip().splitlines() or [f"status {done.returncode}"])[-1]
        raise RegistryError(
            last if done.returncode == RegistryError.exit_code else f"{package.where}: {last}"
        )
