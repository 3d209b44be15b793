"""What is abnormal but no pneumonia: findings that get no box."""

from collections.abc import Callable

import numpy as np
from scipy import ndimage

from pneumo.synthetic.anatomy import Chest
from pneumo.synthetic.canvas import (
    HALF_PX,
    Plane,
    Shape,
    blurred,
    ellipse,
    fill,
    grid,
    resized,
    smooth,
    step,
    tube,
)


def add_distractors(rng: np.random.Generator, chest: Chest) -> None:
    """Put one or two abnormalities that are no pneumonia into ``chest``."""
    kinds: list[Callable[[np.random.Generator, Chest], None]] = [
        _nodules, _effusion, _atelectasis, _pneumothorax, _congestion
    ]  # fmt: skip
    count = 1 + (rng.random() < 0.3)
    for pick in rng.choice(len(kinds), count, replace=False, p=[0.32, 0.24, 0.22, 0.08, 0.14]):
        kinds[pick](rng, chest)


def _side(rng: np.random.Generator) -> int:
    return int(rng.choice([-1, 1]))


def _point_in(rng: np.random.Generator, plane: Plane) -> tuple[float, float]:
    rows, columns = np.nonzero(plane[::8, ::8] > 0.6)
    pick = int(rng.integers(len(rows)))
    return float(columns[pick] * 16 + 8), float(rows[pick] * 16 + 8)


def _nodules(rng: np.random.Generator, chest: Chest) -> None:
    """Round and sharp: one mass, or a few nodules."""
    mass = rng.random() < 0.4
    for _ in range(1 if mass else int(rng.integers(1, 5))):
        x, y = _point_in(rng, chest.air)
        radius = rng.uniform(28, 50) if mass else rng.uniform(11, 24)
        outline = ellipse(x, y, radius, radius * rng.uniform(0.85, 1.1), rng.uniform(0, 3))
        outline += np.cumsum(rng.normal(0, radius * 0.015, outline.shape), axis=0)
        core = fill([(smooth(outline, closed=True, rounds=1), 1.0)], blur_px=4)
        chest.air *= 1 - rng.uniform(0.45, 0.8) * core


def _effusion(rng: np.random.Generator, chest: Chest) -> None:
    """Fluid fills a costophrenic angle and climbs the wall as a meniscus."""
    first = _side(rng)
    for side in (first, -first) if rng.random() < 0.4 else (first,):
        floor = chest.floors[side]
        wall_x = floor[53, 0]
        level = floor[:, 1].min() + rng.uniform(-70, 55)
        x, y = grid()
        inward = np.clip((wall_x - x) * side, 0, None)
        surface = level + 60 - rng.uniform(80, 150) * np.exp(-inward / rng.uniform(50, 90))
        chest.air *= 1 - 0.93 * step(y - surface, -9, 14) * (chest.cavities[side] > 0.01)


def _atelectasis(rng: np.random.Generator, chest: Chest) -> None:
    """Thin dense bands in the lower half of a lung."""
    shapes: list[Shape] = []
    for _ in range(int(rng.integers(1, 4))):
        side = _side(rng)
        x, y = chest.floors[side][int(rng.integers(18, 40))]
        middle = np.array([x, y - rng.uniform(30, 150)])
        length, slope = rng.uniform(55, 120), rng.normal(-0.15 * side, 0.25)
        path = middle + np.array([[-1, -slope], [0, rng.normal(0, 0.08)], [1, slope]]) * length
        shapes += tube(smooth(path), rng.uniform(3.5, 8), ((1.0, rng.uniform(0.4, 0.8)),))
    chest.air *= 1 - fill(shapes, blur_px=3)


def _pneumothorax(rng: np.random.Generator, chest: Chest) -> None:
    """Free air above and beside a lung: no vessels beyond a thin pleural line."""
    room = chest.cavities[_side(rng)]
    small = resized(room, 256) > 0.3
    depth = resized(ndimage.distance_transform_edt(small).astype(np.float32) * 4, HALF_PX)
    rows = np.flatnonzero(small.any(axis=1)) * 4.0
    down = np.clip((grid()[1] - rows[0]) / (rows[-1] - rows[0]), 0, 1)
    gap = depth - rng.uniform(50, 95) * np.clip(1 - 1.25 * down, 0, 1)
    free = step(-gap, -2, 4) * (room > 0.05)
    chest.marked *= 1 - free
    chest.body += 0.09 * np.exp(-((gap / 3.0) ** 2)) * (room > 0.2) * (down < 0.75)


def _congestion(rng: np.random.Generator, chest: Chest) -> None:
    """Wide vessels and a faint symmetric haze around both hila."""
    chest.marked *= rng.uniform(1.5, 2.0)
    haze = np.zeros((HALF_PX, HALF_PX), np.float32)
    for side in (-1, 1):
        x, y = chest.floors[side][20]
        haze += fill([(ellipse(x, y - 270, 95, 190), 1.0)], blur_px=0)
    chest.air *= 1 - rng.uniform(0.06, 0.16) * blurred(haze, 55)
