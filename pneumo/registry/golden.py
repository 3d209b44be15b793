"""Golden images: synthetic phantoms whose answers a registered ensemble must give again.

``golden.npz`` holds ``images``, uint8 ``(n, size_px, size_px)``, drawn from a fixed seed and so of
nobody; ``probabilities``, float32 of the same shape, blended, and ``disagreement``, float64
``(n)``, are what Keras gave at registration.
"""

from functools import cache
from pathlib import Path

import numpy as np
from PIL import Image

from pneumo.base.errors import RegistryError
from pneumo.engines.known_answers import differences, read_golden
from pneumo.engines.package import GOLDEN, Package, sum_up
from pneumo.synthetic.plan import plan
from pneumo.synthetic.radiograph import draw

COUNT, SEED = 4, 20_180_827
TOLERANCE = 1e-3
"""Largest difference of a probability that rounding explains, also on another processor."""


@cache
def phantoms(size_px: int) -> np.ndarray:
    """The golden images, uint8 ``(4, size_px, size_px)``; the same for everybody."""
    drawn = [draw(case)[0] for case in plan(COUNT, SEED)]
    box = Image.Resampling.BOX
    return np.stack(
        [np.asarray(Image.fromarray(pixels).resize((size_px, size_px), box)) for pixels in drawn]
    )


def write_golden(folder: Path, size_px: int) -> None:
    """Let the ensemble whose files are in ``folder`` answer the phantoms; write ``golden.npz``.

    RegistryError when it gives a value that is not finite.
    """
    from pneumo.engines.keras import KerasEngine

    images = phantoms(size_px)
    maps, apart = KerasEngine(sum_up(folder)).answers(images)
    arrays = {"images": images, "probabilities": maps, "disagreement": apart}
    np.savez_compressed(folder / GOLDEN, allow_pickle=False, **arrays)
    sum_up(folder)


def golden_fault(package: Package) -> str:
    """What is wrong with the answers of the ensemble in ``package``; blank: nothing."""
    from pneumo.engines.keras import KerasEngine

    try:
        engine = KerasEngine(package)
        images, expected = read_golden(package, engine.size_px)
        found = engine.answers(images)
    except (OSError, ValueError, RegistryError) as error:
        return " ".join(str(error).split())
    if expected is None:
        return f"{GOLDEN}: there is none"
    gaps = differences(found, expected)
    for what, gap in (("probability", gaps.maps), ("disagreement", gaps.disagreement)):
        if not (largest := float(gap.max())) <= TOLERANCE:
            return f"a {what} differs by {largest:.6f} from the registered one, after loading"
    return ""
