"""The person's build, and how they stand before the detector.

Body coordinates are pixels of a 1024 x 1024 radiograph of an average adult: x to the image's
right (the person's left) from the midline, y down from the image's top, z forward from the
middle of the chest.
"""

from dataclasses import dataclass

import numpy as np
from numpy.typing import ArrayLike, NDArray

from pneumo.synthetic.canvas import Points


@dataclass(frozen=True)
class Build:
    """One person's anatomy; shares are of an average adult, 1 the average."""

    sex: str
    breadth: float
    height: float
    stoutness: float  # 0 slim .. 1 stout
    heart: float
    diaphragm_px: float  # lower (+) or higher (-) than average
    rib_descent: float
    clavicle_rise_px: float
    spine_bend_px: float
    aorta: float
    breast: float
    vessel_seed: int


@dataclass(frozen=True)
class Pose:
    """How one image was taken: angles in radians, ``shift`` in pixels, 1024-px plane."""

    view: str
    yaw: float
    roll: float
    pitch: float
    scale: float
    shift: tuple[float, float]

    def project(self, points: ArrayLike) -> Points:
        """Image positions ``(n, 2)`` of body points ``(n, 2 or 3)``; without z, z is 0."""
        body = np.asarray(points, float)
        if body.shape[1] == 2:
            body = np.hstack([body, np.zeros((len(body), 1))])
        return self._placed(self._turned(body))

    def _turned(self, body: NDArray[np.float64]) -> NDArray[np.float64]:
        x, y, z = body.T
        magnified = 1 + z * (1.2e-4 if self.view == "AP" else -0.8e-4)
        across = (x * np.cos(self.yaw) + z * np.sin(self.yaw)) * magnified
        down = (y - 480 + z * np.tan(self.pitch)) * magnified
        return np.stack([across, down], axis=1)

    def _placed(self, flat: NDArray[np.float64]) -> Points:
        cos, sin = np.cos(self.roll), np.sin(self.roll)
        turned = flat @ np.array([[cos, sin], [-sin, cos]])
        return turned * self.scale + np.array([512, 524]) + np.asarray(self.shift)


def draw_build(rng: np.random.Generator, sex: str, age: int) -> Build:
    """A person's anatomy; elderly people have a wider aorta and a more bent spine."""
    elderly = np.clip((age - 40) / 40, 0, 1)
    return Build(
        sex=sex,
        breadth=float(rng.normal(1.0, 0.045)),
        height=float(rng.normal(1.0 if sex == "M" else 0.97, 0.05)),
        stoutness=float(rng.beta(2, 2.5)),
        heart=float(rng.normal(1.0, 0.06) + 0.06 * elderly),
        diaphragm_px=float(rng.normal(0, 18)),
        rib_descent=float(rng.normal(1.0, 0.13)),
        clavicle_rise_px=float(rng.normal(10, 16)),
        spine_bend_px=float(rng.normal(0, 5 + 6 * elderly)),
        aorta=float(rng.normal(1.0, 0.1) + 0.25 * elderly),
        breast=float(rng.uniform(0.3, 1.0)) if sex == "F" else 0.0,
        vessel_seed=int(rng.integers(2**31)),
    )


def draw_pose(rng: np.random.Generator, view: str) -> Pose:
    """How an image is taken; AP, mostly in bed, is less well centred than PA."""
    loose = 1.6 if view == "AP" else 1.0
    return Pose(
        view=view,
        yaw=float(rng.normal(0, 0.035 * loose)),
        roll=float(rng.normal(0, 0.018 * loose)),
        pitch=float(rng.normal(-0.10 if view == "AP" else 0.0, 0.05)),
        scale=float(np.clip(rng.normal(0.99 if view == "AP" else 1.0, 0.055 * loose), 0.82, 1.15)),
        shift=(float(rng.normal(0, 14 * loose)), float(rng.normal(0, 18 * loose))),
    )
