"""From attenuation to grey levels: scatter, contrast, grain, shutters."""

import numpy as np

from pneumo.synthetic.canvas import HALF_PX, SIDE_PX, Plane, blurred, grid, resized, step


def developed(
    rng: np.random.Generator, plane: Plane, letters: Plane, view: str, heavy: float
) -> np.ndarray:
    """Grey levels uint8 ``(1024, 1024)`` of an attenuation map ``(512, 512)`` of 0 to 1.3.

    ``letters``, 0 to 1 and of full size, are lead: white on top of everything.
    Portable (AP) images and stout people (``heavy`` in [0, 1]) scatter more and show less contrast.
    """
    scatter = float(
        np.clip(rng.normal(0.12 + 0.12 * heavy + (0.10 if view == "AP" else 0), 0.05), 0, 0.5)
    )
    plane = (1 - scatter) * plane + scatter * _veil(plane)
    black, white = rng.normal(0.08, 0.02), rng.normal(1.12, 0.045)
    if view == "AP":
        black -= 0.05
    share = np.clip((plane - black) / (white - black), 0, 1.15).astype(np.float32)
    gamma = float(np.exp(rng.normal(-0.02 if view == "PA" else -0.18, 0.14)))
    grey = rng.normal(236, 9) * _shoulder(share**gamma)
    grey, plane = resized(grey), resized(plane)
    grey = np.maximum(grey, 250 * letters)
    grey = (grey + _grain(rng, plane)) * _shutters(rng)
    return np.clip(np.rint(grey), 0, 255).astype(np.uint8)


def _veil(plane: Plane) -> Plane:
    return resized(blurred(resized(plane, 128), 95), HALF_PX)


def _shoulder(share: Plane) -> Plane:
    """Linear up to 0.85, then bending softly to 1: dense parts keep some detail."""
    over = np.clip(share - 0.85, 0, None)
    return np.asarray(np.minimum(share, 0.85) + 0.15 * (1 - np.exp(-over / 0.15)), np.float32)


def _grain(rng: np.random.Generator, plane: Plane) -> Plane:
    """Quantum mottle: stronger where little light came through."""
    level = rng.uniform(0.9, 2.2)
    noise = rng.standard_normal((SIDE_PX, SIDE_PX), np.float32)
    noise = 0.6 * noise + 0.4 * np.roll(noise, 1, axis=0) + 0.4 * np.roll(noise, 1, axis=1)
    return np.asarray(noise * level * (0.35 + 0.65 * np.clip(plane, 0, 1.2)) * (plane > 0.02))


def _shutters(rng: np.random.Generator) -> Plane:
    """Collimation: black beyond an edge at some sides of some images."""
    x, y = grid(SIDE_PX)
    open_ = np.ones((SIDE_PX, SIDE_PX), np.float32)
    for along, across, side in ((x, y, 0), (x, y, 1), (y, x, 0), (y, x, 1)):
        if rng.random() < 0.15:
            inset = abs(rng.normal(0, 22)) + (across - 512) * rng.normal(0, 0.008)
            distance = along if side == 0 else SIDE_PX - along
            open_ = open_ * step(distance - inset, -3, 3)
    return np.asarray(open_ + 0.0, np.float32)
