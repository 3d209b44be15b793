"""Ribs, clavicles, shoulder blades, arms and spine, as thickness of bone.

Ribs are hoops in space, so that rotation and tilt move their front and back against each other.
"""

from collections.abc import Iterator
from itertools import pairwise

import numpy as np

from pneumo.synthetic.canvas import Plane, Points, Shape, ellipse, fill, fine, smooth, tube
from pneumo.synthetic.pose import Build, Pose

# Per rib 1..12: half width at the side, height at the spine, descent to the front, all in px,
# and the angle around the body at which bone turns into cartilage, in degrees.
RIB_HALF_WIDTH = np.array([238, 318, 356, 373, 375, 383, 388, 391, 391, 385, 356, 288.0])
RIB_TOP = np.array([138, 182, 228, 278, 330, 383, 437, 492, 547, 602, 657, 712.0])
RIB_DESCENT = np.array([80, 135, 180, 212, 236, 254, 266, 272, 276, 280, 290, 290.0])
RIB_END = np.array([152, 150, 147, 145, 143, 140, 134, 126, 119, 112, 84, 58.0])
BLADE = [[330, 165], [300, 215], [292, 330], [322, 470], [345, 495], [360, 440], [385, 330],
         [405, 260], [392, 205]]  # fmt: skip
CORTEX = ((1.0, 0.66), (0.9, 0.8), (0.78, 0.52), (0.55, 0.44))
FRONT = ((1.0, 0.36), (0.85, 0.40), (0.7, 0.30))


def skeleton(build: Build, pose: Pose) -> Plane:
    """Thickness of bone, ``(512, 512)``, about 1 at the densest rib edges."""
    back = fine(_rib_shapes(build, pose, front=False))
    front = fine(_rib_shapes(build, pose, front=True))
    girdle = fine(_girdle(build, pose))
    return back * 0.62 + front * 0.42 + girdle * 0.75 + _spine(build, pose)


def rib_walls(build: Build) -> Points:
    """Outermost points of ribs 1 to 10 of one side, ``(10, 2)``: the wall of the chest."""
    x, y = _rib(build, np.arange(10), np.full(10, np.pi / 2))[:2]
    return np.stack([x, y], axis=1)


def _rib(build: Build, rib: np.ndarray, angle: np.ndarray) -> np.ndarray:
    half_width = RIB_HALF_WIDTH[rib] * build.breadth
    descent = RIB_DESCENT[rib] * build.rib_descent
    x = half_width * np.sin(angle)
    y = RIB_TOP[rib] + descent * (0.22 * (1 - np.cos(angle)) + 0.56 * angle / np.pi)
    z = -half_width * 0.62 * np.cos(angle)
    return np.stack([x, 480 + (y - 480) * build.height, z])


def _rib_shapes(build: Build, pose: Pose, *, front: bool) -> Iterator[Shape]:
    for rib in range(12):
        begin, end = (94, RIB_END[rib]) if front else (7, min(97, RIB_END[rib]))
        if end <= begin:
            continue
        angle = np.radians(np.linspace(begin, end, 24))
        hoop = _rib(build, np.full(24, rib), angle).T
        width = (17.0 if front else 14.5) * (0.75 if rib in (0, 11) else 1) * pose.scale
        ends = np.clip(
            np.minimum(np.arange(24) + 5, 30 - np.arange(24) if front else 24) / 10, 0.3, 1
        )
        for side in (-1, 1):
            path = pose.project(hoop * [side, 1, 1])
            yield from tube(path, width * ends, FRONT if front else CORTEX)


def _girdle(build: Build, pose: Pose) -> Iterator[Shape]:
    for side in (-1, 1):
        yield from _scapula(build, pose, side)
        yield from _arm(build, pose, side)
        yield from _clavicle(build, pose, side)


def _clavicle(build: Build, pose: Pose, side: int) -> list[Shape]:
    rise = build.clavicle_rise_px + (14 if pose.view == "AP" else 0)
    path = [[34, 222, 80], [100, 216, 88], [200, 196 - rise, 70], [300, 152 - rise, 5],
            [405, 150 - rise, -30]]  # fmt: skip
    points = pose.project(smooth(np.array(path) * [side * build.breadth, 1, 1]))
    width = np.interp(np.linspace(0, 1, len(points)), [0, 0.08, 0.2, 0.7, 1], [19, 20, 14, 13, 17])
    return tube(points, width * pose.scale, ((1.0, 0.75), (0.8, 0.5), (0.45, 0.36)))


def _scapula(build: Build, pose: Pose, side: int) -> Iterator[Shape]:
    inward = (
        1.0 if pose.view == "AP" else 1.13
    )  # PA: shoulders rolled forward, blades off the lungs
    blade = smooth(BLADE, closed=True) * [side * inward * build.breadth, 1]
    outline = pose.project(np.hstack([blade, np.full((len(blade), 1), -150)]))
    yield outline, 0.20
    yield from tube(outline[30:110], 3.5, ((1.0, 0.34),))
    ridge = np.array([[300, 215], [360, 170], [430, 135], [455, 150]]) * [
        side * inward * build.breadth,
        1,
    ]
    ridge = pose.project(smooth(ridge))
    yield from tube(ridge, np.linspace(3, 13, len(ridge)) * pose.scale, ((1.0, 0.38), (0.7, 0.28)))


def _arm(build: Build, pose: Pose, side: int) -> Iterator[Shape]:
    out = build.breadth * side
    lean = 60 if pose.view == "AP" else 105
    shaft = smooth([[448, 205], [470, 300], [478 + lean * 0.4, 480], [500 + lean, 1250]])
    head = ellipse(440, 196, 44, 47)
    yield from tube(pose.project(shaft * [out, 1]), 23, ((1.0, 0.85), (0.6, 0.5)))
    yield pose.project(head * [out, 1]), 0.62
    yield pose.project(ellipse(440, 196, 38, 41) * [out, 1]), 0.45


def spine_path(build: Build, pose: Pose, y: np.ndarray) -> Points:
    """Image positions of the spine's middle at body heights ``y``."""
    bend = build.spine_bend_px * np.sin((y - 150) / 700 * np.pi * 1.3)
    return pose.project(np.stack([bend, y, np.full_like(y, -90.0)], axis=1))


def _spine(build: Build, pose: Pose) -> Plane:
    edges = -60 + np.cumsum(np.linspace(44, 74, 20)) * build.height
    shapes: list[Shape] = []
    for top, bottom in pairwise(edges):
        shapes += _vertebra(build, pose, top + 4, bottom - 4)
    return fill(shapes, blur_px=2.6)


def _vertebra(build: Build, pose: Pose, top: float, bottom: float) -> list[Shape]:
    middle, tall = (top + bottom) / 2, (bottom - top) / 2
    half = 27 + 0.014 * middle
    corners = np.array([[-1.05, -1], [0, -0.9], [1.05, -1], [0.88, 0], [1.05, 1], [0, 0.9],
                        [-1.05, 1], [-0.88, 0]])  # fmt: skip
    body = smooth(corners * [half, tall], closed=True, rounds=2)
    centre = spine_path(build, pose, np.array([middle]))[0]
    ring = body * pose.scale + centre
    shapes: list[Shape] = [(ring, 0.25), (body * [0.88, 0.8] * pose.scale + centre, 0.13)]
    for x in (-0.55, 0.55):  # pedicles seen end-on
        shapes.append((ellipse(centre[0] + x * half, centre[1] - 0.2 * tall, 7, 9), 0.22))
    shapes.append((ellipse(centre[0], centre[1] + 0.35 * tall, 5, 13), 0.22))
    return shapes
