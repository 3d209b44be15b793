import keras
import numpy as np
import pytest


@pytest.fixture(autouse=True)
def _seeded():
    keras.utils.set_random_seed(0)


@pytest.fixture
def radiographs():
    """Four dark 32 px images, two with a bright square, and their two-channel masks."""
    chance = np.random.default_rng(0)
    images = chance.integers(40, 80, (4, 32, 32, 1), np.uint8)
    masks = np.zeros((4, 32, 32), np.uint8)
    masks[0, 8:20, 4:14] = masks[1, 14:26, 18:28] = 1
    images[masks == 1] += 120
    return images, np.stack([1 - masks, masks], axis=-1)
