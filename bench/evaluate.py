"""Measure how long all figures of an evaluation take, with their intervals over people.

Test images, people, boxes and the maps of networks are drawn at random; nothing is read.
Example: ``python bench/evaluate.py --images 3000 --resamples 1000``
"""

import argparse
import os
import time
from collections.abc import Callable
from typing import Any

import numpy as np
import pandas as pd
from scipy.ndimage import gaussian_filter

from pneumo.dataset.rsna import CLASSES
from pneumo.detection.boxes import mask_from_boxes
from pneumo.detection.ensemble import Ensemble
from pneumo.detection.frame import Box, Frame
from pneumo.evaluation.bootstrap import draw_people, with_all
from pneumo.evaluation.figures import ENSEMBLE, held_out, measure
from pneumo.evaluation.froc import pool_calls
from pneumo.evaluation.judge import candidates, judge
from pneumo.prepared.format import Prepared

SIDE_PX, PER_PERSON, POSITIVE = 1024, 2.3, 0.225
CHOICE = Ensemble({}, 0.4, 0.0, 4000.0, 0.05, 0.05)


def main() -> None:
    """Draw the data, judge, measure, print what each took."""
    options = _options()
    load = os.getloadavg()[0]
    data = drawn(options.images, options.size_px, np.random.default_rng(1))
    maps = {name: noisy(data, seed) for seed, name in enumerate((ENSEMBLE, *"abcd"))}
    judged, judging = _timed(
        lambda: {name: judge(data, "test", one, CHOICE) for name, one in maps.items()}
    )
    people = data.index["person"].iloc[data.rows("test")].tolist()
    test = held_out(data, with_all(draw_people(people, options.resamples, 1)))
    pairs = list(zip(test.truth, maps[ENSEMBLE], test.frames, strict=True))
    calls, searching = _timed(
        lambda: pool_calls(test.truth, {name: candidates(p, f, CHOICE) for name, p, f in pairs})
    )
    metrics, measuring = _timed(lambda: measure(data, test, judged, calls))
    low, high = metrics["intervals"][ENSEMBLE]["map"]
    print(
        f"evaluate: {options.images:,} test images at {options.size_px} px, five detectors: boxes "
        f"{judging:.1f} s, {len(calls.hit):,} calls of the FROC {searching:.1f} s; all figures, "
        f"{options.resamples:,} resamples of {metrics['test_people']:,} people {measuring:.1f} s "
        f"(mAP {metrics[ENSEMBLE]['map']:.3f}, {low:.3f} to {high:.3f}); load before {load:.1f}"
    )


def drawn(images: int, size_px: int, rng: np.random.Generator) -> Prepared:
    """Prepared data of random pixels and boxes: ``images`` for test, a third as many for train."""
    count = images + images // 3
    frame = Frame(SIDE_PX, SIDE_PX, size_px)
    names = [f"{number:05}" for number in range(count)]
    boxes = [
        [_box(rng) for _ in range(rng.integers(1, 3) if rng.random() < POSITIVE else 0)]
        for _ in names
    ]
    index = pd.DataFrame(
        {
            "patientId": names,
            "person": rng.integers(0, int(count / PER_PERSON), count).astype(str),
            "split": ["train"] * (count - images) + ["test"] * images,
            "class": [CLASSES[2] if found else CLASSES[rng.integers(2)] for found in boxes],
            "target": [int(bool(found)) for found in boxes],
            "view": rng.choice(["AP", "PA"], count),
            "sex": rng.choice(["F", "M"], count),
            "age": rng.integers(1, 95, count).astype(float),
            "rows": SIDE_PX,
            "columns": SIDE_PX,
        }
    )
    rows = [
        (name, box.x, box.y, box.width, box.height)
        for name, found in zip(names, boxes, strict=True)
        for box in found
    ]
    return Prepared(
        images=rng.integers(0, 256, (count, size_px, size_px), np.uint8),
        masks=np.stack([mask_from_boxes(found, frame) for found in boxes]),
        index=index,
        boxes=pd.DataFrame(rows, columns=["patientId", "x", "y", "width", "height"]),
        profile={"test_set": "drawn"},
    )


def noisy(data: Prepared, seed: int) -> np.ndarray:
    """Blurred true masks under smooth noise: float32 ``(n, size_px, size_px)`` in [0, 1]."""
    masks = np.asarray(data.masks[data.rows("test")], np.float32)
    rng = np.random.default_rng(seed)
    noise = gaussian_filter(rng.standard_normal(masks.shape, np.float32), (0, 6, 6))
    blurred = gaussian_filter(masks, (0, 3, 3)) * rng.random((len(masks), 1, 1), np.float32)
    return np.clip(blurred + 0.12 * noise / noise.std(), 0, 1)


def _box(rng: np.random.Generator) -> Box:
    x, y = rng.integers(0, 700, 2)
    width, height = rng.integers(100, 320, 2)
    return Box(float(x), float(y), float(width), float(height))


def _timed(work: Callable[[], Any]) -> tuple[Any, float]:
    started = time.monotonic()
    return work(), time.monotonic() - started


def _options() -> argparse.Namespace:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--images", type=int, default=3000)
    parser.add_argument("--resamples", type=int, default=1000)
    parser.add_argument("--size-px", type=int, default=128)
    return parser.parse_args()


if __name__ == "__main__":
    main()
