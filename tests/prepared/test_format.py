import tracemalloc

import numpy as np
import pandas as pd
import pytest

from pneumo.base.errors import DataError
from pneumo.prepared.format import Prepared, load_maps

SIZE_PX, VALIDATION, TEST = 64, 60, 140


@pytest.fixture
def held_out():
    """What ``load_maps`` asks of prepared data: 60 validation and 140 test images."""
    splits = ["train"] * 5 + ["validation"] * VALIDATION + ["test"] * TEST
    images = np.zeros((len(splits), SIZE_PX, SIZE_PX), np.uint8)
    return Prepared(images, images, pd.DataFrame({"split": splits}), pd.DataFrame(), {})


@pytest.fixture
def maps(tmp_path):
    """Two networks' maps on disk, as ``train`` writes them."""
    chance, found = np.random.default_rng(0), {}
    for name in ("one", "other"):
        (tmp_path / name).mkdir()
        found[name] = chance.random((VALIDATION + TEST, SIZE_PX, SIZE_PX)).astype(np.float16)
        np.save(tmp_path / name / "probabilities.npy", found[name])
    return tmp_path, found


@pytest.mark.parametrize(
    ("split", "first", "last"),
    [("validation", 0, VALIDATION), ("test", VALIDATION, VALIDATION + TEST)],
)
def test_the_maps_of_a_split_are_its_rows_in_float32_and_nothing_else_is_held(
    held_out, maps, split, first, last
):
    folder, written = maps
    tracemalloc.start()
    found = load_maps(held_out, folder, written, split)
    held, peak = tracemalloc.get_traced_memory()
    tracemalloc.stop()
    needed = len(written) * (last - first) * SIZE_PX**2 * 4
    assert needed <= held <= 1.05 * needed
    assert peak <= 1.05 * needed
    for name, values in written.items():
        np.testing.assert_array_equal(found[name], values[first:last].astype(np.float32))
        assert found[name].dtype == np.float32


def test_maps_of_another_shape_are_refused(held_out, maps):
    folder, written = maps
    np.save(folder / "one" / "probabilities.npy", written["one"][1:])
    with pytest.raises(DataError, match=r"shape \(199, 64, 64\), but the prepared data need"):
        load_maps(held_out, folder, written, "test")
