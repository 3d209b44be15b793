"""What is rehearsed of a training is what most of its epochs are."""

import pytest

from pneumo.rehearsal._run import shortened


@pytest.mark.parametrize(
    ("frozen", "epochs", "stays"), [(0, 5, False), (4, 5, False), (5, 5, True)]
)
def test_an_encoder_is_rehearsed_frozen_only_if_it_is_never_let_go(settings, frozen, epochs, stays):
    changed = {"frozen_epochs": frozen, "epochs": epochs}
    found = shortened(settings.train.model_copy(update=changed))
    assert found["train.frozen_epochs"] == (found["train.epochs"] if stays else 0)
