"""Radiographs to arrays, boxes to masks, people to splits."""

from collections.abc import Iterator
from pathlib import Path
from typing import TYPE_CHECKING

import numpy as np
import pandas as pd

from pneumo.base.errors import DataError
from pneumo.base.files import sha256, sha256_of, whole, write_json
from pneumo.dataset.dataset import open_dataset
from pneumo.dataset.manifest import check_manifest
from pneumo.dataset.sealed import refuse_sealed
from pneumo.detection.boxes import Box, mask_from_boxes
from pneumo.prepared.format import COLUMNS, SPLITS, frames_of
from pneumo.prepared.resumed import Shards, create, shards_beside
from pneumo.prepared.splits import UNUSED, counts_by_split, leaked_people, split_images

if TYPE_CHECKING:
    from pneumo.base.settings import DataSettings

SMALLEST_SHARE_READ = 0.9
MASKS_AT_ONCE = 512


def prepare(out: Path, *, data: "DataSettings", workers: int | None = None) -> None:
    """Write the data set ``data.root`` to the folder ``out`` as ``prepared.format`` says.

    A file that cannot be read goes to ``rejected.csv``; DataError when fewer than 90 % can, or
    when a file is not as ``manifest.json`` says. Memory does not grow with the number of files,
    but for their tables. A run that was killed continues where it was; neither that nor
    ``workers`` changes a byte of the result.
    """
    check_manifest(Path(data.root))
    dataset = open_dataset(Path(data.root))
    images = dataset.images()
    paths = dataset.paths(images["patientId"])
    reserved = dataset.reserved(data.reserved_test)
    with shards_beside(out, paths, data.size_px, frontal_only=data.frontal_only) as shards:
        shards.read(workers)
        facts = pd.DataFrame(shards.facts()).assign(
            patientId=images["patientId"].to_numpy(), position=np.arange(len(images))
        )
        rejected = _rejected(facts, data)
        index = _index(images.merge(facts.drop(columns="message"), on="patientId"), data, reserved)
        with whole(out) as aside:
            aside.mkdir()
            rejected[["patientId", "reason"]].to_csv(aside / "rejected.csv", index=False)
            _write(aside, index, dataset.boxes(), shards, data)
    print(_summary(index, len(rejected)))


def _rejected(facts: pd.DataFrame, data: "DataSettings") -> pd.DataFrame:
    """The facts of the files that were not read; DataError when they are too many."""
    rejected = facts[facts["reason"] != ""]
    if len(rejected) > (1 - SMALLEST_SHARE_READ) * len(facts):
        raise DataError(
            f"{data.root}: {len(rejected)} of {len(facts)} radiographs cannot be read; "
            f"the first: {rejected.iloc[0]['message']}"
        )
    return rejected


def _index(images: pd.DataFrame, data: "DataSettings", reserved: list[str]) -> pd.DataFrame:
    """The images that were read, split and sorted as ``prepared.format`` says, with places."""
    read = images[images["reason"] == ""].reset_index(drop=True)
    read["split"] = split_images(read, data, reserved)
    refuse_sealed(read, data.root)
    used = read[read["split"] != UNUSED]
    order = used["split"].map({name: number for number, name in enumerate(SPLITS)})
    used = used.assign(order=order).sort_values(["order", "patientId"], ignore_index=True)
    return used.astype({"rows": int, "columns": int, "target": int, "age": float})


def _write(
    folder: Path,
    index: pd.DataFrame,
    boxes: pd.DataFrame,
    shards: Shards,
    data: "DataSettings",
) -> None:
    boxes = boxes[boxes["patientId"].isin(index["patientId"])]
    shape = (len(index), data.size_px, data.size_px)
    shards.write(folder / "images.npy", index["position"].to_numpy())
    _write_masks(folder / "masks.npy", shape, index, boxes)
    index[list(COLUMNS)].to_parquet(folder / "index.parquet", index=False)
    boxes.to_parquet(folder / "boxes.parquet", index=False)
    test = index[index["split"] == "test"]
    write_json(
        folder / "profile.json",
        {
            "size_px": data.size_px,
            **counts_by_split(index),
            "notes": _notes(index),
            "test_set": sha256_of([*map(str, _truth_rows(test, boxes))]),
            "sha256": {path.name: sha256(path) for path in sorted(folder.glob("*.[np]*"))},
        },
    )


def _notes(index: pd.DataFrame) -> dict[str, int]:
    """What is doubtful about how many images: code -> count."""
    notes = index["notes"][index["notes"] != ""].str.split(";").explode()
    return {str(name): int(count) for name, count in notes.value_counts().sort_index().items()}


def _truth_rows(test: pd.DataFrame, boxes: pd.DataFrame) -> Iterator[tuple]:
    """What defines the test set: its images and their true boxes."""
    yield from test[["patientId", "person"]].itertuples(index=False, name=None)
    known = boxes[boxes["patientId"].isin(test["patientId"])]
    yield from known.itertuples(index=False, name=None)


def _write_masks(
    path: Path, shape: tuple[int, int, int], index: pd.DataFrame, boxes: pd.DataFrame
) -> None:
    by_image = {
        name: [Box(*map(float, row)) for row in rows[["x", "y", "width", "height"]].to_numpy()]
        for name, rows in boxes.groupby("patientId")
    }
    create(path, shape)
    for first in range(0, len(index), MASKS_AT_ONCE):
        array = np.load(path, mmap_mode="r+")
        part = index.iloc[first : first + MASKS_AT_ONCE]
        named = zip(part["patientId"], frames_of(part, shape[1]), strict=True)
        for row, (name, frame) in enumerate(named, first):
            array[row] = mask_from_boxes(by_image.get(name, []), frame)


def _summary(index: pd.DataFrame, rejected: int) -> str:
    parts = []
    for split in SPLITS:
        rows = index[index["split"] == split]
        share = rows["target"].mean()
        people = rows["person"].nunique()
        parts.append(f"{split} {len(rows)} images of {people} people, {share:.0%} positive")
    parts.append(f"{rejected} rejected; {leaked_people(index)} people in two splits")
    parts += [f"{count} noted {name}" for name, count in _notes(index).items()]
    return "; ".join(parts)
