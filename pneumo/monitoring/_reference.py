"""What windows are compared with: what was registered, and the site's own first radiographs."""

import getpass
import json
from dataclasses import dataclass
from datetime import date
from typing import Any

import numpy as np

from pneumo.base.errors import DataError, PneumoError
from pneumo.base.files import sha256, sha256_of, whole, write_json
from pneumo.intake.look import distances
from pneumo.intake.profile import TURNED, Profile, read_profile
from pneumo.intake.shift import (
    Chance,
    Sample,
    answered,
    by_chance,
    flagged_people,
    grid_of,
    nearest_below,
    vectors,
)
from pneumo.monitoring._images import Images
from pneumo.monitoring._state import State

BASELINE_IMAGES = 200
"""Radiographs behind a reference of the site's own, at least."""

MOST_PEOPLE = 2000
REGISTERED = "registered"
LEFT_OUT = ("blank", "turned")


@dataclass(frozen=True)
class Reference:
    """People that windows are compared with. ``rows`` (``shift.vectors``) are of the site's own
    reference; of the registered one only means and what chance gives are known."""

    name: str
    people: int
    means: np.ndarray
    grid: np.ndarray
    turned: float
    unusual: float
    called: float
    rows: np.ndarray | None = None
    chances: tuple[Chance, ...] = ()

    @property
    def is_own(self) -> bool:
        """Whether it is the site's own."""
        return self.rows is not None

    def chance(self, profile: Profile, people: int, level: float) -> Chance | None:
        """What chance gives for windows of ``people``; None where too few were registered."""
        if self.rows is None:
            return nearest_below(self.chances, people)
        seed = int(sha256_of([self.name, self.people, people])[:8], 16)
        return by_chance(self.rows, profile.embedding, people, level, seed)


def profile_of(state: State, model: str) -> Profile | None:
    """What an ensemble was registered with; None where it had no profile."""
    path = state.profile_path(model)
    return read_profile(path) if path.exists() else None


def registered(profile: Profile) -> Reference:
    """The reference that the ensemble brought along."""
    usual = profile.usual
    flagged = usual.flagged
    return Reference(
        REGISTERED, usual.people, usual.means, usual.grid, flagged["turned"], flagged["unusual"],
        usual.called, chances=tuple(usual.chances),
    )  # fmt: skip


def reference_of(state: State, model: str, profile: Profile) -> Reference:
    """The newest reference of the site's own, or where there is none the registered one."""
    kept = list(state.baselines(model))
    if not kept:
        return registered(profile)
    path, said = kept[-1]
    if sha256(path) != said["sha256"]:
        raise DataError(
            f"{path.name}: the site's reference is not the one that was frozen; freeze another "
            'with `pneumo monitor baseline --because "..."`'
        )
    with np.load(path, allow_pickle=False) as found:
        rows = found["rows"].astype(float)
        return Reference(
            said["name"], len(rows), rows.mean(axis=0), found["grid"].astype(float),
            said["turned"], said["unusual"], said["called"], rows=rows,
        )  # fmt: skip


def measured(images: Images, profile: Profile) -> tuple[Sample, np.ndarray]:
    """The radiographs that were scored and measured, and which of ``images`` they are.

    One without a Patient ID counts as a person of its own.
    """
    features = images.features
    values = [images.column(name) for name in ("probability", "mirror", "turned")]
    known = np.isfinite(features).all(axis=1) & np.isfinite(np.array(values)).all(axis=0)
    known &= images.column("reason") == ""
    probability, mirror, turned = (value[known] for value in values)
    person, content = images.column("person")[known], images.column("content")[known]
    people = np.where(person == "", np.char.add("image ", content.astype(str)), person)
    sample = Sample(
        people=people,
        features=features[known],
        mirror=mirror,
        probability=probability,
        answers=answered(probability),
        turned=turned > TURNED,
        unusual=distances(features[known], profile) > profile.unusual,
    )
    return sample, known


def freeze_first(state: State, model: str, profile: Profile) -> None:
    """Freeze the site's first reference once its windows, those with an alarm aside, suffice."""
    if any(state.baselines(model)):
        return
    names = {
        name
        for window in state.windows(model)
        if window["level"] != "alarm"
        for name in window["batches"]
    }
    images = Images([batch for batch in state.batches(model) if batch.name in names])
    if len(images) and len(accepted(images, profile)[0].people) >= BASELINE_IMAGES:
        why = f"the first {BASELINE_IMAGES} accepted radiographs or more"
        _freeze(state, model, profile, images, {"because": why, "by": "pneumo", "day": ""})


def freeze(state: State, model: str, profile: Profile, because: str, today: date) -> str:
    """Freeze another reference from the newest closed windows; returns its name.

    For the reason and the radiographs of the newest reference, that is the one: a process killed
    before it told of it is run again. Raises PneumoError without a reason, DataError while there
    are too few radiographs.
    """
    if not because.strip():
        raise PneumoError('a new reference needs a reason, which is recorded: --because "..."')
    chosen: list[str] = []
    images = Images([])
    for window in reversed(state.windows(model)):
        chosen += window["batches"]
        images = Images([batch for batch in state.batches(model) if batch.name in chosen])
        if len(images) and len(accepted(images, profile)[0].people) >= BASELINE_IMAGES:
            same = {"because": because.strip(), "batches": sorted(chosen)}
            for _, newest in list(state.baselines(model))[-1:]:
                if all(newest.get(key) == value for key, value in same.items()):
                    return str(newest["name"])
            said = {**same, "by": getpass.getuser(), "day": today.isoformat()}
            return _freeze(state, model, profile, images, said)
    raise DataError(
        f"closed windows hold {len(images)} radiographs; a reference needs {BASELINE_IMAGES} that "
        "were accepted and measured"
    )


def accepted(images: Images, profile: Profile) -> tuple[Sample, np.ndarray]:
    """The measured radiographs that are neither blank nor turned; which of ``images`` they are."""
    sample, known = measured(images, profile)
    reviews = images.column("review")[known]
    fine = np.array([not set(text.split(";")) & set(LEFT_OUT) for text in reviews], bool)
    kept = Sample(*(getattr(sample, name)[fine] for name in Sample.__dataclass_fields__))
    where = np.flatnonzero(known)[fine]
    return kept, where


def _freeze(state: State, model: str, profile: Profile, images: Images, why: dict[str, Any]) -> str:
    every, _ = measured(images, profile)
    sample, where = accepted(images, profile)
    grid = grid_of(sample.probability)
    rows = vectors(sample, profile.embedding, grid)
    order = np.argsort([sha256_of(row.round(6).tolist()) for row in rows])
    rows = rows[order][:MOST_PEOPLE].astype(np.float32)
    share = len(rows) / len(np.unique(every.people))  # flags are counted on all, as in a window
    number = sum(1 for _ in state.baselines(model)) + 1
    path = state.baseline_path(model, number)
    name = f"baseline {number}"
    with whole(path) as aside:
        np.savez(aside, rows=rows, grid=grid.astype(np.float32))
        aside.chmod(0o600)
    said = {
        "name": name,
        "number": number,
        "sha256": sha256(path),
        "people": len(rows),
        "images": len(sample.people),
        "turned": round(flagged_people(every.people, every.turned) * share, 6),
        "unusual": round(flagged_people(every.people, every.unusual) * share, 6),
        "called": round(float(images.column("called")[where].mean()), 6),
        **why,
    }
    write_json(path.with_suffix(".json"), said)
    return name


def describe(reference: Reference) -> str:
    """A reference in words."""
    if not reference.is_own:
        return f"the {reference.people} people on whom the ensemble was judged"
    return f"the site's own reference, {reference.name}, of {reference.people} people"


def said_of(state: State, model: str) -> list[dict[str, Any]]:
    """What is said of each reference of the site's own: who, when, why, how many."""
    return [json.loads(json.dumps(said)) for _, said in state.baselines(model)]
