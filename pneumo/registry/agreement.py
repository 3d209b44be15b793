"""Whether a faster precision calls what float32 calls, on the processor at hand.

The reference is what the evaluation called, where the pipeline that trained the networks is at
hand; else OpenVINO in float32, which answers the golden pictures as Keras did.
"""

import time
from collections.abc import Callable, Mapping, Sequence
from pathlib import Path
from typing import Any

import numpy as np

from pneumo.base.errors import RegistryError
from pneumo.dataset.rsna import mean_average_precision
from pneumo.detection.boxes import Box, Frame
from pneumo.detection.ensemble import SAME
from pneumo.detection.matching import hits_of
from pneumo.engines.choose import open_engine
from pneumo.engines.engine import Engine
from pneumo.engines.int8 import RULE as QUANTISING
from pneumo.engines.mixed import RULE, speed_of_mixed, unsure_of
from pneumo.engines.package import Package
from pneumo.engines.processor import processor, why_not_in
from pneumo.registry import precisions
from pneumo.registry.precisions import AGAIN, EXACT, FASTER, INT8, MIXED, QUICK, RATE

Calls = Mapping[str, Sequence[Box]]
"""ID -> boxes, in original pixels."""


def measure(
    package: Path,
    pictures: np.ndarray,
    truth: Calls,
    frames: Sequence[Frame],
    asked: Sequence[str] = FASTER,
    batch_size: int = 16,
    quantise: Callable[[], Path] | None = None,
    exact: Calls | None = None,
) -> dict[str, dict[str, Any]]:
    """Compare OpenVINO in the precisions ``asked`` with float32, on the test radiographs.

    ``package`` is the folder of a registered ensemble; ``pictures`` is uint8
    ``(n, size_px, size_px)``; ``truth`` (ID -> boxes in original pixels) and ``frames`` are in the
    order of the pictures; ``quantise`` gives the folder of the graph in int8, without which that is
    passed over; ``exact`` is what float32 calls, where that is known, and spares its computing.
    Returns per precision the name of this ``processor``, ``map`` and ``boxes``, and of those that
    are compared ``matched`` (share of boxes), ``map_difference`` and ``passed``; ``pictures_s`` is
    how many pictures a second it took, in passing; ``refused`` says why one cannot be used, as
    where it fails the golden pictures, or where the processor does not multiply in bfloat16.
    What fails in float32 is not tried in another precision. What says nothing of the precision is
    raised: PneumoError where the cache has no room, or where a graph must be quantised and nothing
    that does is installed; ServiceError.
    bfloat16 and ``mixed`` are compared together: the latter follows from bfloat16 and float32
    without computing, and ``float32_share`` of the pictures are answered by float32.
    """
    checked = Package(package)
    found: dict[str, dict[str, Any]] = {}
    reference = exact
    order = [QUICK] if {QUICK, MIXED} & {*asked} else []
    order += [INT8] if INT8 in asked and quantise else []
    if QUICK in order and (reason := why_not_in(QUICK)):
        order.remove(QUICK)
        found[QUICK] = {"passed": False, "refused": reason}
    if order and exact is None:
        order.insert(0, EXACT)
    for precision in order:
        if "refused" in found.get(EXACT, {}):
            found[precision] = found[EXACT]
            continue
        try:
            graph = quantise() if quantise and precision == INT8 else None
            engine = open_engine(
                checked, "openvino", batch_size=batch_size, precision=precision, quantised=graph
            )
            began = time.perf_counter()
            calls, unsure = find(engine, checked, pictures, truth, frames)
        except RegistryError as error:
            found[precision] = {"passed": False, "refused": str(error)}
            continue
        rate = len(frames) / (time.perf_counter() - began)
        reference = reference or calls
        found[precision] = {**compare(truth, reference, calls), RATE: round(rate, 1)}
        if precision == QUICK:
            found[MIXED] = _mixed(truth, reference, calls, unsure)
    if "refused" in found.get(QUICK, {}):
        found[MIXED] = found[QUICK]
    elif {EXACT, QUICK} <= found.keys():
        rates = found[QUICK][RATE], found[EXACT][RATE], found[MIXED][AGAIN]
        found[MIXED][RATE] = round(speed_of_mixed(*rates), 1)
    if INT8 in found:
        found[INT8] = {**found[INT8], "rule": QUANTISING}
    for known in ("matched", "map_difference", "passed"):
        found.get(EXACT, {}).pop(known, None)  # it is what the others are compared with
    here = processor()
    return {precision: {**figures, "processor": here} for precision, figures in found.items()}


def find(
    engine: Engine,
    package: Package,
    pictures: np.ndarray,
    truth: Calls,
    frames: Sequence[Frame],
) -> tuple[dict[str, list[Box]], list[str]]:
    """ID -> the boxes that an engine leads to; the IDs of which bfloat16, if it is, is unsure."""
    size, called = engine.batch_size, package.ensemble
    parts = [slice(first, first + size) for first in range(0, len(frames), size)]
    boxes: list[list[Box]] = []
    doubts: list[bool] = []
    for part, (maps, _) in engine.stream((part, pictures[part]) for part in parts):
        boxes += [called.boxes(*both) for both in zip(maps, frames[part], strict=True)]
        if engine.precision == QUICK:
            doubts += unsure_of(called, maps, pictures[part])
    names = list(truth)
    return dict(zip(names, boxes, strict=True)), [
        n for n, doubt in zip(names, doubts, strict=False) if doubt
    ]


def _mixed(truth: Calls, exact: Calls, quick: Calls, unsure: Sequence[str]) -> dict[str, Any]:
    """``compare`` of bfloat16 that leaves to float32 what it is unsure of."""
    calls = {**quick, **{name: exact[name] for name in unsure}}
    share = round(len(unsure) / len(quick), 4)
    return {**compare(truth, exact, calls), AGAIN: share, "rule": RULE}


def compare(truth: Calls, reference: Calls, found: Calls) -> dict[str, Any]:
    """How ``found`` agrees with ``reference``: see ``measure``."""
    names = list(reference)
    pairs = same_boxes([reference[name] for name in names], [found[name] for name in names])
    total = sum(max(len(boxes), len(found[name])) for name, boxes in reference.items())
    matched = pairs / total if total else 1.0
    scores = [mean_average_precision(truth, boxes) for boxes in (reference, found)]
    difference = abs(scores[1] - scores[0])
    agrees = matched >= precisions.LEAST_SHARE and difference <= precisions.LARGEST_DIFFERENCE
    return {
        "matched": round(matched, 6),
        "boxes": total,
        "map": round(scores[1], 6),
        "map_difference": round(difference, 6),
        "passed": total > 0 and agrees,
    }


def same_boxes(reference: Sequence[Sequence[Box]], found: Sequence[Sequence[Box]]) -> int:
    """How many boxes, of all radiographs, have one of their own with an IoU above ``SAME``."""
    return int(sum(hit.sum() for hit in hits_of(found, reference, SAME)))
