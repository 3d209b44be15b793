"""Boxes and cases of a split from blended maps."""

import numpy as np
import pytest

from pneumo.base.errors import DataError
from pneumo.dataset.rsna import mean_average_precision
from pneumo.detection.boxes import Frame
from pneumo.detection.ensemble import Ensemble
from pneumo.evaluation.judge import candidates, judge

CHOICE = Ensemble({"one": 1.0}, 0.5, 0.0, 0.0, 0.0, 0.0)


def true_maps(data, split):
    return np.asarray(data.masks[data.rows(split)], np.float32)


def test_perfect_maps_are_judged_nearly_perfect_and_in_the_order_of_the_data(data):
    rows = data.rows("test")
    maps = true_maps(data, "test")
    found, cases = judge(data, "test", maps, CHOICE)
    assert list(found) == data.names(rows)
    assert cases["probability"].tolist() == CHOICE.level(maps).tolist()
    assert (cases["hits"] == cases["truth_boxes"]).all()
    assert cases["precision"].mean() == pytest.approx(
        mean_average_precision(data.truth(rows), found)
    )


def test_the_image_threshold_silences_an_image(data):
    maps = true_maps(data, "validation") * 0.6
    strict = Ensemble({"one": 1.0}, 0.5, 0.99, 0.0, 0.0, 0.0)
    found, cases = judge(data, "validation", maps, strict)
    assert cases["found_boxes"].sum() == 0 == sum(map(len, found.values()))


def test_maps_that_do_not_fit_or_are_no_probabilities_are_refused(data):
    maps = true_maps(data, "test")
    with pytest.raises(DataError, match=r"maps of test: shape \(9, 32, 32\), but the data need"):
        judge(data, "test", maps[1:], CHOICE)
    with pytest.raises(DataError, match="not a probability"):
        judge(data, "test", np.where(maps > 0, np.nan, maps), CHOICE)


def test_candidates_add_fainter_regions_and_never_melt_two_into_one():
    frame = Frame(320, 320, 32)
    probability = np.full((32, 32), 0.1, np.float32)
    probability[4:12, 4:12] = 0.9
    probability[4:12, 14:22] = 0.8
    probability[20:28, 4:12] = 0.3  # below the threshold
    called = CHOICE.boxes(probability, frame)
    found = candidates(probability, frame, CHOICE)
    assert found[:2] == called
    assert [(box.x, box.y) for box in found] == [(40, 40), (140, 40), (40, 200)]
