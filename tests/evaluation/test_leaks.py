"""People and pictures in two splits are found."""

from dataclasses import replace

import numpy as np

from pneumo.evaluation._leaks import leaked_images
from pneumo.prepared.splits import leaked_people


def test_prepared_data_leak_nothing(data):
    assert (leaked_people(data.index), leaked_images(data)) == (0, 0)


def test_a_person_in_two_splits_is_counted(data):
    index = data.index.copy()
    train, test = data.rows("train")[0], data.rows("test")[:2]
    index.loc[test, "person"] = index.loc[train, "person"]
    assert leaked_people(index) == 1


def test_a_training_picture_under_another_name_in_test_is_counted(data):
    images = np.array(data.images)
    copied = images[data.rows("train")[0]].astype(int) + 6
    images[data.rows("test")[0]] = copied.clip(0, 255)
    assert leaked_images(replace(data, images=images)) == 2


def test_the_same_picture_twice_in_one_split_is_no_leak(data):
    images = np.array(data.images)
    first, second = data.rows("test")[:2]
    images[second] = images[first]
    assert leaked_images(replace(data, images=images)) == 0
