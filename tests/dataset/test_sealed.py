"""People who are kept for test: decided by their name alone, and refused in training."""

import hashlib

import pandas as pd
import pytest

from pneumo.base.errors import DataError
from pneumo.dataset.sealed import is_feedback, is_sealed, refuse_sealed

PEOPLE = [f"feedback-{hashlib.sha256(str(n).encode()).hexdigest()[:32]}" for n in range(5000)]
SEALED = next(person for person in PEOPLE if is_sealed(person))
OPEN = next(person for person in PEOPLE if not is_sealed(person))


def test_one_in_five_is_sealed_and_always_the_same_ones():
    assert sum(map(is_sealed, PEOPLE)) / len(PEOPLE) == pytest.approx(0.2, abs=0.02)
    assert [is_sealed(f" {person.upper()} ") for person in PEOPLE] == [*map(is_sealed, PEOPLE)]
    first = hashlib.sha256(f"sealed:{PEOPLE[0]}".encode()).digest()
    assert is_sealed(PEOPLE[0]) == (int.from_bytes(first[:8], "big") % 5 == 0)


@pytest.mark.parametrize("person", ["12", 12, None, float("nan"), "feedback-", "f" * 32])
def test_people_of_other_data_are_never_sealed(person):
    assert not is_feedback(person)
    assert not is_sealed(person)


@pytest.mark.parametrize(
    ("person", "split", "refused"),
    [
        (SEALED, "train", True),
        (SEALED, "validation", True),
        (SEALED, "test", False),
        (SEALED, "unused", False),
        (OPEN, "train", False),
        ("17", "train", False),
    ],
)
def test_a_sealed_person_in_a_training_table_is_refused(person, split, refused):
    index = pd.DataFrame({"person": ["1", None, person], "split": ["train", "train", split]})
    if refused:
        with pytest.raises(DataError, match="1 sealed people would be trained or tuned on"):
            refuse_sealed(index, "data/feedback")
    else:
        refuse_sealed(index, "data/feedback")
