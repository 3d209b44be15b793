"""One radiograph looked at: its features, what is odd about it, and who should look first."""

from dataclasses import dataclass

import numpy as np

from pneumo.detection.frame import Frame
from pneumo.intake.features import features, is_blank
from pneumo.intake.profile import TURNED, Profile
from pneumo.intake.thumbnails import mirror_score, normalised, thumbnail, turned_probability

ADULT_YEARS = 18
REVIEWS = {
    "blank": "it shows next to nothing",
    "turned": "it seems to be turned, or its grey levels reversed",
    "unusual": "it looks unlike the radiographs the networks were made from",
    "child": "it is of a child; the networks were made from adults",
    "uncertain": "the networks disagree about it",
}
"""Why a person should look first, the gravest reason first, and how a page says it."""


@dataclass(frozen=True)
class Look:
    """What one radiograph looks like.

    ``turned`` is a probability, ``mirror`` log-odds that left is left, ``unusual`` the squared
    distance from what is usual; None where the ensemble has no profile.
    """

    features: np.ndarray
    blank: bool
    turned: float | None = None
    mirror: float | None = None
    unusual: float | None = None


def look_at(pixels: np.ndarray, frame: Frame, profile: Profile | None) -> Look:
    """Look at the square of a radiograph, uint8 ``(size_px, size_px)``, without its black margins.

    A profile that was fitted on squares of another size is not used.
    """
    radiograph = inside(pixels, frame)
    small = thumbnail(radiograph)
    found = features(radiograph, small)
    blank = is_blank(found)
    if profile is None or profile.size_px != len(pixels):
        return Look(found, blank)
    small = normalised(small)[None]
    return Look(
        features=found,
        blank=blank,
        turned=float(turned_probability(small, profile.orientation, profile.biases)[0]),
        mirror=float(mirror_score(small, profile.mirror)[0]),
        unusual=float(distances(found[None], profile)[0]),
    )


def inside(pixels: np.ndarray, frame: Frame) -> np.ndarray:
    """The part of a square in which the radiograph lies."""
    (top, left), (rows, columns) = frame.offset, frame.shape
    return pixels[top : top + rows, left : left + columns]


def distances(found: np.ndarray, profile: Profile) -> np.ndarray:
    """Squared Mahalanobis distances of features ``(n, f)``: ``(n)``."""
    e = profile.embedding
    z = (found - e.input_means) / e.input_scales
    return np.einsum("ni,ij,nj->n", z, e.input_precision, z)


def reviews(
    look: Look, age: float | None, profile: Profile | None, disagreement: float | None = None
) -> list[str]:
    """The codes of ``REVIEWS`` that one radiograph earns by itself, the gravest first.

    An age or a disagreement that is not known says nothing, nor does one without a limit.
    """
    odd = {
        "blank": look.blank,
        "turned": not look.blank and look.turned is not None and look.turned > TURNED,
        "unusual": (
            look.unusual is not None and profile is not None and look.unusual > profile.unusual
        ),
        "child": age is not None and age < ADULT_YEARS,
        "uncertain": (
            disagreement is not None
            and profile is not None
            and profile.disagreement is not None
            and disagreement > profile.disagreement
        ),
    }
    return [code for code, found in odd.items() if found]
