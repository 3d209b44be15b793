"""The light: of all ensembles in use of late, of what does not come, and of what is too old."""

import json
from datetime import timedelta

import pytest

from pneumo.monitoring.measure import baseline, brief, measure, show
from pneumo.scoring.parts import Scorer, Store
from pneumo.site.trail import look, trail_path
from tests.monitoring.test_measure import Killed, negative


def asked(site, at: str) -> None:
    """The ensemble of ``site`` was asked, and had answered everything before."""
    scorer = Scorer("models:/e/3", 3, site.digest, "openvino", "float32", False)
    Store(site.results).keep_asked(scorer)
    path = site.results / "shards" / scorer.key / "asked.json"
    path.write_text(json.dumps(json.loads(path.read_text()) | {"at": at}))


def test_an_alarm_stays_while_the_next_ensemble_scores_and_ends_with_the_window(site):
    site.score(100, negative)
    assert site.run()["level"] == "alarm"
    first, site.digest = site.digest, "e" * 64
    site.score(30)
    found = site.run()
    assert (found["model"], found["level"]) == ("e" * 16, "alarm")
    assert "Version 3, in use until 2026-03-03: " in found["sentence"]
    assert brief(found)["signals"]["turned"]
    assert [(one["model"], one["level"]) for one in found["older"]] == [(first[:16], "alarm")]
    assert show(site.out)["level"] == "alarm"
    site.score(30)
    assert site.run(6)["level"] == "alarm"  # seven days later
    site.score(80)
    found = site.run()
    assert (found["level"], found["windows"][-1]["level"]) == ("quiet", "quiet")


def test_the_graver_of_two_ensembles_is_shown_whichever_is_the_newer(site):
    site.score(100)
    site.run()
    site.digest = "e" * 64
    site.score(100, negative)
    found = site.run()
    assert (found["model"], found["level"]) == ("e" * 16, "alarm")
    assert not found["sentence"].startswith("Version")


def test_a_rollback_is_noticed_where_everything_was_answered_before(site):
    first = site.rolled_back()
    asked(site, "2099-01-01T00:00:00Z")
    assert site.run()["model"] == first[:16]
    again = site.bytes()
    assert site.run(0)["model"] == first[:16]
    assert site.bytes() == again
    site.digest = "e" * 64
    asked(site, "2099-01-02T00:00:00Z")
    assert site.run(3)["model"] == "e" * 16


def test_a_part_of_known_radiographs_alone_says_who_answers(site):
    import pyarrow.parquet as pq

    path = site.score(100)
    rows = pq.read_table(path / "rows.parquet").to_pylist()
    site.run()
    first, site.digest = site.digest, "e" * 64
    site.score(100)
    site.run()
    site.digest = first
    site.write(rows[:40])
    found = site.run()
    assert (found["model"], found["open"]["images"]) == (first[:16], 0)


@pytest.mark.parametrize(
    ("arrives", "said"),
    [
        ({"count": 6, "rejected": 9}, "6 answered, 9 refused since 2026-03-05"),
        ({"count": 3, "rejected": 1}, "fewer than 5 answered, fewer than 5 refused since"),
        ({"count": 0, "rejected": 15}, "0 answered, 15 refused since"),
        (None, "0 answered, 0 refused since 2026-03-04"),
    ],
)
def test_where_little_or_nothing_arrives_the_light_is_not_green(site, arrives, said):
    site.settle()
    if arrives:
        site.score(**arrives)
    before = site.run()
    assert before["level"] == "quiet"
    found = site.run(8)
    assert (found["level"], len(found["windows"])) == ("waits", len(before["windows"]))
    assert said in found["sentence"]
    assert said in (site.out / "index.html").read_text()


def test_an_alarm_is_not_covered_by_what_does_not_arrive(site):
    site.score(100, negative)
    site.run()
    found = site.run(30)
    assert found["level"] == "alarm"
    assert "Nothing has arrived for 30 days" in found["sentence"]


def test_what_waits_for_too_long_is_closed_and_deleted_and_its_verdict_stays(site):
    site.score(10)
    site.run()
    first, site.digest = site.digest, "e" * 64
    site.score(100)
    site.run()
    assert len(list((site.out / "images" / first[:16]).iterdir())) == 1
    found = site.run(site.settings.keep_days)  # of the day itself nothing is deleted
    found = site.run(1000)
    assert not list((site.out / "images").rglob("*.parquet"))
    (verdict,) = [json.loads(p.read_text()) for p in (site.out / "windows" / first[:16]).iterdir()]
    assert (verdict["level"], verdict["images"]) == ("not judged", 10)
    assert verdict["from"] == verdict["to"] == "2026-03-03"
    assert look().acts == {"verdict": 2, "deletion": 2}
    assert [one["windows"] for one in found["older"]] == [1]
    assert site.run()["open"]["images"] == 0  # nothing is taken in anew
    assert look().acts == {"verdict": 2, "deletion": 2}


def test_a_young_rest_of_an_old_open_window_stays(site):
    site.score(10)
    site.run()
    site.score(5)
    site.run(site.settings.keep_days)
    found = site.run()
    assert [window["images"] for window in found["windows"]] == [10]
    assert found["open"]["images"] == 5


@pytest.mark.parametrize("step", range(6))
def test_a_reference_killed_at_any_step_and_asked_for_again_is_one(site, monkeypatch, step):
    from pneumo.base import aside, files
    from pneumo.monitoring import _told

    site.settle()
    left, record = step, _told.record

    def or_killed(work):
        def run(*given, **named):
            nonlocal left
            left -= 1
            if left < 0:
                raise Killed
            return work(*given, **named)

        return run

    with monkeypatch.context() as patch:
        patch.setattr(files, "put", or_killed(aside.put))
        patch.setattr(_told, "record", or_killed(record))
        with pytest.raises(Killed):
            baseline(site.out, "room 3", monitor=site.settings, today=site.day)
    later = site.day + timedelta(days=1)
    name = baseline(site.out, "room 3", monitor=site.settings, today=later)
    assert name == "baseline 2"
    kept = [json.loads(p.read_text()) for p in sorted((site.out / "baselines").rglob("*.json"))]
    assert [one["because"] for one in kept][1:] == ["room 3"]
    told = [json.loads(line) for line in trail_path().read_text().splitlines()]
    assert [line["why"] for line in told if line["act"] == "baseline"][1:] == ["room 3"]
    assert measure(Store(site.results), site.out, monitor=site.settings, today=later)["baselines"]
    assert baseline(site.out, "room 4", monitor=site.settings, today=later) == "baseline 3"
