"""Pictures that look a little like chests: two dark fields, the heart's shadow on one side."""

import numpy as np

from pneumo.intake.features import features
from pneumo.intake.fit import fit
from pneumo.intake.profile import Profile
from pneumo.intake.thumbnails import normalised, thumbnail

SIZE_PX = 64


def chests(count: int, seed: int) -> np.ndarray:
    """uint8 ``(count, 64, 64)``, of chance by ``seed``."""
    chance = np.random.default_rng(seed)
    y, x = np.mgrid[0:1:64j, 0:1:64j]
    found = []
    for _ in range(count):
        wide, high, bright = (
            chance.normal(0.13, 0.01),
            chance.normal(0.3, 0.02),
            chance.normal(0, 8),
        )
        picture = 150 + 40 * y + bright
        for centre in (0.28, 0.72):
            inside = ((x - centre) / wide) ** 2 + ((y - 0.48) / high) ** 2
            picture -= 110 * np.exp(-(inside**2))
        heart = ((x - 0.6) / 0.12) ** 2 + ((y - 0.62) / 0.16) ** 2
        picture += 70 * np.exp(-heart) * chance.normal(1, 0.1)
        found.append(picture + chance.normal(0, 4, picture.shape))
    return np.clip(found, 0, 255).astype(np.uint8)


def seen(pictures: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """Features and normalised thumbnails of pictures."""
    small = np.stack([thumbnail(picture) for picture in pictures])
    found = [features(picture, one) for picture, one in zip(pictures, small, strict=True)]
    return np.array(found, float), normalised(small)


def fitted(size_px: int, disagreement: np.ndarray | None = None) -> Profile:
    """A profile of 60 people for squares of ``size_px``."""
    probability = np.random.default_rng(3).beta(1, 3, 60)
    pictures = [chests(60, seed)[:, :size_px, :size_px] for seed in (1, 2)]
    return fit(
        seen(pictures[0]), seen(pictures[1]), np.arange(60).astype(str), probability,
        probability > 0.5, size_px=size_px, level=0.006, counts={}, disagreement=disagreement,
    )  # fmt: skip
