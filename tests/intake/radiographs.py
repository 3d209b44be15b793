"""Pictures that look a little like chests: two dark fields, the heart's shadow on one side."""

import numpy as np

from pneumo.intake.features import features
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
