"""Pictures of the page: as data URLs, or as shapes that take their colours from its style."""

import base64
import io
from collections.abc import Sequence

import numpy as np
from PIL import Image

HEAT_RGB = np.array([255, 140, 26])
HEAT_PX, HEAT_STRENGTH = 384, 0.85


def jpeg_url(pixels: np.ndarray) -> str:
    """A grey picture, uint8 ``(rows, columns)``, as a data URL."""
    return _url(Image.fromarray(pixels), "jpeg", quality=82)


def heat_map(mean: np.ndarray, coverage: np.ndarray, largest: float) -> str:
    """Where boxes lie, over the mean radiograph, as a data URL.

    ``mean`` is ``(n, n)`` in [0, 255]; ``coverage`` ``(m, m)``, full colour where ``largest``.
    """
    ground = _enlarged(mean / max(float(mean.max()), 1e-9))
    heat = _enlarged(coverage / max(largest, 1e-9)).clip(0, 1)[..., None] * HEAT_STRENGTH
    colours = ground[..., None] * 190 * (1 - heat) + HEAT_RGB * heat
    return _url(Image.fromarray(colours.clip(0, 255).astype(np.uint8)), "jpeg", quality=85)


def squares(density: np.ndarray, side: float = 240.0) -> list[dict[str, float]]:
    """The filled cells of a 2-D histogram: ``x, y, side`` in units of a drawing, ``opacity``.

    The first row is drawn at the bottom. Opacity is the root of the share, so that rare cells show.
    """
    cell, largest = side / len(density), max(float(density.max()), 1e-9)
    return [
        {"x": column * cell, "y": side - (row + 1) * cell, "side": cell,
         "opacity": round(float(np.sqrt(density[row, column] / largest)), 3)}
        for row, column in zip(*np.nonzero(density), strict=True)
    ]  # fmt: skip


def outline(shares: Sequence[float], width: float, height: float, largest: float) -> str:
    """The points of a histogram's outline for ``<polygon>``, closed along its base."""
    step = width / len(shares)
    points = [(0.0, height)]
    for number, share in enumerate(shares):
        y = height - height * share / max(largest, 1e-9)
        points += [(number * step, y), ((number + 1) * step, y)]
    return " ".join(f"{x:.1f},{y:.1f}" for x, y in [*points, (width, height)])


def _enlarged(values: np.ndarray) -> np.ndarray:
    picture = Image.fromarray(values.astype(np.float32))
    return np.asarray(picture.resize((HEAT_PX, HEAT_PX), Image.Resampling.BICUBIC))


def _url(picture: Image.Image, kind: str, **options: int) -> str:
    buffer = io.BytesIO()
    picture.save(buffer, kind, **options)
    return f"data:image/{kind};base64,{base64.b64encode(buffer.getvalue()).decode()}"
