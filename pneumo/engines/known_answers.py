"""Pictures whose answers are known since the registration: what an engine makes of them now."""

import numpy as np

from pneumo.base.errors import RegistryError
from pneumo.engines.engine import Answers, Engine
from pneumo.engines.package import GOLDEN, Package

TOLERANCE = {"float32": 0.001, "mixed": 0.02, "bfloat16": 0.02, "int8": 0.05}
"""Mean difference of a picture's probabilities from those of the registration, per precision."""

WIDER = 2
"""Times that, for the disagreement: it is of the cells in which the networks are most apart."""


def check_golden(package: Package, engine: Engine) -> float:
    """Compute the golden pictures and compare; returns the largest mean gap of probabilities.

    A package without golden pictures is asked for a black one, which must give finite values.
    Raises RegistryError, which names the member that gives values that are not finite.
    """
    try:
        pictures, known = read_golden(package, engine.size_px)
        found = engine.answers(pictures)
    except RegistryError as error:
        where = "" if str(error).startswith(package.where) else f"{package.where}: "
        raise RegistryError(f"{where}{error}; do not use it") from None
    if known is None:
        return 0.0
    most, gaps = TOLERANCE[engine.precision], differences(found, known)
    for what, gap, allowed in (
        ("probabilities", gaps.maps.mean(axis=(1, 2)), most),
        ("disagreement", gaps.disagreement, WIDER * most),
    ):
        worst = int(gap.argmax())
        if not gap[worst] <= allowed:
            raise RegistryError(
                f"{package.where}: {engine.name} in {engine.precision} differs by {gap[worst]:.3f} "
                f"from the registered {what} of {GOLDEN}, picture {worst} "
                f"({allowed} is allowed); do not use it"
            )
    return float(gaps.maps.mean(axis=(1, 2)).max())


def differences(found: Answers, known: Answers) -> Answers:
    """Absolute gaps of answers; 0 for a disagreement that one of the two does not tell."""
    apart = np.abs(found.disagreement - known.disagreement)
    untold = np.isnan(known.disagreement) | np.isnan(found.disagreement)
    return Answers(np.abs(found.maps - known.maps), np.where(untold, 0.0, apart))


def read_golden(package: Package, size_px: int) -> tuple[np.ndarray, Answers | None]:
    """Pictures, uint8 ``(n, size_px, size_px)``, and the answers to them at the registration.

    A black picture and None where there are none; registered before it was told, the disagreement
    is NaN. Raises RegistryError.
    """
    if GOLDEN not in package.sums:
        return np.zeros((1, size_px, size_px), np.uint8), None
    try:
        with np.load(package.file(GOLDEN), allow_pickle=False) as arrays:
            pictures, known = arrays["images"], arrays["probabilities"]
            apart = arrays.get("disagreement", np.full(len(pictures), np.nan))
    except (OSError, ValueError, KeyError, EOFError) as error:
        raise RegistryError(f"{GOLDEN} cannot be read ({type(error).__name__})") from None
    if pictures.dtype != np.uint8 or pictures.shape[1:] != (size_px, size_px):
        raise RegistryError(f"{GOLDEN} holds no pictures of {size_px} x {size_px} pixels")
    if known.shape != pictures.shape or not np.isfinite(known).all():
        raise RegistryError(f"{GOLDEN} holds no probabilities of its pictures")
    if apart.shape != (len(pictures),) or apart.dtype.kind != "f":
        raise RegistryError(f"{GOLDEN} holds no disagreement on its pictures")
    return pictures, Answers(known, apart)
