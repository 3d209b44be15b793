"""Pulmonary vessels: trees that branch from both hila and thin out towards the pleura."""

import numpy as np
from numpy.typing import NDArray

from pneumo.synthetic.canvas import Path, Plane, Points, ellipse, fill, fine
from pneumo.synthetic.pose import Build, Pose

HILUM = {-1: (-88.0, 428.0), 1: (92.0, 406.0)}  # the left one stands higher
STEMS = 11
GENERATIONS = 6
STEPS = 6


def vessels(build: Build, pose: Pose) -> Plane:
    """Added density of vessels in lung, ``(512, 512)``, about 1 at the largest."""
    rng = np.random.default_rng(build.vessel_seed)
    trees = [_tree(rng, side) for side in (-1, 1)]
    paths = np.concatenate([paths for paths, _ in trees])
    widths = np.concatenate([widths for _, widths in trees])
    placed = pose.project(paths.reshape(-1, 2)).reshape(paths.shape)
    order = np.argsort(widths)
    lines: list[Path] = [
        (placed[i], max(1, round(widths[i] * pose.scale)), 0.10 + 0.07 * widths[i]) for i in order
    ]
    return fine(paths=lines) + _hila(rng, pose)


def _tree(rng: np.random.Generator, side: int) -> tuple[Points, NDArray[np.float64]]:
    """Paths ``(n, STEPS + 1, 2)`` in body px and widths ``(n,)`` of all branches of one lung."""
    start = np.array(HILUM[side]) + rng.normal(0, [14, 30], (STEMS, 2))
    heading = np.radians(np.linspace(-82, 88, STEMS)) + rng.normal(0, 0.12, STEMS)
    width = rng.uniform(3.2, 6.8, STEMS)
    paths, widths = [], []
    for _ in range(GENERATIONS):
        path, heading = _grown(rng, start, heading, side)
        paths.append(path)
        widths.append(width)
        start = np.repeat(path[:, -1], 2, axis=0)
        turn = np.tile([-1.0, 1.0], len(heading)) * rng.uniform(0.05, 0.6, 2 * len(heading))
        heading = np.repeat(heading, 2) + turn
        width = np.repeat(width, 2) * rng.uniform(0.5, 0.88, 2 * len(width))
        alive = width > 0.9
        start, heading, width = start[alive], heading[alive], width[alive]
    return np.concatenate(paths), np.concatenate(widths)


def _grown(
    rng: np.random.Generator, start: Points, heading: NDArray[np.float64], side: int
) -> tuple[Points, NDArray[np.float64]]:
    bends = heading[:, None] + np.cumsum(rng.normal(0, 0.15, (len(heading), STEPS)), axis=1)
    length = rng.uniform(6, 14, (len(heading), 1))
    moves = np.stack([np.cos(bends) * side * length, np.sin(bends) * length * 1.1], axis=2)
    path = np.concatenate([start[:, None], start[:, None] + np.cumsum(moves, axis=1)], axis=1)
    return path, bends[:, -1]


def _hila(rng: np.random.Generator, pose: Pose) -> Plane:
    shapes = []
    for side in (-1, 1):
        x, y = HILUM[side]
        for _ in range(5):
            where = [[x + side * rng.normal(-10, 10), y + rng.normal(8, 30)]]
            column, row = pose.project(where)[0]
            turn = side * rng.uniform(0.8, 1.6)
            blob = ellipse(column, row, rng.uniform(16, 34), rng.uniform(8, 14), turn)
            shapes.append((blob, 0.45))
    return fill(shapes, blur_px=8)
