"""Around the lungs: wall, arms, spine, breasts, gas in the abdomen; planes ``(512, 512)``."""

import numpy as np
from scipy import ndimage

from pneumo.synthetic.canvas import (  # fmt: skip
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
from pneumo.synthetic.skeleton import spine_path


def trunk(rng: np.random.Generator, build: Build, pose: Pose) -> Plane:
    """Attenuation of wall, muscle and abdomen without the lungs' air."""
    small = fill([(pose.project(s), 1.0) for s in _outlines(build, pose)], blur_px=0, side=256)
    depth = ndimage.distance_transform_edt(small > 0.5) * 4 / pose.scale
    thick = np.sqrt(1 - np.exp(-depth / (50 + 60 * build.stoutness)))
    y = grid(256)[1] / pose.scale
    level = np.interp(
        y, [0, 60, 180, 330, 640, 780, 1023], [0.66, 0.68, 0.74, 0.85, 0.90, 1.06, 1.08]
    )
    body = resized(blurred((thick * level).astype(np.float32), 5), HALF_PX)
    edge = resized(blurred(small, 3), HALF_PX)
    muscle = 1 + 0.022 * cloud(rng, 130) + 0.010 * cloud(rng, 38)
    return np.asarray(np.clip(body * edge, 0, None) * muscle, np.float32)


def _outlines(build: Build, pose: Pose) -> list[Points]:
    out, stout = build.breadth, build.stoutness
    flank = 408 + 130 * stout
    half = [[88 + 30 * stout, -80], [92 + 40 * stout, 60], [150, 62 - 20 * stout],
            [290, 84 - 20 * stout], [425, 108], [505, 175], [520, 260], [470, 350],
            [flank, 430], [flank - 4, 640], [flank - 14, 860], [flank, 1300]]  # fmt: skip
    torso = np.vstack([np.array(half), (np.array(half) * [-1, 1])[::-1]]) * [out, 1]
    lean = 60 if pose.view == "AP" else 118
    arms = []
    for side in (-1, 1):
        arm = smooth(
            np.array([[440, 190], [478, 320], [492 + lean * 0.5, 520], [520 + lean, 1400]])
        )
        arms += [tube(arm * [side * out, 1], 66 + 40 * stout, ((1.0, 1.0),))[0][0]]
    return [smooth(torso, closed=True), *arms]


def column(build: Build, pose: Pose) -> Plane:
    """Spine, great vessels and breastbone before and behind each other: densest in the middle."""
    line = spine_path(build, pose, np.linspace(-200, 1300, 40))
    x, y = grid()
    middle = np.interp(y[:, 0], line[:, 1], line[:, 0]).astype(np.float32)[:, None]
    level = np.interp(y, [0, 640, 820], [1, 1, 0.45])
    return np.asarray(level * np.exp(-(((x - middle) / (64 * pose.scale)) ** 2)), np.float32)


def breasts(rng: np.random.Generator, build: Build, pose: Pose) -> Plane:
    """Added attenuation of the breasts, densest at their lower edge."""
    if not build.breast:
        return np.zeros((HALF_PX, HALF_PX), np.float32)
    plane = np.zeros((HALF_PX, HALF_PX), np.float32)
    x, y = grid()
    for side in (-1, 1):
        size = build.breast * (1 + 0.5 * build.stoutness)
        middle = pose.project([[side * 225 * build.breadth, 585 + 60 * size, 120]])[0]
        across, down = (x - middle[0]) / (125 + 60 * size), (y - middle[1]) / (100 + 70 * size)
        inside = np.clip(1 - across**2 - np.where(down > 0, down**2, (down / 1.9) ** 2), 0, 1)
        plane += (0.04 + 0.09 * size) * np.sqrt(inside) * rng.uniform(0.9, 1.1)
    return blurred(plane.astype(np.float32), 4)


def bowel_gas(rng: np.random.Generator, floor: Points) -> Plane:
    """Gas below the left dome, and some in the bowel."""
    x, y = floor[27 + int(rng.integers(6))]
    shapes: list[Shape] = []
    if rng.random() < 0.75:
        across, down = rng.uniform(30, 75), rng.uniform(14, 40)
        shapes.append(
            (ellipse(x, y + down + 18, across, down, rng.normal(0, 0.15)), rng.uniform(0.1, 0.24))
        )
    for _ in range(int(rng.integers(0, 5))):
        gas = ellipse(
            x + rng.normal(-60, 90),
            y + rng.uniform(120, 230),
            rng.uniform(12, 34),
            rng.uniform(12, 34),
            rng.uniform(0, 3),
        )
        shapes.append((gas, rng.uniform(0.03, 0.12)))
    texture = np.clip(1 + 0.3 * cloud(rng, 40), 0.2, 2)
    return np.asarray(fill(shapes, blur_px=5) * texture, np.float32)
