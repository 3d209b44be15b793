"""The room that a recipe needs, from its settings and the number of images alone."""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import TYPE_CHECKING

from pneumo.base.catalogue import facts_of

if TYPE_CHECKING:
    from pneumo.base.settings import Settings

FLOAT32, FLOAT16 = 4, 2
CHECKPOINTS = 3
"""Of an epoch, and of the best weights: the two that are kept, and the one being written."""

ADAM = 2
"""Variables that Adam keeps per weight; one more where averages of the weights are kept."""

COPIES_REGISTERED = 2
"""Of each network in the registry: as a model of its own, and in the ensemble."""


@dataclass(frozen=True)
class Counts:
    """Images of each split."""

    train: int
    validation: int
    test: int

    @property
    def all(self) -> int:
        """Images of all splits."""
        return self.train + self.validation + self.test

    @property
    def held_out(self) -> int:
        """Images of which each network's maps are kept."""
        return self.validation + self.test


def weights_bytes(settings: "Settings", model: str) -> int:
    """Bytes of a network's weights in float32."""
    train = settings.train
    head = train.image_head
    return (
        FLOAT32 * facts_of(model, settings.data.size_px, train.encoder, image_head=head).parameters
    )


def checkpoint_bytes(settings: "Settings", model: str) -> int:
    """The most bytes beside a training: states of epochs, optimizer and all, and best weights."""
    copies = 1 + ADAM + bool(settings.train.average)
    return CHECKPOINTS * (copies + 1) * weights_bytes(settings, model)


def maps_bytes(settings: "Settings", images: int) -> int:
    """Bytes of one network's maps of ``images``, float16 as they lie on disk."""
    return FLOAT16 * images * settings.data.size_px**2


def disk_bytes(settings: "Settings", counts: Counts, listed: int, jobs: int) -> dict[str, int]:
    """What the stages write, at most at a time; ``listed`` radiographs are read.

    ``prepared``: images and masks, uint8. ``reading``: what ``prepare`` has read, until it ends.
    ``checkpoints``: of ``jobs`` trainings at a time. ``models``: weights and maps. ``registry``.
    """
    area, models = settings.data.size_px**2, settings.models
    kept = sorted((checkpoint_bytes(settings, model) for model in models), reverse=True)
    weights = sum(weights_bytes(settings, model) for model in models)
    return {
        "prepared": 2 * counts.all * area,
        "reading": listed * area,
        "checkpoints": sum(kept[:jobs]),
        "models": weights + len(models) * maps_bytes(settings, counts.held_out),
        "registry": COPIES_REGISTERED * weights,
    }


def peak_disk_bytes(disk: Mapping[str, int]) -> int:
    """The most of it at a time: what was read goes before the first network is trained."""
    lasting = disk["prepared"] + disk["models"] + disk["registry"]
    return max(disk["prepared"] + disk["reading"], lasting + disk["checkpoints"])


def tune_bytes(settings: "Settings", counts: Counts) -> int:
    """The memory that ``tune`` needs at least: all networks' maps of the validation images."""
    return FLOAT32 * len(settings.models) * counts.validation * settings.data.size_px**2
