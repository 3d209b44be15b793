"""Radiographs scored per second, from file to boxes, in seven ways: ``make bench WHAT=score``.

Each way runs in a process of its own, between two measurements of the machine's matrix-product
rate, so that the floor of a busy machine is a busy machine's. On the RSNA-like files of
PNEUMO_SHARED where there are any, else on radiographs of the demo; on the networks of ``--package``
(a folder as it is registered), else on full networks with random weights, whose boxes mean nothing.
Files that the networks of ``--prepared`` were trained on are left out: who scores has others, and
``mixed`` is not as sure of them. With a package, it says first which precisions agree with float32
on the test radiographs of ``--prepared`` (without: on the files), and last what the default,
``auto``, takes, and how many times the seed's way that is.
"""

import argparse
import json
import math
import os
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable, Iterator
from itertools import cycle, islice
from pathlib import Path
from typing import Any

import numpy as np
import precisions
from inbox import sources
from rich.console import Console
from rich.table import Table

from pneumo.base.files import sha256, write_json
from pneumo.detection.ensemble import CELLS
from pneumo.dicom.process import usable_cores
from pneumo.engines.package import Package
from pneumo.engines.processor import multiplies_in_bfloat16, processor
from pneumo.prepared.format import load_prepared

BATCH = 8
WAYS = {
    "a": ("(a) the seed's way: imread, resize, 4 x predict of one, skimage", 16),
    "b": ("(b) Keras predict in batches of 16", 96),
    "c": ("(c) ours on TensorFlow", 96),
    "d": ("(d) ours on OpenVINO, float32", 512),
    "e": ("(e) ours on OpenVINO, bfloat16", 512),
    "f": ("(f) ours on OpenVINO, mixed: (d) where (e) is unsure", 512),
    "g": ("(g) ours on OpenVINO, int8", 512),
}
PRECISION = {"d": "float32", "e": "bfloat16", "f": "mixed", "g": "int8"}
FLOOR = PRECISION | {"f": "bfloat16"}
"""Way -> the precision of the matrix products that it is held against."""


def main() -> None:
    """Print the table, or as a child do one way and print its figures as JSON."""
    options = _options()
    if options.way:
        print("RESULT", json.dumps(_run(options)))
        return
    with tempfile.TemporaryDirectory() as folder:
        place = Path(folder)
        package = Package(options.package or random_package(place / "package", options.size_px))
        chosen = _agreement(package, options.prepared, place) if options.package else None
        trained = "as registered" if options.package else "random weights: speed only"
        found = {way: _child(way, package.folder, options) for way in _possible(options.ways)}
        _print(found, _gigaflop(package), trained, len(_unseen(place, options.prepared)))
        if chosen:
            _default(found, *chosen)


def _agreement(package: Package, prepared: Path | None, folder: Path) -> tuple[str, str]:
    """Print how the precisions agree; what the default takes, and why."""
    given = precisions.radiographs(package, prepared, folder)
    measured = precisions.compared(package, given)
    console = Console(file=sys.stdout, width=120)
    console.print(precisions.table(measured, known=prepared is not None))
    return precisions.default(package, measured, given, BATCH)


def _unseen(folder: Path, prepared: Path | None) -> list[Path]:
    """The radiographs that are scored: those that nothing was trained on, where that is known."""
    files = sources(folder)
    if prepared is None:
        return files
    index = load_prepared(prepared).index
    seen = set(index.loc[index["split"] == "train", "patientId"])
    unseen = [path for path in files if path.stem not in seen]
    return unseen or sys.exit(f"{prepared}: trained on each of the {len(files)} files")


def _default(found: dict[str, dict[str, Any]], precision: str, why: str) -> None:
    way = next(way for way, name in PRECISION.items() if name == precision)
    times = ""
    if {"a", way} <= found.keys():
        times = f"; {found[way]['rate'] / found['a']['rate']:.1f} times the seed's way"
    print(f"the default takes {precision}: {why}{times}")


def _possible(ways: str) -> list[str]:
    """The ways that this processor computes as they are called."""
    if multiplies_in_bfloat16():
        return list(ways)
    print("bfloat16 and mixed are left out: this processor does not multiply in bfloat16")
    return [way for way in ways if FLOOR.get(way) != "bfloat16"]


def _options() -> argparse.Namespace:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--package", type=Path, help="folder of a registered ensemble")
    parser.add_argument("--prepared", type=Path, help="its prepared data: what it is judged on")
    parser.add_argument("--size-px", type=int, default=128, help="of random networks")
    parser.add_argument("--ways", default="abcdefg")
    parser.add_argument("--files", type=int, default=0, help="files of (d) to (g), else 512")
    parser.add_argument("--way", help=argparse.SUPPRESS)
    return parser.parse_args()


def _child(way: str, package: Path, options: argparse.Namespace) -> dict[str, Any]:
    command = [sys.executable, __file__, "--way", way, "--package", str(package)]
    command += ["--files", str(options.files)]
    command += ["--prepared", str(options.prepared)] if options.prepared else []
    environment = {**os.environ, "TF_CPP_MIN_LOG_LEVEL": "3"}
    done = subprocess.run(command, env=environment, stdout=subprocess.PIPE, text=True, check=True)
    found = json.loads(done.stdout.rpartition("RESULT ")[2])
    print(way, found, file=sys.stderr)
    return found


def _run(options: argparse.Namespace) -> dict[str, Any]:
    """Files per second, CPU seconds a file, peak memory, and the machine's rate meanwhile."""
    way, (_, count) = options.way, WAYS[options.way]
    if way in PRECISION and options.files:
        count = options.files
    package = Package(options.package)
    with tempfile.TemporaryDirectory() as folder:
        files = list(islice(cycle(_unseen(Path(folder), options.prepared)), count))
        score = _prepared(way, package, options.prepared, Path(folder))
        score(files[:BATCH])
        before = product_rate(FLOOR.get(way, "float32"))
        began, before_it = time.perf_counter(), os.times()
        score(files)
        seconds = time.perf_counter() - began
        own, read = _cpu_seconds(before_it, os.times())
        after = product_rate(FLOOR.get(way, "float32"))
    status = Path("/proc/self/status").read_text()  # ru_maxrss has the parent's, from before exec
    peak = int(status.partition("VmHWM:")[2].split()[0]) / 2**10
    return {
        "rate": count / seconds, "cpu_s": (own + read) / count, "reading": read / (own + read),
        "peak_mib": peak, "gflops": (before + after) / 2,
    }  # fmt: skip


def _cpu_seconds(before: os.times_result, after: os.times_result) -> tuple[float, float]:
    """CPU seconds of this process, and of those below it that have ended: the readers."""
    spent = [late - early for early, late in zip(before, after, strict=True)]
    return spent[0] + spent[1], spent[2] + spent[3]


def _prepared(
    way: str, package: Package, prepared: Path | None, folder: Path
) -> Callable[[list[Path]], Any]:
    """The function that scores files in this way, everything loaded."""
    if way == "a":
        return seeds_way(package)
    if way == "b":
        return batched(package)
    from pneumo.engines.choose import open_engine

    name = "tensorflow" if way == "c" else "openvino"
    precision = PRECISION.get(way, "float32")
    quantised = precisions.quantised(package, prepared, folder) if precision == "int8" else None
    engine = open_engine(package, name, batch_size=BATCH, precision=precision, quantised=quantised)
    return lambda files: ours(package, engine, files, folder)


def seeds_way(package: Package) -> Callable[[list[Path]], Any]:
    """One image at a time, as the published ``inference.py`` does it."""
    import pydicom
    from skimage.measure import label, regionprops
    from skimage.transform import resize

    from pneumo.engines.keras import load

    networks = [(weight, load(package, name)) for name, weight in package.networks.items()]
    side = networks[0][1].input_shape[1]

    def score(files: list[Path]) -> None:
        for path in files:
            pixels = pydicom.dcmread(path).pixel_array
            small = resize(pixels, (side, side), preserve_range=True, anti_aliasing=True)
            batch = small[None, ..., None].astype(np.uint8)
            maps = [weight * net.predict(batch, verbose=0)[0, ..., 1] for weight, net in networks]
            regionprops(label(sum(maps) > package.ensemble.threshold))

    return score


def batched(package: Package) -> Callable[[list[Path]], Any]:
    """Our reader, then one ``predict`` of all pictures per network."""
    from pneumo.dicom.workers import read_squares
    from pneumo.engines.keras import load

    networks = [(weight, load(package, name)) for name, weight in package.networks.items()]

    def score(files: list[Path]) -> None:
        squares = list(read_squares(files, networks[0][1].input_shape[1]))
        pictures = np.stack([square.pixels for square in squares])[..., None]
        maps = [w * net.predict(pictures, batch_size=16, verbose=0) for w, net in networks]
        for square, found in zip(squares, sum(maps)[..., 1], strict=True):
            package.ensemble.boxes(found, square.frame)

    return score


def ours(package: Package, engine: Any, files: list[Path], folder: Path) -> None:
    """``pneumo score`` without its overlays and tables; copies of a file are scored again."""
    from pneumo.scoring.parts import Scorer, Store
    from pneumo.scoring.run import Work, score_parts

    paths = {f"{number:064d}": path for number, path in enumerate(files)}
    with tempfile.TemporaryDirectory(dir=folder) as out:
        scorer = Scorer("bench", 0, package.digest, engine.name, engine.precision, False)
        work = Work(Store(Path(out)), scorer, engine, package.ensemble, paths, "none")
        names = list(paths)
        parts = [names[n : n + 256] for n in range(0, len(names), 256)]
        score_parts(work, parts, 0, len(names))
        assert sum(len(part.rows()) for part in Store(Path(out)).parts()) == len(files)


def product_rate(precision: str) -> float:
    """Billions of operations a second in products of large matrices, on all cores."""
    from pneumo.engines import openvino as engine

    ov, side = engine.openvino, 2048
    op = ov.opset16
    x = op.parameter([side, side], ov.Type.f32)
    chance = np.random.default_rng(0)
    rounded = _rounded if precision == "int8" else lambda values, _: values
    y = x
    for _ in range(4):
        weights = chance.standard_normal((side, side), np.float32) / math.sqrt(side)
        y = op.matmul(rounded(y, 256), rounded(op.constant(weights), 255), False, False)
    options = {
        engine.hint.inference_precision: engine.PRECISIONS[precision],
        engine.properties.inference_num_threads: usable_cores(),
    }
    model = ov.Core().compile_model(ov.Model([op.result(y)], [x], "product"), "CPU", options)
    data = chance.standard_normal((side, side), np.float32)
    model([data])
    rounds, began = 0, time.perf_counter()
    while time.perf_counter() - began < 2:
        model([data])
        rounds += 1
    return rounds * 4 * 2 * side**3 / (time.perf_counter() - began) / 1e9


def _rounded(values: Any, levels: int) -> Any:
    """Values in 8 bits, as a quantised graph says it."""
    import openvino.opset16 as op

    low, high = np.float32(-4), np.float32(4 if levels == 255 else 4 * 127 / 128)
    ends = op.constant(low), op.constant(high)
    return op.fake_quantize(values, *ends, *ends, levels)


def random_package(folder: Path, size_px: int = 128, encoder: str = "full") -> Path:
    """The four networks, untrained."""
    code = """
import sys
from pathlib import Path
from pneumo.nets.archive import save_network
from pneumo.nets.build import MODELS, build
for name in MODELS:
    how = {"encoder": sys.argv[3], "encoder_weights": "none", "batch_norm_momentum": 0.9}
    network = build(name, int(sys.argv[2]), **how)
    save_network(network, Path(sys.argv[1]) / f"{name}.keras")
"""
    folder.mkdir()
    environment = {**os.environ, "KERAS_BACKEND": "numpy", "TF_CPP_MIN_LOG_LEVEL": "3"}
    subprocess.run(
        [sys.executable, "-c", code, str(folder), str(size_px), encoder],
        env=environment,
        check=True,
    )
    names = [path.stem for path in sorted(folder.glob("*.keras"))]
    settings = {"threshold": 0.8, "gate": 0.0, "minimum_area_px": 0.0, "cells": CELLS}
    settings |= {"shrink_x": 0.0, "shrink_y": 0.0, "weights": dict.fromkeys(names, 0.25)}
    write_json(folder / "ensemble.json", settings)
    write_json(folder / "manifest.json", {p.name: sha256(p) for p in sorted(folder.iterdir())})
    return folder


def _gigaflop(package: Package) -> float:
    """Operations of all convolutions for one picture, in billions."""
    from pneumo.engines.graphs import graph
    from pneumo.engines.openvino import openvino

    model = openvino.Core().read_model(graph(package))
    model.reshape([1, *([precisions.size_of(package)] * 2)])
    return sum(map(_operations, _convolutions(model))) / 1e9


def _convolutions(model: Any) -> Iterator[Any]:
    return (node for node in model.get_ops() if node.get_type_name() == "Convolution")


def _operations(node: Any) -> float:
    _, inputs, rows, columns = node.input_value(1).shape
    return 2.0 * math.prod(node.output(0).shape) * inputs * rows * columns


def _print(found: dict[str, dict[str, Any]], gigaflop: float, trained: str, files: int) -> None:
    table = Table("", "images/s", "of (a)", "floor", "of floor", "CPU s", "reading", "peak MiB")
    first = found.get("a", {}).get("rate", math.nan)
    for way, figures in found.items():
        floor = figures["gflops"] / gigaflop
        rate, cpu, peak = figures["rate"], figures["cpu_s"], figures["peak_mib"]
        cells = f"{rate:.2f}", f"{rate / first:.1f} x", f"{floor:.1f}", f"{rate / floor:.0%}"
        reading = f"{figures['reading']:.1%}" if way > "a" else "not apart"
        table.add_row(WAYS[way][0], *cells, f"{cpu:.3f}", reading, f"{peak:.0f}")
    console = Console(file=sys.stdout, width=120)
    console.print(table)
    console.print(
        f"{machine()}; {files} distinct "
        f"files; networks: {trained}; {gigaflop:.1f} GFLOP a picture; floor: that over the rate of "
        "matrix products just before and after."
    )


def machine() -> str:
    """The processor, how many of its cores are used, and the load."""
    return f"{processor()}, {usable_cores()} cores, load {os.getloadavg()[0]:.1f}"


if __name__ == "__main__":
    main()
