"""What would fail after hours, looked for beforehand; every fault is a line."""

import os
from collections.abc import Iterator
from dataclasses import dataclass
from importlib.util import find_spec
from pathlib import Path
from typing import TYPE_CHECKING

import pandas as pd

from pneumo.base.backends import keras_backend
from pneumo.base.errors import DataError
from pneumo.base.gpus import list_gpus
from pneumo.dataset.dataset import Dataset, open_dataset
from pneumo.prepared.splits import split_images
from pneumo.rehearsal._encoders import encoder_faults
from pneumo.rehearsal._limits import disk_bytes, existing, memory_bytes
from pneumo.rehearsal._needs import Counts, peak_disk_bytes, tune_bytes
from pneumo.rehearsal._needs import disk_bytes as needed_on_disk
from pneumo.rehearsal._words import gib

if TYPE_CHECKING:
    from pneumo.base.settings import Settings

FEWEST = 2
"""Positive, and healthy, images of a split: of one there is no interval."""

MISSING_SHARE = 0.1
"""Of the labelled radiographs; ``prepare`` ends when more cannot be read."""

PACKAGES = {
    "great_expectations": "uv sync --extra workflow",
    "mlflow": "uv sync",
    "skimage": "uv sync",
}
"""What the stages load, and what installs it."""


@dataclass(frozen=True)
class Found:
    """What the checks know of the data: all labelled images, and how many go where."""

    dataset: Dataset
    images: pd.DataFrame
    counts: Counts


def look(settings: "Settings", jobs: int) -> tuple[Found | None, list[str]]:
    """What is there, and a line per fault; None where the data cannot be divided."""
    faults = [*_packages(settings), *_places(), *encoder_faults(settings), *_devices(settings)]
    found = None
    try:
        dataset = open_dataset(Path(settings.data.root))
    except DataError as error:
        faults += str(error).splitlines()
    else:
        images = dataset.images()
        faults += _files(dataset, images)
        try:
            split = _divided(dataset, images, settings)
        except DataError as error:
            faults += str(error).splitlines()
        else:
            counts = {str(name): int(n) for name, n in split["split"].value_counts().items()}
            found = Found(dataset, images, Counts(**counts))
            faults += _classes(split, settings)
            faults += _room(found, settings, jobs)
    return found, faults


def _packages(settings: "Settings") -> Iterator[str]:
    wanted = {**PACKAGES, keras_backend(): f"uv sync --extra {keras_backend()}"}
    if settings.score.engine == "openvino":
        wanted["openvino"] = "uv sync"
    if settings.score.precision == "int8":
        wanted["nncf"] = "uv sync --extra int8"
    for name, command in wanted.items():
        if find_spec(name) is None:
            yield f"{name}: is not installed; run `{command}`"


def _places() -> Iterator[str]:
    """Folders in which the stages write, that cannot be written."""
    for name in ("data", "models", "reports"):
        above = existing(Path(name))
        if not above.is_dir():
            yield f"{name}: is a file, and a folder is wanted; choose another place"
        elif not os.access(above, os.W_OK):
            yield f"{name}: cannot be written; change who may use it"


def _devices(settings: "Settings") -> Iterator[str]:
    count, gpus = settings.train.devices, list_gpus()
    if settings.train.batch_size % count:
        yield (
            f"train.batch_size: {settings.train.batch_size} cannot be shared evenly by "
            f"train.devices {count}; choose a multiple"
        )
    if gpus and len(gpus) < count:
        yield f"train.devices: is {count}, but there are {len(gpus)} GPUs; lower it"


def _files(dataset: Dataset, images: pd.DataFrame) -> Iterator[str]:
    there = {path.stem for path in dataset.files}
    missing = images[~images["patientId"].isin(there)]
    if len(missing) > MISSING_SHARE * len(images):
        yield (
            f"data.root: {len(missing):,} of {len(images):,} labelled radiographs have no file in "
            f"{dataset.root}; fetch them, or correct the table of labels"
        )


def _divided(dataset: Dataset, images: pd.DataFrame, settings: "Settings") -> pd.DataFrame:
    """The images of the three splits; views are known only when all are read."""
    there = {path.stem for path in dataset.files}
    images = images[images["patientId"].isin(there)].assign(view="")
    reserved = dataset.reserved(settings.data.reserved_test)
    split = split_images(images, settings.data, reserved)
    divided = images.assign(split=split)
    return divided[divided["split"].isin(["train", "validation", "test"])]


def _classes(divided: pd.DataFrame, settings: "Settings") -> Iterator[str]:
    for name in ("train", "validation", "test"):
        targets = divided[divided["split"] == name]["target"]
        for kind, count in (
            ("positive", int((targets == 1).sum())),
            ("healthy", int((targets == 0).sum())),
        ):
            if count < FEWEST:
                setting = "data.root" if name == "train" else f"data.{name}_images"
                yield (
                    f"{setting}: {count} {kind} of {len(targets):,} images of {name}; at least "
                    f"{FEWEST} are needed: raise it, or add such images"
                )
        if name == "train" and len(targets) < settings.train.batch_size:
            yield (
                f"train.batch_size: {settings.train.batch_size} exceeds the {len(targets)} "
                "images of train; lower it"
            )


def _room(found: Found, settings: "Settings", jobs: int) -> Iterator[str]:
    disk = needed_on_disk(settings, found.counts, len(found.images), jobs)
    place = existing(Path("models"))
    wanted, free = peak_disk_bytes(disk), disk_bytes(place)
    if wanted > free:
        parts = ", ".join(f"{name} {gib(count)}" for name, count in disk.items())
        yield (
            f"disk: {gib(wanted)} are needed at a time, and {gib(free)} are free ({parts}); make "
            "room, or lower data.size_px or --jobs"
        )
    needed, there = tune_bytes(settings, found.counts), memory_bytes()
    if needed > there:
        yield (
            f"memory: tune needs {gib(needed)} at least for the maps of "
            f"{found.counts.validation:,} images, and {gib(there)} are free; lower "
            "data.validation_images or data.size_px"
        )
