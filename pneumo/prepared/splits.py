"""Train, validation and test: by person, never by image, in the counts that are set."""

import hashlib
from collections.abc import Collection, Mapping
from typing import TYPE_CHECKING, Any

import numpy as np
import pandas as pd

from pneumo.base.errors import DataError
from pneumo.dataset.tables import spell
from pneumo.prepared._quotas import quotas

if TYPE_CHECKING:
    from pneumo.base.settings import DataSettings

UNUSED = "unused"
VIEWS = ("AP", "PA")
Counts = Mapping[str, int | None]


def split_images(
    images: pd.DataFrame, data: "DataSettings", reserved: Collection[str] = ()
) -> pd.Series:
    """Split ``images`` (``patientId, person, class, view``) as the settings say.

    Stratified by class and view. ``reserved`` are IDs as ``ids.read_ids`` gives them.
    """
    view = images["view"].where(images["view"].isin(VIEWS), "other")
    strata = images.assign(stratum=images["class"].astype(str) + " " + view.astype(str))
    return split_by_person(strata, counts_of(data), data.seed, reserved)


def counts_of(data: "DataSettings") -> dict[str, int | None]:
    """The number of images of each split; None: all that are left."""
    return {
        "train": data.train_images,
        "validation": data.validation_images,
        "test": data.test_images,
    }


def split_by_person(
    images: pd.DataFrame, counts: Counts, seed: int, reserved: Collection[str] = ()
) -> pd.Series:
    """Give every image a split so that no person is in two.

    ``images`` has ``person`` and ``stratum`` (what is balanced, such as the class). ``counts``
    maps each split to its number of images; one may be None and takes what is left, otherwise the
    rest is ``unused``. Images without a person are ``unused``. People are placed in an order
    drawn from ``seed``, where their strata are most missing; the same table gives the same split
    on any machine, since all is decided in integers. Returns a Series of split names, indexed
    like ``images``. Raises DataError when the counts cannot be met exactly.

    The images whose ``patientId`` is in ``reserved`` go to ``test``, also those without a person.
    Other images of the same people fill ``test`` up, and are ``unused`` when it is full.
    """
    split = pd.Series(UNUSED, index=images.index, dtype=object, name="split")
    if len(reserved):
        counts, images = _reserve(split, images, counts, seed, reserved)
    known = images[images["person"].notna()]
    split.loc[known.index] = _place(known, _capacity(len(known), counts), seed)
    return split


def counts_by_split(index: pd.DataFrame) -> dict[str, Any]:
    """``images, positive, people`` per split, and ``leaked_people``, as ``profile.json`` has them.

    ``index`` has ``person, target, split``.
    """
    return {
        "images": index["split"].value_counts().to_dict(),
        "positive": index[index["target"] == 1]["split"].value_counts().to_dict(),
        "people": index.groupby("split")["person"].nunique().to_dict(),
        "leaked_people": leaked_people(index),
    }


def leaked_people(index: pd.DataFrame) -> int:
    """How many people have images in more than one split; ``index`` has ``person, split``."""
    used = index[index["split"] != UNUSED]
    return int((used.groupby("person")["split"].nunique() > 1).sum())


def leaked_share(index: pd.DataFrame, split: str) -> float:
    """Share, in [0, 1], of the images of ``split`` whose person is in ``train`` too."""
    here = index[index["split"] == split]["person"]
    return float(here.isin(index[index["split"] == "train"]["person"]).mean())


def split_by_image(images: pd.DataFrame, counts: Counts, seed: int) -> pd.Series:
    """The naive split, at random over images, to show what it leaks. Never train on it."""
    capacity = _capacity(len(images), counts)
    drawn = images["patientId"].map(lambda name: _draw(name, seed)).sort_values()
    names = np.repeat(list(capacity), list(capacity.values()))
    return pd.Series(names, index=drawn.index).reindex(images.index)


def _reserve(
    split: pd.Series, images: pd.DataFrame, counts: Counts, seed: int, reserved: Collection[str]
) -> tuple[Counts, pd.DataFrame]:
    """Write the reserved people's images to ``split``; the counts and images that are left."""
    inside = spell(images["patientId"]).isin(set(reserved))
    size = counts["test"]
    if not inside.any():
        raise DataError("data.reserved_test: none of its IDs is an image that is there")
    if size is None or size < inside.sum():
        raise DataError(
            f"data.reserved_test: reserves {inside.sum()} images for test, more than "
            f"data.test_images ({size}); raise that setting"
        )
    theirs = images["person"].isin(images[inside]["person"].dropna())
    more = _drawn_evenly(images[theirs & ~inside], size - int(inside.sum()), seed)
    split.loc[images.index[inside]] = "test"
    split.loc[more] = "test"
    left = {**counts, "test": size - int(inside.sum()) - len(more)}
    return left, images[~theirs & ~inside]


def _drawn_evenly(images: pd.DataFrame, size: int, seed: int) -> pd.Index:
    """At most ``size`` images, drawn so that the strata keep their shares."""
    drawn = images.assign(draw=images["patientId"].map(lambda name: _draw(name, seed)))
    drawn = drawn.sort_values("draw")
    strata = drawn.groupby("stratum")["draw"]
    place = (2 * strata.cumcount() + 1) / (2 * strata.transform("size"))
    return drawn.assign(place=place).sort_values(["place", "draw"]).index[:size]


def _place(images: pd.DataFrame, capacity: dict[str, int], seed: int) -> pd.Series:
    """Whole people into splits of exactly ``capacity`` images."""
    strata = pd.crosstab(images["person"], images["stratum"])
    of_person = dict(zip(strata.index, strata.to_numpy(np.int64), strict=True))
    size_of = {person: int(row.sum()) for person, row in of_person.items()}
    sizes, numbers = np.unique(list(size_of.values()), return_counts=True)
    people = dict(zip(sizes.tolist(), numbers.tolist(), strict=True))
    room = quotas(people, list(capacity.values()))
    if room is None:
        raise DataError(
            f"data: people with up to {max(people, default=0)} images each cannot be divided "
            f"exactly into {dict(capacity)}; choose other counts"
        )
    wanted = np.array(list(capacity.values()), np.int64)
    missing = wanted[:, None] * strata.sum().to_numpy(np.int64)  # in units of 1 / len(images)
    names = list(capacity)
    placed: dict[str, str] = {}
    for person in sorted(of_person, key=lambda who: (-size_of[who], _draw(who, seed))):
        open_ = [n for n, left in enumerate(room[size_of[person]]) if left]
        need = missing @ of_person[person]
        best = max(open_, key=lambda n: (int(need[n]) / int(wanted[n]), -n))
        missing[best] -= len(images) * of_person[person]
        room[size_of[person]][best] -= 1
        placed[person] = names[best]
    return images["person"].map(placed)


def _capacity(total: int, counts: Counts) -> dict[str, int]:
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


def _draw(name: str, seed: int) -> str:
    return hashlib.sha256(f"{seed}:{name}".encode()).hexdigest()
