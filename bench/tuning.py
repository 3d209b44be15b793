"""How fast the metric and the search of ``tune`` are, beside plain loops: ``make bench-tune``.

On maps that imitate a network's: blurred true boxes with false alarms, drawn from a seed.
"""

import os
import sys
import time
from collections.abc import Callable

import numpy as np
from plain import precision
from rich.console import Console
from rich.table import Table
from scipy.ndimage import gaussian_filter
from skimage.measure import label, regionprops

from pneumo.base.settings import load_settings
from pneumo.dataset.rsna import mean_average_precision
from pneumo.detection.boxes import Box, Frame
from pneumo.detection.ensemble import Ensemble, blend, weightings
from pneumo.detection.matching import precision_rows, table_of
from pneumo.tuning.choice import halves
from pneumo.tuning.search import Cases, Judge

METRIC_IMAGES, IMAGES, SIZE_PX, SEED = 26_684, 1_200, 128, 1
FRAME = Frame(1024, 1024, SIZE_PX)
NETWORKS = ("unet_resnet152", "unet_densenet121", "unet_vgg19", "aspp_resnet152")


def draw_truth(count: int, rng: np.random.Generator) -> list[list[Box]]:
    """True boxes of ``count`` radiographs, as often and as large as RSNA's."""
    boxes = rng.choice([0, 1, 2, 3], count, p=[0.775, 0.098, 0.122, 0.005])
    return [[_box(rng) for _ in range(number)] for number in boxes]


def draw_calls(truth: list[list[Box]], rng: np.random.Generator) -> list[list[Box]]:
    """Calls near most true boxes, and a false one on every third radiograph."""
    return [
        [_moved(box, rng) for box in boxes if rng.random() < 0.8]
        + [_box(rng)] * (rng.random() < 0.33)
        for boxes in truth
    ]


def draw_maps(truth: list[list[Box]], rng: np.random.Generator) -> np.ndarray:
    """Maps ``(n, SIZE_PX, SIZE_PX)`` as a network of middling quality gives them."""
    maps = np.zeros((len(truth), SIZE_PX, SIZE_PX), np.float32)
    for image, boxes in zip(maps, draw_calls(truth, rng), strict=True):
        for box in boxes:
            x, y, width, height = (round(v / 8) for v in (box.x, box.y, box.width, box.height))
            image[y : y + height, x : x + width] = rng.uniform(0.3, 1)
    return gaussian_filter(maps, (0, 3, 3)).clip(0, 1)


def _box(rng: np.random.Generator) -> Box:
    width, height = rng.normal(220, 60), rng.normal(330, 130)
    sides = np.clip([width, height], 60, 700)
    return Box(*rng.uniform(0, 1024 - sides), *sides, float(rng.random()))


def _moved(box: Box, rng: np.random.Generator) -> Box:
    x, y, width, height = rng.normal([box.x, box.y, box.width, box.height], 30)
    return Box(max(x, 0), max(y, 0), max(width, 40), max(height, 40), float(rng.random()))


def naive_score(cases: Cases, way: Ensemble) -> float:
    """One way scored as a script does: scikit-image and a loop, image by image."""
    maps = blend(cases.probabilities, way.weights)
    rows = []
    for probability, truth in zip(maps, cases.truth, strict=True):
        level = float(way.level(probability))
        regions = regionprops(label(probability > way.threshold, connectivity=2), probability)
        calls = [
            Box(r.bbox[1] * 8, r.bbox[0] * 8, *_extent(r.bbox), r.intensity_mean).shrunk(
                way.shrink_x, way.shrink_y
            )
            for r in regions
            if r.area * 64 >= way.minimum_area_px and level >= way.image_threshold
        ]
        rows.append(precision(truth, calls))
    return float(np.mean([row for row in rows if row is not None]))


def _extent(bounds: tuple[int, int, int, int]) -> tuple[float, float]:
    top, left, bottom, right = bounds
    return (right - left) * 8, (bottom - top) * 8


def seconds(work: Callable[[], object], rounds: int = 5) -> float:
    """The median time of ``work``."""
    times = []
    for _ in range(rounds):
        began = time.perf_counter()
        work()
        times.append(time.perf_counter() - began)
    return float(np.median(times))


def main() -> None:
    """Print both tables."""
    console, rng = Console(file=sys.stdout), np.random.default_rng(SEED)
    load = os.getloadavg()[0]
    truth = draw_truth(METRIC_IMAGES, rng)
    calls = draw_calls(truth, rng)
    known = {str(i): boxes for i, boxes in enumerate(truth)}
    found = {str(i): boxes for i, boxes in enumerate(calls)}
    tables = table_of(truth, ranked=False), table_of(calls, ranked=True)
    loop = seconds(lambda: [precision(*pair) for pair in zip(truth, calls, strict=True)], 3)
    ways = {
        "a loop over radiographs": loop,
        "ours, from lists of boxes": seconds(lambda: mean_average_precision(known, found)),
        "ours, from tables": seconds(lambda: precision_rows(*tables, METRIC_IMAGES)),
    }
    table = Table(f"metric, {METRIC_IMAGES:,} images", "ms", "of the loop")
    for name, value in ways.items():
        table.add_row(name, f"{value * 1e3:.1f}", f"{loop / value:.1f} x")
    console.print(table)

    truth = draw_truth(IMAGES, rng)
    maps = {name: draw_maps(truth, rng) for name in NETWORKS}
    cases = Cases(maps, [FRAME] * IMAGES, truth)
    settings = load_settings()
    tried = list(weightings(NETWORKS, settings.ensemble.candidates))
    subsets = np.vstack([np.ones((1, IMAGES), bool), halves(range(IMAGES), 20, SEED)])
    began = time.perf_counter()
    scores = Judge(cases, settings.boxes, subsets).every(tried)
    whole = time.perf_counter() - began
    count, best = scores.values[..., 0].size, scores.way(scores.best(0))
    naive = seconds(lambda: naive_score(cases, best), 3)
    gap = abs(naive_score(cases, best) - scores.values[scores.best(0)][0])
    table = Table(f"search, {IMAGES:,} images of {SIZE_PX} px", "ways", "s", "ms a way", "")
    table.add_row("scikit-image, image by image", "1", f"{naive:.2f}", f"{naive * 1e3:.0f}", "1 x")
    each = whole / count
    table.add_row(
        "ours", f"{count:,}", f"{whole:.1f}", f"{each * 1e3:.3f}", f"{naive / each:.0f} x"
    )
    console.print(table)
    console.print(f"both score the best way alike within {gap:.1e}; seed {SEED}, load {load:.1f}")


if __name__ == "__main__":
    main()
