"""Drawing on a square plane: filled shapes, tubes, smooth fields and random textures.

Points are ``(n, 2)`` x and y in pixels of the 1024 x 1024 radiograph, whatever the plane's side.
Planes are float32 ``(side, side)``.
"""

from collections.abc import Iterable, Sequence
from typing import Any

import numpy as np
from numpy.typing import ArrayLike, NDArray
from PIL import Image, ImageDraw
from scipy import ndimage

SIDE_PX = 1024
HALF_PX = 512

Plane = NDArray[np.float32]
Points = NDArray[np.float64]
Shape = tuple[Points, float]
Waypoints = Sequence[Any] | NDArray[np.float64]
Path = tuple[Points, int, float]  # points, whole width in px, value


def fill(shapes: Iterable[Shape], *, blur_px: float, side: int = HALF_PX) -> Plane:
    """Draw closed shapes, each with its value, later over earlier, on a plane of zeros."""
    image = Image.new("F", (side, side))
    draw = ImageDraw.Draw(image)
    for points, value in shapes:
        draw.polygon((points * (side / SIDE_PX)).ravel().tolist(), fill=float(value))
    return blurred(np.asarray(image), blur_px)


def fine(shapes: Iterable[Shape] = (), paths: Iterable[Path] = ()) -> Plane:
    """Draw closed shapes, then open paths, at 1024 and halve the plane, averaging."""
    image = Image.new("F", (SIDE_PX, SIDE_PX))
    draw = ImageDraw.Draw(image)
    for points, value in shapes:
        draw.polygon(points.ravel().tolist(), fill=float(value))
    for points, width_px, value in paths:
        draw.line(points.ravel().tolist(), fill=float(value), width=width_px)
    return np.array(image.reduce(2))


def blurred(plane: NDArray[np.float32], blur_px: float) -> Plane:
    """Gaussian blur; ``blur_px`` is its sigma in pixels of the 1024 plane."""
    sigma = blur_px * plane.shape[0] / SIDE_PX
    return np.asarray(ndimage.gaussian_filter(plane, sigma, truncate=3.0, mode="nearest"))


def resized(plane: NDArray[np.float32], side: int = SIDE_PX) -> Plane:
    """The plane at another side, bicubic."""
    image = Image.fromarray(np.ascontiguousarray(plane, np.float32))
    return np.array(image.resize((side, side), Image.Resampling.BICUBIC))


def smooth(points: Waypoints, *, closed: bool = False, rounds: int = 4) -> NDArray[np.float64]:
    """Cut the corners of a path, ``(n, 2 or 3)``, until it is smooth (Chaikin, 1974)."""
    path = np.asarray(points, float)
    for _ in range(rounds):
        ahead = np.roll(path, -1, axis=0) if closed else path[1:]
        here = path if closed else path[:-1]
        cut = np.stack([0.75 * here + 0.25 * ahead, 0.25 * here + 0.75 * ahead], axis=1)
        cut = cut.reshape(-1, path.shape[1])
        path = cut if closed else np.vstack([path[:1], cut, path[-1:]])
    return path


def tube(
    points: Points, half_width_px: ArrayLike, profile: Sequence[tuple[float, float]]
) -> list[Shape]:
    """A bent tube as nested bands, outermost first; ``profile``: share of half width, value."""
    along = np.gradient(points, axis=0)
    across = np.stack([-along[:, 1], along[:, 0]], axis=1)
    across /= np.maximum(np.linalg.norm(across, axis=1, keepdims=True), 1e-6)
    across *= np.broadcast_to(np.asarray(half_width_px, float), len(points))[:, None]
    return [
        (np.vstack([points + across * share, (points - across * share)[::-1]]), value)
        for share, value in profile
    ]


def ellipse(x: float, y: float, across_px: float, down_px: float, turn: float = 0.0) -> Points:
    """Outline of an ellipse with the given half axes, turned by ``turn`` radians."""
    angle = np.linspace(0, 2 * np.pi, 48, endpoint=False)
    a, b = across_px * np.cos(angle), down_px * np.sin(angle)
    cos, sin = np.cos(turn), np.sin(turn)
    return np.stack([x + a * cos - b * sin, y + a * sin + b * cos], axis=1)


def cloud(rng: np.random.Generator, grain_px: float) -> Plane:
    """Random smooth texture, mean 0 and standard deviation 1, of grains ``grain_px`` wide."""
    coarse = int(np.clip(SIDE_PX / grain_px * 2, 4, HALF_PX))
    plane = blurred(rng.standard_normal((coarse, coarse), np.float32), SIDE_PX / coarse)
    plane = (plane - plane.mean()) / plane.std()
    return resized(plane, HALF_PX)


def grid(side: int = HALF_PX) -> tuple[Plane, Plane]:
    """x, as one row, and y, as one column, of the pixels' centres of a plane, in px of 1024."""
    centres = (np.arange(side, dtype=np.float32) + 0.5) * (SIDE_PX / side)
    return centres[None, :], centres[:, None]


def step(plane: Plane, low: float, high: float) -> Plane:
    """Smooth step: 0 below ``low``, 1 above ``high``, cubic between."""
    share = np.clip((plane - low) / (high - low), 0, 1)
    return np.asarray(share * share * (3 - 2 * share), np.float32)
