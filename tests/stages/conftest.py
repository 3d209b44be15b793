"""Prepared data small enough to train on in a second."""

import json

import numpy as np
import pandas as pd
import pytest

SPLITS = ["train"] * 12 + ["validation"] * 4 + ["test"] * 4


@pytest.fixture(scope="session")
def prepared(tmp_path_factory):
    """Twenty 32 px radiographs, every second with a bright square."""
    folder = tmp_path_factory.mktemp("prepared")
    chance = np.random.default_rng(0)
    images = chance.integers(40, 80, (len(SPLITS), 32, 32), np.uint8)
    masks = np.zeros_like(images)
    for number in range(0, len(SPLITS), 2):
        x, y = chance.integers(2, 18, 2)
        masks[number, y : y + 12, x : x + 10] = 1
    images[masks == 1] += 120
    np.save(folder / "images.npy", images)
    np.save(folder / "masks.npy", masks)
    names = [f"image{number:02}" for number in range(len(SPLITS))]
    pd.DataFrame({"patientId": names, "split": SPLITS}).to_parquet(folder / "index.parquet")
    pd.DataFrame({"patientId": []}).to_parquet(folder / "boxes.parquet")
    (folder / "profile.json").write_text(json.dumps({"sha256": {"index.parquet": "0" * 64}}))
    return folder
