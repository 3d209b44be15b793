import numpy as np
import pytest

from pneumo.nets.batches import Batches

N = 10
IMAGES = np.arange(N * 4, dtype=np.uint8).reshape(N, 2, 2)  # every pixel tells image and place
MASKS = (IMAGES % 2).astype(np.uint8)
ROWS = np.array([1, 2, 3, 5, 7, 8, 9])


def epoch(batches, number=0):
    batches.begin_epoch(number)
    images, masks = zip(*(batches[index] for index in range(len(batches))), strict=True)
    return np.concatenate(images), np.concatenate(masks)


def shuffled(seed=1, *, flip=False, batch_size=7):
    return Batches(IMAGES, MASKS, ROWS, batch_size, seed=seed, flip=flip)


def test_without_a_seed_images_come_in_order_and_all_come():
    images, _ = epoch(Batches(IMAGES, MASKS, ROWS, 3))
    assert (images[..., 0] == IMAGES[ROWS]).all()


def test_an_epoch_shows_every_row_once():
    images, _ = epoch(shuffled(), 4)
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
    assert len(epoch(shuffled(batch_size=batch_size))[0]) == shown


@pytest.mark.parametrize("number", [0, 1, 7])
def test_order_and_flips_follow_from_seed_and_epoch_alone(number):
    one, other = shuffled(flip=True), shuffled(flip=True)
    for passed in range(number):
        epoch(other, passed)
    assert (epoch(one, number)[0] == epoch(other, number)[0]).all()


def test_another_epoch_or_seed_gives_another_order():
    first = epoch(shuffled(), 0)[0]
    assert (first != epoch(shuffled(), 1)[0]).any()
    assert (first != epoch(shuffled(2), 0)[0]).any()


def test_masks_are_mirrored_with_their_images():
    images, masks = epoch(shuffled(flip=True), 3)
    assert (images[..., 0] % 2 == masks[..., 1]).all()
    mirrored = images[:, 0, 0, 0] > images[:, 0, 1, 0]
    assert 0 < mirrored.sum() < len(ROWS)


def test_the_two_channels_of_a_mask_are_background_and_opacity():
    _, masks = epoch(shuffled())
    assert masks.dtype == np.uint8
    assert (masks.sum(-1) == 1).all()


def test_the_arrays_are_left_as_they_were():
    before = IMAGES.copy()
    epoch(shuffled(flip=True))
    assert (before == IMAGES).all()
