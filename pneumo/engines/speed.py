"""How fast this machine computes an ensemble in each precision: measured once, and kept."""

import json
import time
from collections.abc import Sequence
from pathlib import Path

import numpy as np

from pneumo.base.code import code_sum
from pneumo.base.errors import RegistryError
from pneumo.base.files import sha256_of, write_json
from pneumo.dicom.process import usable_cores
from pneumo.engines import cache
from pneumo.engines.choose import open_engine
from pneumo.engines.engine import Engine
from pneumo.engines.graphs import graph
from pneumo.engines.package import Package
from pneumo.engines.processor import processor

RATES = "rates.json"
ROUNDS, PICTURES = 2, 16
"""Each precision is timed in turn, so that another program's load falls on all; the best counts."""


def rates(
    package: Package, precisions: Sequence[str], batch_size: int, quantised: Path | None = None
) -> dict[str, float]:
    """Precision -> pictures per second with OpenVINO here; what fails its golden pictures is out.

    Measured once per graph, precisions, batch size and processor, and then from the cache.
    ``quantised`` is the folder of the graph in int8. Raises RegistryError when the first of
    ``precisions`` fails, with which the others are compared.
    """
    graphs = [graph(package).parent.name, quantised.name if quantised else ""]
    facts = [*graphs, list(precisions), batch_size, processor(), usable_cores(), code_sum(__name__)]

    def make(aside: Path) -> None:
        write_json(aside / RATES, _measured(package, precisions, batch_size, quantised))

    found = cache.kept("rates", sha256_of(facts), make) / RATES
    return dict(json.loads(found.read_text(encoding="utf-8")))


def _measured(
    package: Package, precisions: Sequence[str], batch_size: int, quantised: Path | None
) -> dict[str, float]:
    best: dict[str, float] = {}
    faults = {}
    for _ in range(ROUNDS):
        for precision in precisions:
            try:
                engine = open_engine(  # one at a time: several would not fit a small memory
                    package, "openvino", batch_size=batch_size, precision=precision,
                    quantised=quantised if precision == "int8" else None,
                )  # fmt: skip
            except RegistryError as error:
                faults[precision] = error
                continue
            best[precision] = max(best.get(precision, 0.0), _rate(engine))
    if precisions[0] not in best:
        raise faults[precisions[0]]
    return {precision: round(rate, 3) for precision, rate in best.items()}


def _rate(engine: Engine) -> float:
    shape = PICTURES, engine.size_px, engine.size_px
    pictures = np.random.default_rng(0).integers(0, 256, shape, np.uint8)
    engine.answers(pictures[:1])  # the first is slower
    size = engine.batch_size
    began = time.perf_counter()
    for _ in engine.stream((n, pictures[n : n + size]) for n in range(0, PICTURES, size)):
        pass
    return PICTURES / (time.perf_counter() - began)
