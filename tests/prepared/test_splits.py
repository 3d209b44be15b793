import numpy as np
import pandas as pd
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from pneumo.base.errors import DataError
from pneumo.base.files import sha256_of
from pneumo.prepared.splits import (
    UNUSED,
    leaked_people,
    leaked_share,
    split_by_image,
    split_by_person,
)


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


def test_people_of_many_images_are_placed_exactly_when_it_is_possible():
    person = np.repeat(list("abcdefgh"), [7, 7, 5, 5, 5, 3, 3, 2])
    images = pd.DataFrame({"person": person, "stratum": "a"})
    split = split_by_person(images, {"train": None, "validation": 10, "test": 12}, 1)
    assert split.value_counts().to_dict() == {"train": 15, "test": 12, "validation": 10}
    assert leaked_people(images.assign(split=split)) == 0
    with pytest.raises(DataError, match="cannot be divided exactly"):
        split_by_person(images, {"train": None, "validation": 1, "test": 12}, 1)


def named(people: int, seed: int) -> pd.DataFrame:
    images = images_of(people, seed)
    return images.assign(patientId=[f"id-{n}" for n in range(len(images))])


def test_reserved_images_are_the_test_set_and_their_people_are_nowhere_else():
    images = named(200, 7)
    reserved = images["patientId"].iloc[:20].tolist()
    split = split_by_person(images, {"train": None, "validation": 20, "test": 20}, 1, reserved)
    assert images[split == "test"]["patientId"].tolist() == reserved
    people = images[split == "test"]["person"]
    assert set(split[images["person"].isin(people)]) <= {"test", UNUSED}
    assert (split == "validation").sum() == 20


def test_a_larger_test_set_takes_the_reserved_peoples_other_images_first():
    images = named(200, 8)
    two = images["person"].duplicated(keep=False)
    reserved = images[two & ~images["person"].duplicated()]["patientId"].head(10).tolist()
    split = split_by_person(images, {"train": None, "validation": 20, "test": 60}, 1, reserved)
    assert (split == "test").sum() == 60
    theirs = images[images["patientId"].isin(reserved)]["person"]
    assert (split[images["person"].isin(theirs)] == "test").all()
    assert leaked_people(images.assign(split=split)) == 0


@pytest.mark.parametrize(
    ("reserved", "complaint"),
    [(["id-1", "id-2", "id-3"], "reserves 3 images"), (["nobody"], "none of its IDs")],
)
def test_a_reservation_that_does_not_fit_says_so(reserved, complaint):
    with pytest.raises(DataError, match=complaint):
        split_by_person(named(50, 9), {"train": None, "validation": 5, "test": 2}, 1, reserved)


def test_images_of_unknown_people_are_unused():
    images = images_of(60, 10)
    images.loc[3, "person"] = None
    split = split_by_person(images, {"train": None, "validation": 5, "test": 5}, 1)
    assert split[split == UNUSED].index.tolist() == [3]


def test_a_split_by_image_leaks():
    images = named(300, 11)
    counts = {"train": None, "validation": 60, "test": 60}
    naive = images.assign(split=split_by_image(images, counts, 1))
    assert naive["split"].value_counts().to_dict()["validation"] == 60
    assert leaked_people(naive) > 10
    assert 0.1 < leaked_share(naive, "validation") < 0.7
    ours = images.assign(split=split_by_person(images, counts, 1))
    assert leaked_share(ours, "validation") == 0


def test_the_split_is_the_same_on_every_machine():
    numbers = range(150)
    images = pd.DataFrame(
        {"person": [str(n * n % 83) for n in numbers], "stratum": ["abc"[n % 3] for n in numbers]}
    )
    split = split_by_person(images, {"train": None, "validation": 20, "test": 20}, 1)
    assert sha256_of(split.tolist())[:12] == "7210d49fbe01"
