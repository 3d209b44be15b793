import keras
import numpy as np
import pytest

from pneumo.base.settings import AugmentSettings
from pneumo.training._augment import unchanged
from pneumo.training.batches import Batches, fed

N = 10
IMAGES = np.arange(N * 4, dtype=np.uint8).reshape(N, 2, 2)  # every pixel tells image and place
MASKS = (IMAGES % 2).astype(np.uint8)
ROWS = np.array([1, 2, 3, 5, 7, 8, 9])


MIRROR = AugmentSettings(
    flip=True, rotation_deg=0, scale=0, shift=0, contrast=0, brightness=0, blur=0, jpeg=0
)


def epoch(batches, number=0):
    batches.begin_epoch(number)
    parts = [batches[index][0] for index in range(len(batches))]
    return {name: np.concatenate([part[name] for part in parts]) for name in parts[0]}


def shuffled(seed=1, *, batch_size=7, **more):
    return Batches(IMAGES, MASKS, ROWS, batch_size, seed=seed, augment=MIRROR, **more)


def test_without_a_seed_images_come_in_order_and_all_come():
    shown = epoch(Batches(IMAGES, MASKS, ROWS, 3))
    assert (shown["pixels"][..., 0] == IMAGES[ROWS]).all()
    assert (shown["draws"] == unchanged(len(ROWS))).all()


def test_an_epoch_shows_every_row_once():
    images = epoch(shuffled(), 4)["pixels"]
    assert sorted(images[:, 0, 0, 0] // 4) == list(ROWS)


@pytest.mark.parametrize(
    ("batch_size", "shown"),
    [
        (3, 6),  # 7 rows: the last batch would hold one
        (7, 7),
        (10, 7),  # fewer rows than a batch: they are the only one
    ],
)
def test_training_leaves_out_an_incomplete_last_batch(batch_size, shown):
    assert len(epoch(shuffled(batch_size=batch_size))["pixels"]) == shown


def test_fit_is_fed_the_same_batches_and_tunes_nothing():
    batches, asked = shuffled(batch_size=3), shuffled(batch_size=3)
    data = fed(batches)
    for number in range(3):
        batches.begin_epoch(number)
        expected = epoch(asked, number)
        parts = [part for (part,) in data]
        assert len(data) == len(parts) == len(batches.waits) == 2
        for name, values in expected.items():
            assert (np.concatenate([part[name] for part in parts]) == values).all()
    if keras.backend.backend() == "tensorflow":  # its tuner holds up the end of every epoch
        assert data.options().autotune.enabled is False


@pytest.mark.parametrize("number", [0, 1, 7])
def test_order_and_changes_follow_from_seed_and_epoch_alone(number):
    one, other = shuffled(), shuffled()
    for passed in range(number):
        epoch(other, passed)
    first, second = epoch(one, number), epoch(other, number)
    assert all((first[name] == second[name]).all() for name in first)


def test_another_epoch_or_seed_gives_another_order():
    first = epoch(shuffled(), 0)["pixels"]
    assert (first != epoch(shuffled(), 1)["pixels"]).any()
    assert (first != epoch(shuffled(2), 0)["pixels"]).any()


def test_about_half_of_the_images_are_mirrored():
    mirrored = epoch(shuffled(), 3)["draws"][:, 0] < 0
    assert 0 < mirrored.sum() < len(ROWS)


def test_masks_come_with_their_images():
    shown = epoch(shuffled())
    assert shown["truth"].dtype == np.uint8
    assert (shown["pixels"] % 2 == shown["truth"]).all()


@pytest.mark.parametrize(("share", "positive"), [(0.5, 4), (0.9, 6), (0.01, 0)])
def test_a_class_is_shown_as_often_as_wanted(share, positive):
    masks = np.zeros_like(MASKS)
    masks[[1, 2]] = 1
    rows = ROWS if share != 0.5 else np.append(ROWS, 4)
    batches = Batches(IMAGES, masks, rows, 8, seed=1, positive_share=share)
    shown = epoch(batches, 2)["truth"].any(axis=(1, 2, 3))
    assert (len(shown), shown.sum()) == (len(rows), positive)


def test_the_arrays_are_left_as_they_were():
    before = IMAGES.copy()
    epoch(shuffled())
    assert (before == IMAGES).all()
