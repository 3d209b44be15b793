"""Pictures whose maps are known since the registration: what an engine makes of them now."""

import numpy as np

from pneumo.base.errors import RegistryError
from pneumo.engines.engine import Engine
from pneumo.engines.package import GOLDEN, Package

TOLERANCE = {"float32": 0.001, "bfloat16": 0.02, "int8": 0.05}
"""Mean difference of a picture's probabilities from those of the registration, per precision."""


def check_golden(package: Package, engine: Engine) -> float:
    """Compute the golden pictures and compare; returns the largest mean gap.

    A package without golden pictures is asked for a black one, which must give finite values.
    Raises RegistryError, which names the member that gives values that are not finite.
    """
    try:
        pictures, known = read_golden(package, engine.size_px)
        maps = engine.probabilities(pictures)
    except RegistryError as error:
        where = "" if str(error).startswith(package.where) else f"{package.where}: "
        raise RegistryError(f"{where}{error}; do not use it") from None
    if known is None:
        return 0.0
    gaps = np.abs(maps - known).mean(axis=(1, 2))
    worst, most = int(gaps.argmax()), TOLERANCE[engine.precision]
    if not gaps[worst] <= most:
        raise RegistryError(
            f"{package.where}: {engine.name} in {engine.precision} differs by {gaps[worst]:.3f} "
            f"from the registered probabilities of {GOLDEN}, picture {worst} "
            f"({most} is allowed); do not use it"
        )
    return float(gaps[worst])


def read_golden(package: Package, size_px: int) -> tuple[np.ndarray, np.ndarray | None]:
    """Pictures, uint8 ``(n, size_px, size_px)``, and their probabilities at the registration.

    A black picture and None where there are none. Raises RegistryError.
    """
    if GOLDEN not in package.sums:
        return np.zeros((1, size_px, size_px), np.uint8), None
    try:
        with np.load(package.file(GOLDEN), allow_pickle=False) as arrays:
            pictures, known = arrays["images"], arrays["probabilities"]
    except (OSError, ValueError, KeyError, EOFError) as error:
        raise RegistryError(f"{GOLDEN} cannot be read ({type(error).__name__})") from None
    if pictures.dtype != np.uint8 or pictures.shape[1:] != (size_px, size_px):
        raise RegistryError(f"{GOLDEN} holds no pictures of {size_px} x {size_px} pixels")
    if known.shape != pictures.shape or not np.isfinite(known).all():
        raise RegistryError(f"{GOLDEN} holds no probabilities of its pictures")
    return pictures, known
