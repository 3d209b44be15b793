"""What a division into splits looks like, and what a naive one would leak."""

from pathlib import Path
from typing import TYPE_CHECKING, Any

import pandas as pd

from pneumo.dataset.dataset import open_tables
from pneumo.prepared.splits import (
    UNUSED,
    counts_of,
    leaked_people,
    leaked_share,
    split_by_image,
    split_images,
)
from pneumo.validation.columns import headers_of

if TYPE_CHECKING:
    from pneumo.base.settings import DataSettings

SPLITS = ("train", "validation", "test", UNUSED)


def splits_of(data: "DataSettings") -> pd.DataFrame:
    """The images of ``data.root`` with ``split``, as ``prepare`` divides them, and ``naive``.

    Read from tables and headers alone; ``prepare`` leaves out radiographs it cannot read.
    """
    dataset = open_tables(Path(data.root))
    headers = headers_of(dataset).drop_duplicates("patientId").set_index("patientId")
    images = dataset.images()
    for name, tag in (("view", "ViewPosition"), ("sex", "PatientSex")):
        images[name] = images["patientId"].map(headers[tag]).fillna("").astype(str)
    images["split"] = split_images(images, data, dataset.reserved(data.reserved_test))
    known = images[images["person"].notna()]
    images["naive"] = split_by_image(known, counts_of(data), data.seed)
    return images


def overview(data: "DataSettings") -> dict[str, Any]:
    """Counts, prevalence, views and sexes per split, and the leaks by person and by image."""
    images = splits_of(data)
    naive = images.assign(split=images["naive"]).dropna(subset="split")
    return {
        "splits": {
            name: _about(images[images["split"] == name])
            for name in SPLITS
            if (images["split"] == name).any()
        },
        "leak": {
            "by_person": _leaks(images[images["split"] != UNUSED]),
            "by_image": _leaks(naive),
        },
    }


def _about(rows: pd.DataFrame) -> dict[str, Any]:
    return {
        "images": len(rows),
        "people": int(rows["person"].nunique()),
        "positive": float(rows["target"].mean()),
        "ap": float((rows["view"] == "AP").mean()),
        "pa": float((rows["view"] == "PA").mean()),
        "female": float((rows["sex"] == "F").mean()),
        "male": float((rows["sex"] == "M").mean()),
    }


def _leaks(index: pd.DataFrame) -> dict[str, Any]:
    return {
        "people_in_two_splits": leaked_people(index),
        "validation_images_of_training_people": leaked_share(index, "validation"),
        "test_images_of_training_people": leaked_share(index, "test"),
    }
