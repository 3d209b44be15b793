"""What a promotion compares on more test radiographs than were rehearsed."""

from types import SimpleNamespace

import pytest

from pneumo.base.settings import load_settings
from pneumo.engines import processor
from pneumo.registry.agree import asked_here
from pneumo.rehearsal._needs import Counts
from pneumo.rehearsal._processes import Took
from pneumo.rehearsal._run import Rehearsed, Run, Whole


def with_score(**changes):
    settings = load_settings()
    return settings.model_copy(update={"score": settings.score.model_copy(update=changes)})


@pytest.mark.parametrize(
    ("changes", "has_bfloat16", "seconds"),
    [
        ({"precision": "auto", "engine": "openvino"}, True, 10 + 2.5 * (2400 - 32)),
        ({"precision": "auto", "engine": "openvino"}, False, 10),
        ({"precision": "int8", "engine": "openvino"}, False, 10 + 2.5 * (2400 - 32)),
        ({"precision": "auto", "engine": "tensorflow"}, True, 10),
        ({"precision": "float32", "engine": "openvino"}, True, 10),
    ],
)
def test_each_further_test_image_takes_what_scoring_one_takes(
    monkeypatch, changes, has_bfloat16, seconds
):
    monkeypatch.setattr(processor, "multiplies_in_bfloat16", lambda: has_bfloat16)
    run = Run.__new__(Run)
    run.settings = with_score(**changes)
    run.found = SimpleNamespace(counts=Counts(20_000, 2_400, 2_400))
    run.some, run.done = Counts(48, 32, 32), Rehearsed({"promote": Whole(Took(10, 0, 0), 10)})
    run._compare_more(2.5)
    assert run.done.stages["promote"].seconds == seconds


@pytest.mark.parametrize(
    ("engine", "precision", "compared"),
    [
        ("openvino", "auto", ("bfloat16", "mixed")),
        ("openvino", "int8", ("int8",)),
        ("openvino", "float32", ()),
        ("tensorflow", "auto", ()),
        ("jax", "int8", ()),
    ],
)
def test_nothing_is_compared_where_keras_scores(engine, precision, compared):
    assert asked_here(with_score(engine=engine, precision=precision).score) == compared
