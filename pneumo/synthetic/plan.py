"""Who is on which image: persons, views, classes and names, all drawn from one seed."""

import uuid
from dataclasses import dataclass

import numpy as np

NORMAL, OTHER, OPACITY = "Normal", "No Lung Opacity / Not Normal", "Lung Opacity"

# Shares of view and class: 45 % AP, where pneumonia is more frequent, as among RSNA's images.
SHARES = {
    ("AP", OPACITY): 0.207, ("AP", OTHER): 0.175, ("AP", NORMAL): 0.068,
    ("PA", OPACITY): 0.143, ("PA", OTHER): 0.175, ("PA", NORMAL): 0.232,
}  # fmt: skip
IMAGES_PER_PERSON = {1: 0.77, 2: 0.15, 3: 0.05, 4: 0.03}
SPACINGS_MM = (0.139, 0.143, 0.168, 0.171, 0.194)


@dataclass(frozen=True)
class Case:
    """One image to be made: its names, its person, and the seeds of all that is drawn."""

    seed: int
    index: int
    patient_id: str
    person: int
    view: str
    finding: str
    sex: str
    age: int
    spacing_mm: float


def plan(images: int, seed: int) -> list[Case]:
    """All images of a data set, in order of their names; same arguments, same plan."""
    rng = np.random.default_rng([seed, 0])
    pairs = _views_and_classes(rng, images)
    people = _people(rng, images)
    traits = {
        person: (str(rng.choice(["M", "F"], p=[0.55, 0.45])), _age(rng)) for person in set(people)
    }
    names = sorted(str(uuid.UUID(bytes=rng.bytes(16), version=4)) for _ in range(images))
    spacings = rng.choice(SPACINGS_MM, images)
    return [
        Case(seed, i, names[i], people[i], *pairs[i], *traits[people[i]], float(spacings[i]))
        for i in range(images)
    ]


def _views_and_classes(rng: np.random.Generator, images: int) -> list[tuple[str, str]]:
    """Exact shares, in random order."""
    kinds, shares = list(SHARES), np.cumsum(list(SHARES.values()))
    picks = np.searchsorted(shares, (np.arange(images) + 0.5) / images * shares[-1])
    return [kinds[pick] for pick in rng.permutation(picks)]


def _people(rng: np.random.Generator, images: int) -> list[int]:
    """The person, counted from 1, of each image; about 1.34 images each, in random order."""
    counts = rng.choice(list(IMAGES_PER_PERSON), images, p=list(IMAGES_PER_PERSON.values()))
    people = np.repeat(np.arange(1, images + 1), counts)[:images]
    return [int(person) for person in rng.permutation(people)]


def _age(rng: np.random.Generator) -> int:
    return int(np.clip(round(rng.normal(48, 17)), 16, 92))
