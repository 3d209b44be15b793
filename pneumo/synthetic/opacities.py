"""Pneumonia: hazy opacities in the lungs, and the boxes around what can be seen of them.

Sizes follow the RSNA challenge's boxes (stage 2 training labels, 2018).
"""

from dataclasses import dataclass

import numpy as np

from pneumo.synthetic.anatomy import Chest
from pneumo.synthetic.canvas import HALF_PX, SIDE_PX, Plane, cloud, grid, step

BoxPx = tuple[int, int, int, int]  # x, y, width, height

# Medians and spreads (of logarithms), in px: those of the challenge's 9,555 boxes (217 x 298, 0.29
# and 0.51), enlarged by what lung borders and fading edges take off again.
WIDTH_PX, WIDTH_SPREAD = 244, 0.29
HEIGHT_PX, HEIGHT_SPREAD = 345, 0.51
VISIBLE = 0.42  # a box holds what exceeds this share of the opacity's densest part
SMALLEST_PX = 64


@dataclass(frozen=True)
class Kind:
    """A look of pneumonia: ranges of density, of the edge's softness and of raggedness."""

    density: tuple[float, float]
    softness: tuple[float, float]
    ragged: tuple[float, float]
    mottled: tuple[float, float]


LOBAR = Kind((0.48, 0.85), (0.22, 0.35), (0.13, 0.20), (0.05, 0.12))
PATCHY = Kind((0.36, 0.72), (0.30, 0.45), (0.16, 0.28), (0.15, 0.28))
HAZY = Kind((0.25, 0.50), (0.40, 0.60), (0.10, 0.20), (0.06, 0.14))


def add_opacities(rng: np.random.Generator, chest: Chest) -> list[BoxPx]:
    """Put one to three opacities into ``chest`` and return their boxes, hardly overlapping."""
    count = int(rng.choice([1, 2, 3], p=[0.38, 0.57, 0.05]))
    first = int(rng.choice([-1, 1]))
    sides = [first, -first if rng.random() < 0.8 else first, first][:count]
    kind = (LOBAR, PATCHY, HAZY)[rng.choice(3, p=[0.35, 0.4, 0.25])]
    size = float(rng.normal(0, 0.25))
    boxes: list[BoxPx] = []
    remaining = np.ones((HALF_PX, HALF_PX), np.float32)
    while not boxes:  # all but never a second time: a healthy lung has room for one
        for side in sides:
            if placed := _placed(rng, chest, side, kind, size, boxes):
                remaining *= 1 - float(rng.uniform(*kind.density)) * placed[0]
                boxes.append(placed[1])
    chest.air *= remaining
    chest.opaque = 1 - remaining
    return boxes


def _placed(
    rng: np.random.Generator, chest: Chest, side: int, kind: Kind, size: float, taken: list[BoxPx]
) -> tuple[Plane, BoxPx] | None:
    lung = chest.air * chest.cavities[side]
    for attempt in range(12):
        shrink = 1 - 0.05 * attempt
        width = WIDTH_PX * np.exp(rng.normal(size * 0.5, WIDTH_SPREAD * 0.8)) * shrink
        height = HEIGHT_PX * np.exp(rng.normal(size, HEIGHT_SPREAD * 0.85)) * shrink
        opacity = _blob(rng, lung, kind, width, height)
        box = visible_box(opacity * lung)
        if _good(box, width * height) and all(_overlap(box, other) < 0.1 for other in taken):
            return opacity, box
    return None


def _blob(rng: np.random.Generator, lung: Plane, kind: Kind, width: float, height: float) -> Plane:
    """An irregular cloud in [0, 1] that lies in the lung, lower more often than upper."""
    left, top, across, down = visible_box(lung)
    x = left + min(width, across) / 2 + rng.beta(1.4, 1.4) * max(across - width, 0)
    y = top + min(height, down) / 2 + rng.beta(2.2, 0.9) * max(down - height, 0)
    radius = _lobules(rng, x, y, width / 2, height / 2)
    radius += rng.uniform(*kind.ragged) * (cloud(rng, 90) + 0.35 * cloud(rng, 34))
    soft = rng.uniform(*kind.softness)
    fading = step(-radius, -1 - soft, -1 + soft) * np.clip(1.12 - 0.38 * radius, 0.5, 1)
    patches = np.clip(cloud(rng, 44) + 0.5 * cloud(rng, 18), -0.5, 2.2)
    return np.asarray(fading * (1 - rng.uniform(*kind.mottled) * patches), np.float32)


def _lobules(rng: np.random.Generator, x: float, y: float, across: float, down: float) -> Plane:
    """Distance from a few merged ellipses that fill a frame of these half sides; 1 at the edge."""
    column, row = grid()
    near = np.zeros((HALF_PX, HALF_PX), np.float32)
    for part in range(4):
        share = rng.uniform(0.5, 0.85)
        u, v = rng.uniform(-1, 1, 2) * (1 - share) if part else (0.0, 0.0)
        far = ((column - x - u * across) / across) ** 2 + ((row - y - v * down) / down) ** 2
        near += np.exp(-1.6 * far / share**2).astype(np.float32)
    return np.asarray(np.sqrt(np.clip(-np.log(near / 4 + 1e-6), 0, None) / 2.9), np.float32)


def visible_box(density: Plane) -> BoxPx:
    """Tight box, in pixels of 1024, of the part of a ``(512, 512)`` map that can be seen."""
    if density.max() < 0.05:
        return 0, 0, 0, 0
    seen = density > VISIBLE * np.percentile(density[density > 0.02], 97)
    (left, right), (top, bottom) = (_extent(seen.sum(axis=axis) > 3) for axis in (0, 1))
    return left, top, right - left, bottom - top


def _extent(line: np.ndarray) -> tuple[int, int]:
    """Where True begins and ends, in pixels of 1024; 0 and 0 where there is none."""
    where = np.flatnonzero(line) * (SIDE_PX // len(line))
    return (int(where[0]), int(where[-1]) + SIDE_PX // len(line)) if len(where) else (0, 0)


def _good(box: BoxPx, wanted_px: float) -> bool:
    return min(box[2:]) >= SMALLEST_PX and box[2] * box[3] > 0.45 * wanted_px


def _overlap(a: BoxPx, b: BoxPx) -> float:
    """Intersection over the smaller of two boxes."""
    across = min(a[0] + a[2], b[0] + b[2]) - max(a[0], b[0])
    down = min(a[1] + a[3], b[1] + b[3]) - max(a[1], b[1])
    return max(across, 0) * max(down, 0) / min(a[2] * a[3], b[2] * b[3])
