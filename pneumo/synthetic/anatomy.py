"""Soft tissue and air of a healthy chest, as two maps: attenuation of the body, and air.

Both are ``(512, 512)``. The body is about 0 outside and 1 through the abdomen; air is 0 outside
the lungs and about 1 where they are deepest.
"""

from dataclasses import dataclass

import numpy as np
from scipy import ndimage

from pneumo.synthetic.body import bowel_gas, breasts, column, trunk
from pneumo.synthetic.canvas import (
    HALF_PX,
    Plane,
    Points,
    Shape,
    blurred,
    cloud,
    ellipse,
    fill,
    grid,
    resized,
    smooth,
    tube,
)
from pneumo.synthetic.pose import Build, Pose
from pneumo.synthetic.skeleton import rib_walls


@dataclass
class Chest:
    """A chest being put together; ``air`` and ``body`` change as findings are added."""

    body: Plane
    air: Plane
    cavities: dict[int, Plane]  # -1: the person's right lung's room (left in the image), 1: left
    floors: dict[int, Points]  # diaphragm from the midline to the wall, image points
    marked: Plane  # how strongly vessels show, 1 where healthy
    opaque: Plane  # share of air that pneumonia has filled


def chest(rng: np.random.Generator, build: Build, pose: Pose) -> Chest:
    """A healthy chest of this build in this pose."""
    floors = {side: _floor(rng, build, pose, side) for side in (-1, 1)}
    cavities = {side: _cavity(build, pose, side) for side in (-1, 1)}
    solid = np.maximum(_mediastinum(build, pose), 0.86 * _heart(build, pose))
    above = {side: _above(floors[side]) for side in (-1, 1)}
    air = np.zeros((HALF_PX, HALF_PX), np.float32)
    for side in (-1, 1):
        air = np.maximum(air, cavities[side] * above[side])
    air *= (1 - solid) * (0.93 + 0.05 * cloud(rng, 220))
    body = trunk(rng, build, pose) + breasts(rng, build, pose)
    body += 0.14 * column(build, pose) * body
    air *= np.clip(1.7 * body, 0, 1)
    body += 0.05 * solid * body * np.maximum(above[-1], above[1]) - _airways(build, pose)
    body -= bowel_gas(rng, floors[1]) * (1 - above[1])
    nothing = np.zeros_like(air)
    return Chest(body, air, cavities, floors, marked=nothing + 1, opaque=nothing)


def _cavity(build: Build, pose: Pose, side: int) -> Plane:
    wall = rib_walls(build)
    apex = [[18, 330], [24, 220], [40, 135], [88, 100], [150, 98], [204, 122]]
    apex[2:] = (
        np.array(apex[2:]) * [build.breadth, 1] + [0, 480 * (1 - build.height) * 0.7]
    ).tolist()
    outline = np.vstack([apex, wall + np.array([3, 0]), [[wall[-1, 0] - 6, 1000]], [[10, 1000]]])
    room = fill([(pose.project(smooth(outline * [side, 1], closed=True)), 1.0)], blur_px=1.6)
    small = resized(room, 128)
    depth = ndimage.distance_transform_edt(small > 0.5) * 8 / pose.scale
    deep = resized(blurred(np.sqrt(1 - np.exp(-depth / 62)).astype(np.float32), 9), HALF_PX)
    return np.asarray(room * np.clip(deep, 0, 1), np.float32)


def _floor(rng: np.random.Generator, build: Build, pose: Pose, side: int) -> Points:
    """Upper edge of the diaphragm: a dome, steep towards the costophrenic angle."""
    x = np.linspace(0, 400, 60) * build.breadth
    top = 706 + build.diaphragm_px + (0 if side == -1 else 24) + rng.normal(0, 8)
    top -= 48 if pose.view == "AP" else 0
    top = 480 + (top - 480) * build.height
    middle, flat = 175 + rng.normal(0, 18), rng.uniform(0.8, 1.15)
    outward = np.clip((x - middle) / (372 * build.breadth - middle), 0, 1.3)
    inward = np.clip((middle - x) / middle, 0, 1)
    y = top + 88 * flat * outward**2.7 + 34 * inward**1.8 + 3 * np.sin(x / 40 + rng.uniform(0, 6))
    return pose.project(np.stack([side * x, y], axis=1))


def _above(floor: Points) -> Plane:
    """1 above the diaphragm; below, the last of the lung behind the dome fades out."""
    order = floor[np.argsort(floor[:, 0])]
    x, y = grid()
    edge = np.interp(x[0], order[:, 0], order[:, 1]).astype(np.float32)
    depth = (y - edge[None, :]) / 2.6
    shown = 1 / (1 + np.exp(np.clip(depth, -30, 30)))
    behind = 0.10 * np.exp(-np.clip(depth, 0, None) / 14) * (depth > 0)
    return np.asarray(np.maximum(shown, behind), np.float32)


def _heart(build: Build, pose: Pose) -> Plane:
    size = build.heart * (1.13 if pose.view == "AP" else 1.0)
    right = [[-52, 400], [-78, 500], [-96, 580], [-98, 650], [-80, 735]]
    left = [
        [60, 790],
        [165, 770],
        [212, 712],
        [205, 640],
        [170, 560],
        [122, 480],
        [84, 425],
        [50, 390],
    ]
    outline = (np.array(right + left) - [0, 400]) * [size, 0.5 + 0.5 * size] + [0, 400]
    outline[:, 1] += build.diaphragm_px * 0.7 - (35 if pose.view == "AP" else 0)
    body = np.hstack([smooth(outline, closed=True), np.full((len(outline) * 16, 1), 60)])
    body[:, 1] = 480 + (body[:, 1] - 480) * build.height
    return fill([(pose.project(body), 1.0)], blur_px=3.4)


def _mediastinum(build: Build, pose: Pose) -> Plane:
    y = np.array([-40, 90, 160, 230, 300, 380, 450, 560, 700, 1000.0])
    wide = 1.18 if pose.view == "AP" else 1.0
    right = np.array([110, 78, 54, 50, 57, 64, 72, 66, 55, 50]) * wide
    left = np.array([110, 76, 50, 46, 50, 60, 66, 58, 52, 50]) * wide
    outline = np.vstack([np.stack([-right, y], 1), np.stack([left, y], 1)[::-1]])
    knob = ellipse(46, 322, 42 * build.aorta, 40 * build.aorta)
    trunk = ellipse(62, 398, 34, 40)
    aorta = tube(
        smooth([[60, 320], [76, 420], [72, 560], [40, 800]]), 18 * build.aorta, ((1.0, 0.8),)
    )
    shapes: list[Shape] = [(points, value) for points, value in aorta]
    shapes += [(outline, 0.97), (knob, 0.95), (trunk, 0.93)]
    return fill([(pose.project(points), value) for points, value in shapes], blur_px=3.2)


def _airways(build: Build, pose: Pose) -> Plane:
    """Air in windpipe and main bronchi, to be taken off the body."""
    trachea = tube(
        smooth([[0, -60], [2, 150], [-4, 270], [-6, 372]]), 17, ((1.0, 0.06), (0.6, 0.10))
    )
    right = tube(smooth([[-6, 360], [-45, 415], [-85, 455]]), 13, ((1.0, 0.07),))
    left = tube(smooth([[-6, 360], [40, 405], [90, 425]]), 11, ((1.0, 0.06),))
    shapes = [(np.hstack([p, np.full((len(p), 1), -20)]), v) for p, v in [*trachea, *right, *left]]
    return fill([(pose.project(points), value) for points, value in shapes], blur_px=4)
