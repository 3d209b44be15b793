"""Prepared data divided anew, so that every image is a test image once, with all of its person."""

from pathlib import Path

import numpy as np
import pandas as pd

from pneumo.base.files import sha256, sha256_of, whole, write_json
from pneumo.prepared.format import SPLITS, Prepared
from pneumo.prepared.splits import counts_by_split


def folds(index: pd.DataFrame, count: int, seed: int) -> np.ndarray:
    """The fold, 0 to ``count`` - 1, of each image of ``index.parquet``: int ``(n,)``.

    Whole people, in folds of near equal size and share of positive images; the same for a seed.
    """
    people = index.groupby("person").agg(images=("target", "size"), positive=("target", "max"))
    people = people.sample(frac=1, random_state=seed).sort_values("images", ascending=False,
                                                                  kind="stable")  # fmt: skip
    filled = np.zeros((2, count))
    fold_of = {}
    for person, images, positive in people.itertuples():
        fold_of[person] = int(filled[int(positive)].argmin())
        filled[int(positive), fold_of[person]] += images
    return index["person"].map(fold_of).to_numpy(int)


def write_fold(data: Prepared, fold_of: np.ndarray, fold: int, folder: Path) -> None:
    """Write ``data`` with ``fold`` as test, the fold after it as validation, the rest as train."""
    after = (fold + 1) % (int(fold_of.max()) + 1)
    place = np.select([fold_of == fold, fold_of == after], [2, 1], 0)
    names = data.index["patientId"].to_numpy()
    order = np.lexsort((names, place))
    index = data.index.iloc[order].assign(split=[SPLITS[n] for n in place[order]])
    test = index[index["split"] == "test"]
    with whole(folder) as aside:
        aside.mkdir(parents=True)
        np.save(aside / "images.npy", data.images[order])
        np.save(aside / "masks.npy", data.masks[order])
        index.to_parquet(aside / "index.parquet", index=False)
        data.boxes.to_parquet(aside / "boxes.parquet", index=False)
        sums = {path.name: sha256(path) for path in sorted(aside.glob("*.[np]*"))}
        facts = {
            "sha256": sums,
            **counts_by_split(index),
            "test_set": sha256_of(test[["patientId", "person"]].astype(str).values.tolist()),
        }
        write_json(aside / "profile.json", {**data.profile, **facts})
