"""Train, validation and test: by person, never by image, in the counts that are set."""

import hashlib
from collections.abc import Mapping

import numpy as np
import pandas as pd

from pneumo.errors import DataError

UNUSED = "unused"


def split_by_person(images: pd.DataFrame, counts: Mapping[str, int | None], seed: int) -> pd.Series:
    """Give every image a split so that no person is in two.

    ``images`` has ``person`` and ``stratum`` (what is balanced, such as the class). ``counts``
    maps each split to its number of images; one may be None and takes what is left, otherwise the
    rest is ``unused``. People are placed in an order drawn from ``seed``, those with most images
    first, where their strata are most missing; the same table gives the same split on any
    machine. Returns a Series of split names, indexed like ``images``. Raises DataError when the
    counts cannot be met exactly.
    """
    capacity = _capacity(len(images), counts)
    strata = pd.crosstab(images["person"], images["stratum"])
    of_person = dict(zip(strata.index, strata.to_numpy(), strict=True))
    people = sorted(of_person, key=lambda person: (-of_person[person].sum(), _draw(person, seed)))
    shares = strata.sum().to_numpy() / len(images)
    missing = np.array([shares * size for size in capacity.values()])
    sizes = np.array(list(capacity.values()), dtype=float)
    free = sizes.copy()
    placed: dict[str, str] = {}
    for person in people:
        images_by_stratum = of_person[person]
        need = (missing @ images_by_stratum) / np.maximum(sizes, 1)
        need[free < images_by_stratum.sum()] = -np.inf
        best = int(np.argmax(need))
        if need[best] == -np.inf:
            raise DataError(
                f"data: the {images_by_stratum.sum()} images of one person fit into no split of "
                f"{dict(capacity)}; choose other counts"
            )
        missing[best] -= images_by_stratum
        free[best] -= images_by_stratum.sum()
        placed[person] = list(capacity)[best]
    return images["person"].map(placed)


def leaked_people(index: pd.DataFrame) -> int:
    """How many people have images in more than one split; ``index`` has ``person, split``."""
    return int((index.groupby("person")["split"].nunique() > 1).sum())


def _capacity(total: int, counts: Mapping[str, int | None]) -> dict[str, int]:
    fixed = sum(size or 0 for size in counts.values())
    left = total - fixed
    if left < 0 or (left == 0 and None in counts.values()):
        raise DataError(
            f"data: {total} images are there, but the splits need {fixed}"
            f"{' and some for the rest' if None in counts.values() else ''}; "
            "lower data.train_images, data.validation_images or data.test_images"
        )
    capacity = {name: left if size is None else size for name, size in counts.items()}
    return capacity if None in counts.values() else {**capacity, UNUSED: left}


def _draw(person: str, seed: int) -> str:
    return hashlib.sha256(f"{seed}:{person}".encode()).hexdigest()
