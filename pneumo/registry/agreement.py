"""Whether a faster precision calls what float32 calls: measured at the promotion.

The reference is what the evaluation called, where the pipeline that trained the networks is at
hand; else OpenVINO in float32, which answers the golden pictures as Keras did. What comes out
stands as JSON in the version's tag ``pneumo.agreement``, and scoring takes a precision only when
``why_not`` has no reason against it.
"""

import time
from collections.abc import Callable, Mapping, Sequence
from pathlib import Path
from typing import Any

import numpy as np

from pneumo.base.errors import PneumoError
from pneumo.dataset.rsna import mean_average_precision
from pneumo.detection.boxes import Box, Frame
from pneumo.detection.ensemble import SAME
from pneumo.detection.matching import hits_of
from pneumo.engines.choose import open_engine
from pneumo.engines.engine import Engine
from pneumo.engines.mixed import RULE, speed_of_mixed, unsure_of
from pneumo.engines.openvino import processor
from pneumo.engines.package import Package

TAG = "pneumo.agreement"
RATE, AGAIN = "pictures_s", "float32_share"
EXACT, QUICK, MIXED, INT8 = "float32", "bfloat16", "mixed", "int8"
FASTER = (QUICK, MIXED, INT8)
Calls = Mapping[str, Sequence[Box]]
"""ID -> boxes, in original pixels."""

LEAST_SHARE, LARGEST_DIFFERENCE = 0.99, 0.002
"""Boxes that must be matched at an IoU above ``SAME``; how far mAP may be from the reference's."""


def wanted(precision: str) -> tuple[str, ...]:
    """What a promotion compares with float32 for ``score.precision``.

    ``auto`` is what takes little of its time; quantising takes longer than all the rest.
    """
    if precision == "auto":
        return (QUICK, MIXED)
    return () if precision == "float32" else (precision,)


def why_not(measured: Mapping[str, Any], precision: str, here: str) -> str:
    """Why scoring does not take ``precision``, as what follows its name; blank: it agreed.

    ``here`` is the name of this processor: what another computes may differ.
    """
    found = measured.get(precision)
    if found is None:
        return "was not compared"
    if found.get("passed") is True:
        return _outdated(found, precision, here)
    if "refused" in found:
        return f"cannot be used: {found['refused']}"
    if found.get("boxes") == 0:
        return "was compared where nothing is called"
    if not {"matched", "boxes", "map_difference"} <= found.keys():
        return "was not compared"
    return (
        f"matches {found['matched']:.1%} of {found['boxes']} boxes ({LEAST_SHARE:.0%} are needed), "
        f"and its mAP differs by {found['map_difference']:.4f} ({LARGEST_DIFFERENCE} is allowed)"
    )


def is_known(measured: Mapping[str, Any], precision: str, here: str) -> bool:
    """Whether ``precision`` was compared on the processor ``here``, by the rule of today."""
    return precision in measured and not _outdated(measured[precision], precision, here)


def _outdated(found: Mapping[str, Any], precision: str, here: str) -> str:
    """Why these figures no longer count ``here``, as ``why_not`` says it; blank: they do."""
    if found.get("processor") != here:
        there = found.get("processor", "a processor that was not recorded")
        return f"was compared on {there}, not on {here}: promote or quantise it here, too"
    if precision == MIXED and "refused" not in found and found.get("rule") != RULE:
        return "was compared by an older rule of what is unsure: promote or quantise it again"
    return ""


def told(measured: Mapping[str, Any], precisions: Sequence[str]) -> list[str]:
    """A line per precision: whether it agrees on this processor, or why not, and at what speed."""
    here = processor()
    return [
        f"{name} {why_not(measured, name, here) or f'agrees with float32 on {here}'}"
        f"{_share(measured, name)}{_speed(measured, name)}"
        for name in precisions
    ]


def _share(measured: Mapping[str, Any], precision: str) -> str:
    """What float32 answers of it; blank for a precision of which it answers nothing."""
    share = measured.get(precision, {}).get(AGAIN)
    return "" if share is None else f"; float32 answers {share:.1%} of the pictures"


def _speed(measured: Mapping[str, Any], precision: str) -> str:
    """How many times as fast as float32 the comparison ran; blank where that was not timed."""
    rates = [measured.get(name, {}).get(RATE) for name in (precision, "float32")]
    return f"; {rates[0] / rates[1]:.1f} times as fast" if all(rates) else ""


def measure(
    package: Path,
    pictures: np.ndarray,
    truth: Calls,
    frames: Sequence[Frame],
    batch_size: int = 16,
    quantise: Callable[[], Path] | None = None,
    exact: Calls | None = None,
) -> dict[str, dict[str, Any]]:
    """Compare OpenVINO in faster precisions with float32, on the test radiographs.

    ``package`` is the folder of a registered ensemble; ``pictures`` is uint8
    ``(n, size_px, size_px)``; ``truth`` (ID -> boxes in original pixels) and ``frames`` are in the
    order of the pictures; ``quantise`` gives the folder of the graph in int8, if that is asked for;
    ``exact`` is what float32 calls, where that is known, and spares its computing. Returns per
    precision the name of this ``processor``, ``map`` and ``boxes``, and of those that are compared
    ``matched`` (share of boxes), ``map_difference`` and ``passed``; ``pictures_s`` is how many
    pictures a second it took, in passing; ``refused`` says why one cannot be used, as where it
    fails the golden pictures. What fails in float32 is not tried in another precision. ``mixed``
    follows from bfloat16 and float32 without computing: ``float32_share`` of the pictures are
    answered by the latter.
    """
    checked = Package(package)
    found: dict[str, dict[str, Any]] = {}
    reference = exact
    for precision in (EXACT, QUICK, INT8):
        if (precision == EXACT and exact is not None) or (precision == INT8 and not quantise):
            continue
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
        except PneumoError as error:
            found[precision] = {"passed": False, "refused": str(error)}
            continue
        rate = len(frames) / (time.perf_counter() - began)
        reference = reference or calls
        found[precision] = {**compare(truth, reference, calls), RATE: round(rate, 1)}
        if precision == QUICK:
            found[MIXED] = _mixed(truth, reference, calls, unsure)
    if "refused" in found[QUICK]:
        found[MIXED] = found[QUICK]
    elif EXACT in found:
        rates = found[QUICK][RATE], found[EXACT][RATE], found[MIXED][AGAIN]
        found[MIXED][RATE] = round(speed_of_mixed(*rates), 1)
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
    return {
        "matched": round(matched, 6),
        "boxes": total,
        "map": round(scores[1], 6),
        "map_difference": round(difference, 6),
        "passed": total > 0 and matched >= LEAST_SHARE and difference <= LARGEST_DIFFERENCE,
    }


def same_boxes(reference: Sequence[Sequence[Box]], found: Sequence[Sequence[Box]]) -> int:
    """How many boxes, of all radiographs, have one of their own with an IoU above ``SAME``."""
    return int(sum(hit.sum() for hit in hits_of(found, reference, SAME)))
