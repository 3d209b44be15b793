import numpy as np

from pneumo.experiments._folds import folds, write_fold
from pneumo.prepared.format import SPLITS, load_prepared


def test_folds_keep_people_together_and_are_near_equal(data):
    found = folds(data.index, 4, seed=1)
    assert data.index.assign(fold=found).groupby("person")["fold"].nunique().max() == 1
    assert np.ptp(np.bincount(found, minlength=4)) <= 4
    positive = [data.index["target"][found == fold].sum() for fold in range(4)]
    assert np.ptp(positive) <= 3
    assert np.array_equal(found, folds(data.index, 4, seed=1))
    assert not np.array_equal(found, folds(data.index, 4, seed=2))


def test_every_image_is_a_test_image_once_with_its_own_pixels_and_mask(data, tmp_path):
    fold_of = folds(data.index, 3, seed=1)
    tested = []
    for fold in range(3):
        write_fold(data, fold_of, fold, tmp_path / str(fold))
        part = load_prepared(tmp_path / str(fold))
        assert [len(part.rows(split)) > 0 for split in SPLITS] == [True] * 3
        people = [set(part.index["person"].iloc[part.rows(split)]) for split in SPLITS]
        assert not people[0] & people[1] | people[0] & people[2] | people[1] & people[2]
        tested += part.names(part.rows("test"))
        place = {name: n for n, name in enumerate(data.index["patientId"])}
        order = [place[name] for name in part.index["patientId"]]
        assert (part.images == data.images[order]).all()
        assert (part.masks == data.masks[order]).all()
    assert sorted(tested) == sorted(data.index["patientId"])
