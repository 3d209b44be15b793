import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from pneumo.prepared._quotas import quotas


@settings(max_examples=150, deadline=None)
@given(st.lists(st.tuples(st.integers(2, 11), st.integers(0, 2)), min_size=1, max_size=60))
def test_counts_that_can_be_met_are_met_exactly_however_awkward_the_people(people):
    """People of two to eleven images, none of one; the counts come from a division that exists."""
    capacity = [sum(size for size, split in people if split == n) for n in range(3)]
    numbers = {size: [s for s, _ in people].count(size) for size, _ in people}
    found = quotas(numbers, capacity)
    assert found is not None
    assert [sum(s * found[s][n] for s in found) for n in range(3)] == capacity
    assert all(sum(counts) == numbers[size] for size, counts in found.items())


@pytest.mark.parametrize(
    ("people", "capacity"),
    [
        ({2: 10}, [11, 9]),  # only pairs
        ({6: 5, 4: 5}, [25, 25]),
        ({3: 4, 5: 1}, [4, 13]),  # 4 is no sum of threes and one five
        ({7: 3, 2: 1}, [9, 9, 5]),
        ({1: 3}, [1, 1]),  # not all of them
    ],
)
def test_counts_that_cannot_be_met_are_none(people, capacity):
    assert quotas(people, capacity) is None


def test_sizes_are_shared_evenly():
    assert quotas({4: 10, 1: 100}, [70, 70]) == {4: [5, 5], 1: [50, 50]}
    assert quotas({}, [0, 0]) == {}
