"""The room that a recipe needs, against numbers worked out by hand."""

import pytest

from pneumo.base.settings import load_settings
from pneumo.rehearsal._needs import (
    Counts,
    checkpoint_bytes,
    disk_bytes,
    maps_bytes,
    peak_disk_bytes,
    tune_bytes,
    weights_bytes,
)
from tests.conftest import ROOT

COUNTS = Counts(train=21_884, validation=2_400, test=2_400)
ASPP = 67_616_323  # parameters of the full network with an image head


@pytest.fixture(scope="module")
def rsna():
    return load_settings(ROOT / "recipes/rsna.yaml")


def test_weights_take_four_bytes_each(rsna):
    assert weights_bytes(rsna, "aspp_resnet152") == 4 * ASPP


@pytest.mark.parametrize(("average", "copies"), [(0.995, 5), (0.0, 4)])
def test_a_checkpoint_holds_weights_two_means_of_adam_and_averages(rsna, average, copies):
    """Of an epoch: weights, two of Adam, averages; beside it the best weights; three times."""
    train = rsna.train.model_copy(update={"average": average})
    settings = rsna.model_copy(update={"train": train})
    assert checkpoint_bytes(settings, "aspp_resnet152") == 3 * copies * 4 * ASPP


def test_the_archive_takes_what_a_pencil_says(rsna):
    one = rsna.model_copy(update={"models": ["aspp_resnet152"]})
    found = disk_bytes(one, COUNTS, listed=26_684, jobs=4)
    assert found == {
        "prepared": 26_684 * 256 * 256 * 2,
        "reading": 26_684 * 256 * 256,
        "checkpoints": 3 * 5 * 4 * ASPP,
        "models": 4 * ASPP + 4_800 * 256 * 256 * 2,
        "registry": 2 * 4 * ASPP,
    }
    assert maps_bytes(rsna, 4_800) == 4_800 * 256 * 256 * 2
    assert tune_bytes(rsna, COUNTS) == 4 * 2_400 * 256 * 256 * 4


def test_as_many_checkpoints_count_as_trainings_run_at_a_time(rsna):
    alone, all_ = (disk_bytes(rsna, COUNTS, 26_684, jobs)["checkpoints"] for jobs in (1, 4))
    each = [checkpoint_bytes(rsna, model) for model in rsna.models]
    assert alone == max(each)
    assert all_ == sum(each)


@pytest.mark.parametrize(
    ("disk", "peak"),
    [
        # while files are read: 10 + 50; later 10 + 20 + 5 and 7 of checkpoints
        ({"prepared": 10, "reading": 50, "checkpoints": 7, "models": 20, "registry": 5}, 60),
        ({"prepared": 10, "reading": 5, "checkpoints": 7, "models": 20, "registry": 5}, 42),
    ],
)
def test_what_was_read_is_gone_before_networks_are_trained(disk, peak):
    assert peak_disk_bytes(disk) == peak
