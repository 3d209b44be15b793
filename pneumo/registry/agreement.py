"""Whether a faster engine or precision calls what Keras calls: measured at the promotion.

The reference is Keras in full batches, float32. What comes out stands as JSON in the version's tag
``pneumo.agreement``, and scoring takes a precision only when it ``passed``.
"""

from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

import numpy as np

from pneumo.base.backends import keras_backend
from pneumo.base.errors import RegistryError
from pneumo.dataset.rsna import mean_average_precision
from pneumo.detection.boxes import Box, Frame
from pneumo.detection.matching import hits_of
from pneumo.engines.choose import open_engine
from pneumo.engines.engine import Engine
from pneumo.engines.package import Package

TAG = "pneumo.agreement"
FLOATS = ("float32", "bfloat16")
SAME_IOU = 0.9
LEAST_SHARE, LARGEST_DIFFERENCE = 0.99, 0.002
"""Boxes that must be matched at ``SAME_IOU``, and how far mAP may be from the reference's."""


def measure(
    package: Path,
    pictures: np.ndarray,
    truth: Mapping[str, Sequence[Box]],
    frames: Sequence[Frame],
    batch_size: int = 16,
    quantised: Path | None = None,
) -> dict[str, dict[str, Any]]:
    """Compare OpenVINO in each precision with Keras, on the test radiographs.

    ``package`` is the folder of a registered ensemble; ``pictures`` is uint8
    ``(n, size_px, size_px)``; ``truth`` (ID -> boxes in original pixels) and ``frames`` are in the
    order of the pictures; ``quantised`` is the folder of the graph in int8, if that is asked for.
    Returns per precision ``matched`` (share of boxes), ``boxes``, ``map``, ``map_difference`` and
    ``passed``; ``refused`` where the engine fails the golden pictures.
    """
    checked = Package(package)
    keras = open_engine(checked, keras_backend(), batch_size=batch_size)
    reference = find(keras, checked, pictures, truth, frames)
    found = {}
    for precision in (*FLOATS, "int8") if quantised else FLOATS:
        try:
            engine = open_engine(
                checked, "openvino", batch_size=batch_size, precision=precision, quantised=quantised
            )
        except RegistryError as error:
            found[precision] = {"passed": False, "refused": str(error)}
            continue
        found[precision] = compare(truth, reference, find(engine, checked, pictures, truth, frames))
    return found


def find(
    engine: Engine,
    package: Package,
    pictures: np.ndarray,
    truth: Mapping[str, Sequence[Box]],
    frames: Sequence[Frame],
) -> dict[str, list[Box]]:
    """ID -> the boxes that an engine leads to."""
    maps = engine.probabilities(np.ascontiguousarray(pictures))
    rows = zip(truth, maps, frames, strict=True)
    return {name: package.ensemble.boxes(image, frame) for name, image, frame in rows}


def compare(
    truth: Mapping[str, Sequence[Box]],
    reference: Mapping[str, Sequence[Box]],
    found: Mapping[str, Sequence[Box]],
) -> dict[str, Any]:
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
    """How many boxes, of all radiographs, have one of their own with an IoU above ``SAME_IOU``."""
    return int(sum(hit.sum() for hit in hits_of(found, reference, SAME_IOU)))
