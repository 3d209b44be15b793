import numpy as np
import pandas as pd
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from pneumo.errors import DataError
from pneumo.splits import UNUSED, leaked_people, split_by_person


def images_of(people: int, seed: int) -> pd.DataFrame:
    rng = np.random.default_rng(seed)
    person = np.repeat(np.arange(people).astype(str), rng.geometric(0.75, people).clip(max=5))
    return pd.DataFrame({"person": person, "stratum": rng.choice(list("abc"), len(person))})


@settings(max_examples=30, deadline=None)
@given(st.integers(40, 200), st.integers(0, 9))
def test_no_person_is_in_two_splits_and_the_counts_are_exact(people, seed):
    images = images_of(people, seed)
    split = split_by_person(images, {"train": None, "validation": 8, "test": 9}, seed)
    assert leaked_people(images.assign(split=split)) == 0
    assert split.value_counts().to_dict() == {
        "train": len(images) - 17, "validation": 8, "test": 9
    }  # fmt: skip


def test_strata_are_balanced():
    images = images_of(600, 3)
    split = split_by_person(images, {"train": None, "validation": 150, "test": 150}, 1)
    shares = pd.crosstab(split, images["stratum"], normalize="index")
    assert (shares.max() - shares.min()).max() < 0.02


def test_the_rows_order_changes_nothing_and_the_seed_does():
    images = images_of(100, 4)
    counts = {"train": None, "validation": 20, "test": 20}
    split = split_by_person(images, counts, 1)
    shuffled = split_by_person(images.sample(frac=1, random_state=1), counts, 1)
    assert shuffled.sort_index().equals(split)
    assert not split_by_person(images, counts, 2).equals(split)


def test_images_beyond_the_counts_are_unused():
    split = split_by_person(images_of(100, 5), {"train": 50, "validation": 10, "test": 10}, 1)
    assert (split != UNUSED).sum() == 70


def test_counts_that_cannot_be_met_say_so():
    with pytest.raises(DataError, match=r"data\.test_images"):
        split_by_person(images_of(10, 6), {"train": None, "validation": 50, "test": 50}, 1)
