"""Which engine runs an ensemble here."""

import os
from importlib.util import find_spec
from pathlib import Path
from typing import get_args

from pneumo.base.backends import installed
from pneumo.base.errors import PneumoError
from pneumo.base.gpus import list_gpus
from pneumo.base.words import EngineName
from pneumo.engines import cache
from pneumo.engines.engine import Engine
from pneumo.engines.known_answers import check_golden
from pneumo.engines.package import Package

NAMES = get_args(EngineName)


def open_engine(
    package: Package,
    name: str = "auto",
    *,
    batch_size: int = 16,
    precision: str = "float32",
    quantised: Path | None = None,
) -> Engine:
    """The engine ``name`` for a package, its golden pictures checked.

    ``auto`` is Keras on a GPU, on TensorFlow where it is installed, else on JAX; without a GPU it
    is OpenVINO. Keras computes in float32 whatever ``precision`` says. ``quantised`` is the folder
    of the graph that OpenVINO runs in int8. Raises PneumoError for an engine that is not installed,
    RegistryError for an ensemble that fails a check.
    """
    chosen = choose() if name == "auto" else name
    engine = _open(package, chosen, batch_size, precision, quantised)
    if engine.identity:
        cache.kept("checked", engine.identity, lambda aside: _check(package, engine, aside))
    else:
        check_golden(package, engine)
    return engine


def choose() -> str:
    """The engine that fits this machine."""
    backends = installed()
    return backends[0] if backends and list_gpus() else "openvino"


def is_installed(name: str) -> bool:
    """Whether this machine has what the engine ``name`` needs."""
    return name in NAMES and find_spec(name) is not None


def _check(package: Package, engine: Engine, aside: Path) -> None:
    """Check the golden pictures and leave the difference in the cache: 2 s of each start."""
    (aside / "difference").write_text(str(check_golden(package, engine)))


def _open(
    package: Package, name: str, batch_size: int, precision: str, quantised: Path | None
) -> Engine:
    if not is_installed(name):
        raise PneumoError(f"engine {name}: is not installed; install pneumo[{name}]")
    if name == "openvino" and precision == "mixed":
        from pneumo.engines.mixed import MixedEngine

        return MixedEngine(package, batch_size)
    if name == "openvino":
        from pneumo.engines.openvino import OpenVinoEngine

        return OpenVinoEngine(package, batch_size, precision, quantised)
    os.environ["KERAS_BACKEND"] = name
    from pneumo.engines.keras import KerasEngine

    return KerasEngine(package, batch_size)
