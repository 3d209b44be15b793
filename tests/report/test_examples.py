"""Which radiographs the report shows."""

import numpy as np
import pytest

from pneumo.detection.ensemble import Ensemble
from pneumo.evaluation.judge import judge
from pneumo.prepared.format import load_prepared
from pneumo.report.examples import gallery, kinds_of

CHOICE = Ensemble({"one": 1.0}, 0.5, 0.0, 0.0, 0.0, 0.0)


@pytest.fixture(scope="module")
def shown(prepared_folder):
    """The first opacity is found, all others are missed; the last healthy image is called."""
    data = load_prepared(prepared_folder)
    rows = data.rows("test")
    maps = np.asarray(data.masks[rows], np.float32) * 0.9
    positive = np.flatnonzero(maps.max(axis=(1, 2)) > 0)
    healthy = np.flatnonzero(maps.max(axis=(1, 2)) == 0)
    maps[positive[1:]] = 0
    maps[healthy[-1], 5:15, 5:15] = 0.8
    cases = judge(data, "test", maps, CHOICE)[1]
    return data, maps, cases, positive, healthy


def test_each_picture_is_of_one_kind(shown):
    *_, cases, positive, healthy = shown
    kinds = {kind: places.tolist() for kind, places in kinds_of(cases).items()}
    assert kinds["hits"] == [positive[0]]
    assert sorted(kinds["misses"]) == positive[1:].tolist()
    assert kinds["false alarms"] == [healthy[-1]]


def test_pictures_are_capped_and_the_rest_is_counted(shown):
    data, maps, cases, positive, _ = shown
    sections = {one["kind"]: one for one in gallery(data, maps, cases, CHOICE, 3)}
    misses = sections["misses"]
    assert (misses["count"], len(misses["pictures"])) == (len(positive) - 1, 1)
    assert not misses["pictures"][0]["found"]
    alarm = sections["false alarms"]["pictures"][0]
    assert not alarm["truth"]
    assert alarm["found"][0][:4] == pytest.approx((5, 5, 10, 10))
    assert len(alarm["outlines"]) == 1
