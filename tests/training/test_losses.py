import numpy as np
import pytest

from pneumo.training._losses import (
    OpacityIou,
    cross_entropy,
    dice_loss,
    iou_loss,
    segmentation_loss,
)


def masks(opacity):
    opacity = np.asarray(opacity, "float32").reshape(1, 10, 10)
    return np.stack([1 - opacity, opacity], axis=-1)


NONE = masks(np.zeros(100))
LEFT = masks([[1] * 5 + [0] * 5] * 10)
RIGHT = masks([[0] * 5 + [1] * 5] * 10)
ALL = masks(np.ones(100))


@pytest.mark.parametrize(
    ("truth", "found", "channels", "expected"),
    [
        (LEFT, LEFT, "both", 0),
        (LEFT, LEFT, "opacity", 0),
        (LEFT, RIGHT, "both", 1 - 1 / 101),  # all wrong, but for the smoothing pixel
        (LEFT, RIGHT, "opacity", 1 - 1 / 101),
        (LEFT, ALL, "opacity", 1 - 51 / 101),
        (LEFT, NONE, "both", (1 - 1 / 51 + 1 - 51 / 101) / 2),
        (NONE, NONE, "opacity", 0),  # no opacity at all, and none called
        (NONE, ALL, "opacity", 1 - 1 / 101),
    ],
)
def test_iou_loss_by_hand(truth, found, channels, expected):
    assert float(iou_loss(truth, found, channels=channels)) == pytest.approx(expected, abs=1e-6)


@pytest.mark.parametrize("truth", [NONE, LEFT])
def test_a_perfect_mask_costs_nothing(truth):
    assert float(segmentation_loss(0.5, "both")(truth, truth)) == pytest.approx(0, abs=1e-6)


def test_a_wholly_wrong_mask_costs_much_and_is_finite():
    assert 5 < float(segmentation_loss(0.5, "both")(LEFT, RIGHT)) < 10


def test_the_weight_moves_the_loss_from_cross_entropy_to_overlap():
    half = masks(np.full(100, 0.5))
    entropy, overlap = (float(segmentation_loss(w, "opacity")(LEFT, half)) for w in (0.0, 1.0))
    assert entropy == pytest.approx(np.log(2), abs=1e-5)
    assert overlap == pytest.approx(1 - (25 + 1) / (75 + 1), abs=1e-6)
    mixed = float(segmentation_loss(0.25, "opacity")(LEFT, half))
    assert mixed == pytest.approx(0.25 * overlap + 0.75 * entropy, abs=1e-6)


def test_masks_may_be_uint8():
    truth = LEFT.astype(np.uint8)
    assert float(segmentation_loss(0.5, "both")(truth, LEFT)) == pytest.approx(0, abs=1e-6)


def test_opacity_iou_counts_pixels_of_all_batches():
    metric = OpacityIou()
    metric.update_state(LEFT, LEFT)
    metric.update_state(LEFT, RIGHT)
    assert float(metric.result()) == pytest.approx(50 / 150)
    metric.reset_state()
    metric.update_state(NONE, NONE)
    assert float(metric.result()) == pytest.approx(1)


@pytest.mark.parametrize("presence", [0.95, 0.3])
def test_opacity_iou_is_shown_however_small_the_probability_that_there_is_any(presence):
    metric = OpacityIou()
    metric.update_state(LEFT, masks(presence * (0.2 + 0.8 * LEFT[..., 1])))
    assert float(metric.result()) == pytest.approx(1)


@pytest.mark.parametrize(
    ("truth", "found", "expected"),
    [(LEFT, LEFT, 0), (LEFT, RIGHT, 1 - 1 / 101), (LEFT, ALL, 1 - 101 / 151), (NONE, NONE, 0)],
)
def test_dice_loss_by_hand(truth, found, expected):
    assert float(dice_loss(truth, found, channels="opacity")) == pytest.approx(expected, abs=1e-6)


def test_focus_lets_pixels_that_are_right_count_less():
    sure, unsure = masks(np.full(100, 0.9)), masks(np.full(100, 0.5))
    plain = [float(cross_entropy(ALL, found, focus=0.0)) for found in (sure, unsure)]
    focused = [float(cross_entropy(ALL, found, focus=2.0)) for found in (sure, unsure)]
    assert focused[0] == pytest.approx(plain[0] * 0.1**2, rel=1e-4)
    assert focused[1] == pytest.approx(plain[1] * 0.5**2, rel=1e-4)
