"""What the monitor does is in the audit trail, each once, whatever happens between."""

import json

import pytest

from pneumo.monitoring import _told, measure
from pneumo.monitoring._kept import keep_standing
from pneumo.site.trail import look


def acts(trail, act: str) -> list[dict]:
    lines = [json.loads(line) for line in trail.read_text().splitlines()]
    return [line for line in lines if line["act"] == act]


def test_verdicts_and_references_are_told_once_with_who_and_why(site, trail):
    site.settle()
    for _ in "123":
        site.run()
    windows = acts(trail, "verdict")
    assert [line["what"]["window"] for line in windows] == [1, 2]
    (first,) = acts(trail, "baseline")
    assert first["who"] == "pneumo"
    assert "200 accepted radiographs" in first["why"]
    assert not look(trail).faults


def test_a_verdict_whose_run_was_killed_before_its_line_is_told_by_the_next(
    site, trail, monkeypatch
):
    class Killed(BaseException):
        """In the place of a kill."""

    def kill(*_, **__):
        raise Killed

    monkeypatch.setattr(_told, "record", kill)
    with pytest.raises(Killed):
        site.settle()
    monkeypatch.undo()
    monkeypatch.setenv("PNEUMO_TRAIL", str(trail))
    site.run()
    site.run()
    assert [line["what"]["window"] for line in acts(trail, "verdict")] == [1]


def test_the_reasons_of_readers_alone_reach_the_next_tasks(site):
    site.settle()
    found = site.run()
    assert measure.brief(found)["retrain"] == []
    keep_standing(site.out, found["model"] + "0" * 48, {"reasons": ["sensitivity is below"]})
    assert measure.brief(measure.show(site.out))["retrain"] == ["sensitivity is below"]
