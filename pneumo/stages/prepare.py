"""Radiographs to arrays, boxes to masks, people to splits."""

from collections.abc import Iterator
from concurrent.futures import ProcessPoolExecutor
from multiprocessing import get_context
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np
import pandas as pd

from pneumo.boxes import Box, Frame, mask_from_boxes
from pneumo.dataset import IMAGES, Dataset, open_dataset
from pneumo.dicom import fit, read_radiograph
from pneumo.errors import DataError, RadiographError
from pneumo.files import sha256, sha256_of, whole, write_json
from pneumo.prepared import COLUMNS, SPLITS
from pneumo.progress import track
from pneumo.splits import UNUSED, leaked_people, split_by_person

if TYPE_CHECKING:
    from pneumo.settings import DataSettings

SMALLEST_SHARE_READ = 0.9


def prepare(out: Path, *, data: "DataSettings") -> None:
    """Write the data set ``data.root`` to the folder ``out`` in the format of ``prepared.py``.

    A file that cannot be read goes to ``rejected.csv``; DataError when fewer than 90 % can.
    """
    dataset = open_dataset(Path(data.root))
    images = dataset.images()
    pixels, facts = _read_all(dataset, images, data.size_px)
    rejected = facts[facts["reason"] != ""]
    if len(rejected) > (1 - SMALLEST_SHARE_READ) * len(images):
        first = rejected.iloc[0]
        raise DataError(
            f"{data.root}: {len(rejected)} of {len(images)} radiographs cannot be read; "
            f"the first: {first['message']}"
        )
    index = _index(images.merge(facts.drop(columns="message"), on="patientId"), data)
    with whole(out) as aside:
        aside.mkdir()
        rejected[["patientId", "reason"]].to_csv(aside / "rejected.csv", index=False)
        _write(aside, index, dataset.boxes(), pixels, data)
    print(_summary(index, len(rejected)))


def _read_all(
    dataset: Dataset, images: pd.DataFrame, size_px: int
) -> tuple[np.ndarray, pd.DataFrame]:
    """Pixels ``(n, size_px, size_px)`` uint8 and one row of facts per image, in their order."""
    names = images["patientId"].tolist()
    pixels = np.zeros((len(names), size_px, size_px), np.uint8)
    facts = []
    paths = [dataset.root / IMAGES / f"{name}.dcm" for name in names]
    for number, (square, fact) in enumerate(_read(paths, size_px)):
        pixels[number] = square
        facts.append({"patientId": names[number], "position": number, **fact})
    return pixels, pd.DataFrame(facts)


def _read(paths: list[Path], size_px: int) -> Iterator[tuple[np.ndarray, dict[str, Any]]]:
    with ProcessPoolExecutor(mp_context=get_context("spawn")) as pool:
        found = pool.map(_read_one, paths, [size_px] * len(paths), chunksize=16)
        yield from track(found, len(paths), "Reading radiographs")


def _read_one(path: Path, size_px: int) -> tuple[np.ndarray, dict[str, Any]]:
    try:
        radiograph = read_radiograph(path)
    except RadiographError as error:
        blank = np.zeros((size_px, size_px), np.uint8)
        return blank, {"reason": error.reason, "message": str(error)}
    rows, columns = radiograph.frame_size
    facts = {
        "view": radiograph.view,
        "sex": radiograph.sex,
        "age": radiograph.age,
        "rows": rows,
        "columns": columns,
        "spacing_mm": radiograph.spacing_mm,
        "reason": "",
        "message": "",
    }
    return fit(radiograph.pixels, size_px), facts


def _index(images: pd.DataFrame, data: "DataSettings") -> pd.DataFrame:
    """The images that were read, split and sorted as ``prepared.py`` says, with ``position``."""
    read = images[images["reason"] == ""].reset_index(drop=True)
    strata = read.assign(stratum=read["class"] + " " + read["view"])
    counts = {
        "train": data.train_images,
        "validation": data.validation_images,
        "test": data.test_images,
    }
    read["split"] = split_by_person(strata, counts, data.seed)
    used = read[read["split"] != UNUSED]
    order = used["split"].map({name: number for number, name in enumerate(SPLITS)})
    used = used.assign(order=order).sort_values(["order", "patientId"], ignore_index=True)
    return used.astype({"rows": int, "columns": int, "target": int, "age": float})


def _write(
    folder: Path,
    index: pd.DataFrame,
    boxes: pd.DataFrame,
    pixels: np.ndarray,
    data: "DataSettings",
) -> None:
    boxes = boxes[boxes["patientId"].isin(index["patientId"])]
    np.save(folder / "images.npy", pixels[index["position"].to_numpy()])
    np.save(folder / "masks.npy", _masks(index, boxes, data.size_px))
    index[list(COLUMNS)].to_parquet(folder / "index.parquet", index=False)
    boxes.to_parquet(folder / "boxes.parquet", index=False)
    test = index[index["split"] == "test"]
    write_json(
        folder / "profile.json",
        {
            "size_px": data.size_px,
            "images": index["split"].value_counts().to_dict(),
            "positive": index[index["target"] == 1]["split"].value_counts().to_dict(),
            "people": index.groupby("split")["person"].nunique().to_dict(),
            "leaked_people": leaked_people(index),
            "test_set": sha256_of([*map(str, _truth_rows(test, boxes))]),
            "sha256": {path.name: sha256(path) for path in sorted(folder.glob("*.[np]*"))},
        },
    )


def _truth_rows(test: pd.DataFrame, boxes: pd.DataFrame) -> Iterator[tuple]:
    """What defines the test set: its images and their true boxes."""
    yield from test[["patientId", "person"]].itertuples(index=False, name=None)
    known = boxes[boxes["patientId"].isin(test["patientId"])]
    yield from known.itertuples(index=False, name=None)


def _masks(index: pd.DataFrame, boxes: pd.DataFrame, size_px: int) -> np.ndarray:
    masks = np.zeros((len(index), size_px, size_px), np.uint8)
    by_image = {
        name: [Box(*map(float, row)) for row in rows[["x", "y", "width", "height"]].to_numpy()]
        for name, rows in boxes.groupby("patientId")
    }
    sizes = index[["patientId", "rows", "columns"]].to_numpy()
    for number, (name, rows, columns) in enumerate(sizes):
        masks[number] = mask_from_boxes(by_image.get(name, []), Frame(rows, columns, size_px))
    return masks


def _summary(index: pd.DataFrame, rejected: int) -> str:
    parts = []
    for split in SPLITS:
        rows = index[index["split"] == split]
        share = rows["target"].mean()
        people = rows["person"].nunique()
        parts.append(f"{split} {len(rows)} images of {people} people, {share:.0%} positive")
    return "; ".join([*parts, f"{rejected} rejected; {leaked_people(index)} people in two splits"])
