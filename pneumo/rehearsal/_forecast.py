"""What the whole takes, from what a few steps took: pure arithmetic, seconds and bytes."""

from collections.abc import Mapping, Sequence
from dataclasses import asdict, dataclass
from typing import Any

VALIDATION_BATCH, REESTIMATED, CHANGES = 32, 64, 4
"""As in a training: images of a batch without gradients, most batches of which batch statistics
are estimated anew, changes to a sample of test images."""


@dataclass(frozen=True)
class Trained:
    """How many images a training has, and how many steps an epoch."""

    steps: int
    batch_size: int
    validation: int
    test: int
    epochs: int

    @property
    def validation_batches(self) -> int:
        """Batches of a validation."""
        return -(-self.validation // VALIDATION_BATCH)

    @property
    def map_batches(self) -> int:
        """Batches of the maps that are kept."""
        return -(-(self.validation + self.test) // VALIDATION_BATCH)

    @property
    def reestimated(self) -> int:
        """Batches of which the batch statistics are estimated."""
        return min(self.steps, REESTIMATED)


@dataclass(frozen=True)
class Pace:
    """The parts of a training, in seconds: ``once`` each, and what is repeated.

    ``first_steps`` is what the first epoch took beyond the second: compilers and caches.
    """

    start: float
    first_steps: float
    step: float
    validation_batch: float
    checkpoint: float
    finish: float
    first_map: float
    map_batch: float

    def to_json(self) -> dict[str, float]:
        """For the report."""
        return asdict(self)


def pace_of(told: Sequence[Mapping[str, Any]], ended: float, tried: Trained) -> Pace:
    """The pace of a rehearsed training of two epochs.

    ``told`` are its steps: ``step``, ``at`` in seconds since its process began, and the figures of
    the epochs. ``ended`` is when the process did. The second epoch has nothing to compile.
    """
    first, second = (one for one in told if one["step"] == "epoch")
    at = {one["step"]: one["at"] for one in told if "at" in one}
    step = tried.batch_size / second["images_per_second"]
    validation = max(0.0, second["seconds"] - tried.steps * step)
    a_map = (at["perturbed"] - at["predicted"]) / CHANGES
    return Pace(
        start=at["built"],
        first_steps=max(0.0, first["at"] - at["built"] - second["seconds"]),
        step=step,
        validation_batch=validation / tried.validation_batches,
        checkpoint=max(0.0, second["at"] - first["at"] - second["seconds"]),
        finish=at["saved"] - second["at"] + ended - at["perturbed"],
        first_map=max(0.0, at["predicted"] - at["saved"] - tried.map_batches * a_map),
        map_batch=a_map,
    )


def epoch_s(pace: Pace, whole: Trained) -> float:
    """Seconds of an epoch with its validation and its checkpoint."""
    validation = whole.validation_batches * pace.validation_batch
    return whole.steps * pace.step + validation + pace.checkpoint


def training_s(pace: Pace, tried: Trained, whole: Trained) -> float:
    """Seconds of the whole training, if no epoch is spared by ``train.patience``.

    A batch whose statistics are estimated takes what its images take in a validation.
    """
    more = (whole.reestimated - tried.reestimated) * whole.batch_size / VALIDATION_BATCH
    once = pace.start + pace.first_steps + pace.finish + pace.first_map
    maps = (whole.map_batches + CHANGES) * pace.map_batch
    return once + whole.epochs * epoch_s(pace, whole) + more * pace.validation_batch + maps


def line(few: tuple[int, float], many: tuple[int, float], all_: int) -> float:
    """What ``all_`` take where ``few`` and ``many`` took so much: a start, and so much for each.

    Where ``many`` took no more than ``few``, it was the start alone.
    """
    (n, low), (m, high) = few, many
    each = max(0.0, (high - low) / (m - n)) if m > n else 0.0
    return high + each * max(0, all_ - m)


def paced(few: tuple[int, float, float], many: tuple[int, float, float], all_: int) -> float:
    """Seconds of ``all_``, where ``few`` and ``many`` took so many, and so much work, each.

    The share that each one adds is taken from the seconds of processors, which other programs of
    the machine disturb less, and the work becomes time as it did with ``many``.
    """
    (n, _, low), (m, seconds, high) = few, many
    return seconds / high * line((n, low), (m, high), all_) if high else seconds


def makespan(seconds: Sequence[float], jobs: int) -> float:
    """When all trainings are done, ``jobs`` at a time, the longest first."""
    busy = [0.0] * max(1, jobs)
    for one in sorted(seconds, reverse=True):
        busy[busy.index(min(busy))] += one
    return max(busy)
