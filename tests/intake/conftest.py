import numpy as np
import pytest

from pneumo.intake.fit import fit
from pneumo.intake.profile import Profile
from tests.intake.radiographs import SIZE_PX, chests, seen


@pytest.fixture(scope="session")
def profile() -> Profile:
    """Of 120 training pictures, and 200 held-out ones of 160 people."""
    chance = np.random.default_rng(8)
    people = np.array([f"p{number * 4 // 5}" for number in range(200)])
    probability = chance.beta(1, 3, 200)
    return fit(
        seen(chests(120, 1)),
        seen(chests(200, 2)),
        people,
        probability,
        probability > 0.5,
        size_px=SIZE_PX,
        level=0.006,
        counts={"train_images": 120},
    )
