"""How many people of each size go where, so that the numbers of images come out exactly.

A person with five images is five images in one split. With few people of one image the counts
may be hard to meet, or impossible; this is a subset-sum problem, solved by search in integers,
so that every machine finds the same answer.
"""

from collections.abc import Iterator, Mapping, Sequence
from itertools import product

MOST_STEPS = 200_000
"""Trials after which the search gives up; ordinary tables need one per size."""


def quotas(people: Mapping[int, int], capacity: Sequence[int]) -> dict[int, list[int]] | None:
    """For each size (images of a person) how many people go to each split.

    ``people`` maps a size to the number of people who have it; ``capacity`` is the number of
    images of each split, in all as many as there are. Shares are as even over the sizes as the
    exact counts allow. Returns None when no division exists, or none was found in ``MOST_STEPS``.
    """
    sizes = sorted((size for size in people if people[size]), reverse=True)
    if sum(size * people[size] for size in sizes) != sum(capacity):
        return None
    reachable = _reachable(sizes, people)
    search = _Search(sizes, people, reachable)
    return search.run(0, tuple(capacity))


def _reachable(sizes: Sequence[int], people: Mapping[int, int]) -> list[int]:
    """Bit ``n`` of item ``i``: some people of sizes ``i``, ``i + 1``, ... have ``n`` images."""
    sums = [1]
    for size in reversed(sizes):
        bits, left, step = sums[-1], people[size], 1
        while left:
            step = min(step, left)
            bits |= bits << (size * step)
            left, step = left - step, step * 2
        sums.append(bits)
    return sums[::-1]


class _Search:
    """Depth first over the sizes, largest first, near even shares first; dead ends are kept."""

    def __init__(self, sizes: list[int], people: Mapping[int, int], reachable: list[int]) -> None:
        self.sizes, self.people, self.reachable = sizes, people, reachable
        self.dead: set[tuple[int, tuple[int, ...]]] = set()
        self.steps = 0

    def run(self, level: int, free: tuple[int, ...]) -> dict[int, list[int]] | None:
        """The division of the sizes from ``level`` on into ``free`` images per split."""
        if level == len(self.sizes):
            return {}
        if (level, free) in self.dead:
            return None
        size = self.sizes[level]
        for counts in _near_even(size, self.people[size], free):
            self.steps += 1
            if self.steps > MOST_STEPS:
                return None
            left = tuple(room - size * n for room, n in zip(free, counts, strict=True))
            if all(self.reachable[level + 1] >> room & 1 for room in left):
                rest = self.run(level + 1, left)
                if rest is not None:
                    return {size: list(counts), **rest}
        self.dead.add((level, free))
        return None


def _near_even(size: int, people: int, free: Sequence[int]) -> Iterator[tuple[int, ...]]:
    """Divisions of ``people`` over splits with ``free`` images, those near even shares first."""
    total = sum(free)
    most = [min(people, room // size) for room in free]
    even = [(2 * people * room + total) // (2 * total) for room in free]  # rounded
    middle = [min(top, n) for top, n in zip(most, even, strict=True)]
    last = max(range(len(free)), key=lambda split: free[split])  # the widest takes the difference
    others = [split for split in range(len(free)) if split != last]
    for ring in range(people + 1):
        inside = False
        choices = [
            [n for n in range(middle[s] - ring, middle[s] + ring + 1) if 0 <= n <= most[s]]
            for s in others
        ]
        for picked in product(*choices):
            distance = max(
                (abs(n - middle[s]) for n, s in zip(picked, others, strict=True)), default=0
            )
            inside |= distance == ring
            if distance == ring and 0 <= people - sum(picked) <= most[last]:
                counts = dict(zip(others, picked, strict=True)) | {last: people - sum(picked)}
                yield tuple(counts[s] for s in range(len(free)))
        if not inside:
            return
