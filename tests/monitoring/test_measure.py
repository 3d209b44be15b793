"""What is an alarm, what is a warning, and what is neither; each window once, whatever happens."""

import io
import json
import os
import signal
import subprocess
import sys
from datetime import timedelta

import numpy as np
import pyarrow.parquet as pq
import pytest
from PIL import Image

from pneumo.base.errors import DataError, PneumoError
from pneumo.monitoring.measure import baseline, measure, show
from pneumo.scoring.parts import Store
from tests.intake.radiographs import chests
from tests.monitoring.conftest import PLANTED, Site


def negative(picture: np.ndarray) -> np.ndarray:
    return 255 - picture


def jpeg(picture: np.ndarray) -> np.ndarray:
    buffer = io.BytesIO()
    Image.fromarray(picture).save(buffer, "jpeg", quality=5)
    return np.asarray(Image.open(buffer))


def test_a_healthy_window_is_quiet(site):
    site.settle()
    site.score(100)
    found = site.run()
    assert found["level"] == "quiet"
    assert [window["reference"] for window in found["windows"]] == ["registered"] * 2 + [
        "baseline 1"
    ]
    assert found["windows"][-1]["people"] == 100


@pytest.mark.parametrize("own", [True, False])
def test_twenty_reversed_radiographs_are_an_alarm_at_once(site, own):
    if own:
        site.settle()
    site.score(20, negative)
    site.run()
    found = site.run(7)  # a small window is judged when it is old
    assert found["level"] == "alarm"
    assert "reversed" in found["sentence"]
    assert found["windows"][-1]["signals"]["turned"]


@pytest.mark.parametrize("quarters", [1, 2, 3])
def test_a_quarter_that_is_turned_is_an_alarm(site, quarters):
    site.settle()
    site.score(20, lambda p: np.rot90(p, quarters), share=0.25)
    site.run()
    assert site.run(7)["level"] == "alarm"


def test_five_of_fifty_reversed_are_an_alarm_in_four_of_five_draws(site):
    site.settle()
    alarms = 0
    for _ in range(10):
        site.score(50, negative, share=0.1)
        site.run()
        alarms += site.run(7)["windows"][-1]["signals"]["turned"]
    assert alarms >= 8


def test_strong_compression_is_a_warning_of_the_input_then_an_alarm_of_it(site):
    site.settle()
    site.score(100, jpeg)
    found = site.run()
    assert found["level"] == "warning"
    assert found["windows"][-1]["signals"] == {"input": True, "turned": False, "output": False}
    assert found["windows"][-1]["drivers"]
    assert json.loads((site.out / "summary.json").read_text())["retrain"] == []
    site.score(100, jpeg)
    found = site.run()
    assert found["level"] == "alarm"
    assert "second time" in found["sentence"]


def test_input_and_output_together_are_an_alarm(site):
    site.settle()
    site.score(100, jpeg, shift=0.4)
    found = site.run()
    assert found["level"] == "alarm"
    assert "stop" in found["sentence"]


def test_answers_alone_that_move_are_a_warning(site):
    site.settle()
    site.score(100, shift=0.4)
    found = site.run()
    assert found["level"] == "warning"
    assert found["windows"][-1]["signals"] == {"input": False, "turned": False, "output": True}


def test_against_the_registered_reference_a_difference_is_a_warning_at_most(site):
    for _ in range(3):
        site.score(60, jpeg, shift=0.4)
        site.run()
        found = site.run(7)
        assert found["level"] in ("warning", "quiet")


QUIET = {
    "one patient's thirty": {"count": 30, "people": 1},
    "five": {"count": 5},
    "all refused": {"count": 0, "rejected": 60},
    "nine people": {"count": 40, "people": 9},
    "parts of before": {"count": 60, "known": False},
    "constant pictures of many": {"count": 0, "rejected": 1},
}


@pytest.mark.parametrize("own", [True, False])
@pytest.mark.parametrize("case", QUIET)
def test_windows_that_cannot_be_judged_say_so_in_a_sentence(site, case, own):
    if own:
        site.settle()
    site.score(**QUIET[case])
    site.run()
    found = site.run(7)
    assert found["level"] in ("waits", "not judged", "quiet")
    assert found["sentence"].endswith(".")
    assert "NaN" not in json.dumps(found)
    assert "nan" not in (site.out / "index.html").read_text().lower().replace("finance", "")


def test_a_patient_with_thirty_odd_radiographs_is_one_person(site):
    site.settle()
    pictures = [*chests(30, 5), *chests(40, 6)]
    site.score(70, lambda p: np.ascontiguousarray(p[::2].repeat(2, axis=0)), share=30 / 70,
               people=70, pictures=pictures)  # fmt: skip
    site.run()
    assert site.run(7)["windows"][-1]["people"] == 70


def test_constant_features_give_no_alarm_by_nan(site):
    site.settle()
    site.score(40, lambda p: np.full_like(p, 120))
    site.run()
    found = site.run(7)
    text = json.dumps(found["windows"][-1], allow_nan=False)
    assert found["windows"][-1]["review"] == {"blank": 40, "unusual": 40}
    assert found["level"] in ("warning", "alarm")
    assert "NaN" not in text


def test_an_ensemble_without_a_profile_is_not_judged(tmp_path, monitor_settings):
    site = Site(tmp_path, None, monitor_settings)
    site.score(120)
    found = site.run()
    assert found["level"] == "not judged"
    assert "profile" in found["sentence"]


def test_seven_daily_runs_over_one_open_window_give_one_verdict(site):
    site.settle()
    for _ in range(6):
        site.score(5)
        found = site.run()
        assert len(found["windows"]) == 2
        again = site.bytes()
        assert site.run(0)["windows"] == found["windows"]
        assert site.bytes() == again
    site.score(5)
    found = site.run()
    assert len(found["windows"]) == 2  # six days old
    found = site.run()
    assert len(found["windows"]) == 3
    assert found["windows"][-1]["scored"] == 35
    for _ in range(3):
        assert len(site.run()["windows"]) == 3


def test_a_content_that_comes_again_counts_once(site):
    path = site.score(30)
    site.run()
    rows = pq.read_table(path / "rows.parquet").to_pylist()
    site.write(rows[:20])
    found = site.run()
    assert found["open"]["images"] == 30


def test_another_champion_never_shares_a_window(site):
    site.score(60)
    site.run()
    site.digest = "e" * 64
    site.score(60)
    found = site.run()
    assert not found["windows"]
    site.score(60)
    assert [window["images"] for window in site.run()["windows"]] == [120]


def test_after_a_rollback_the_ensemble_that_scores_is_the_one_looked_at(site):
    first = site.rolled_back()
    site.score(100, negative)
    found = site.run()
    assert (found["model"], found["level"]) == (first[:16], "alarm")


def test_turned_radiographs_of_the_time_of_the_reference_are_in_it(site):
    """One in a hundred was reversed when it was made, and counts as it does in a window."""
    for _ in range(3):
        site.score(100, negative, share=0.01)
        site.run()
    (made,) = site.run()["baselines"]
    assert made["turned"] / made["people"] == pytest.approx(0.01)


def test_where_most_files_are_refused_the_light_is_not_green(site):
    site.settle()
    site.score(6, rejected=240)
    found = site.run()
    assert found["level"] == "waits"
    assert "240 of 246" in found["sentence"]


def test_every_radiograph_is_in_one_window(site):
    for _ in range(4):
        site.score(70)
        site.run()
    found = show(site.out)
    names = [name for window in found["windows"] for name in window["batches"]]
    assert len(names) == len(set(names))
    assert sum(w["images"] for w in found["windows"]) + found["open"]["images"] == 280


KILLED = """
import os, signal, sys
from datetime import date
from pathlib import Path
from pneumo.base import aside, files
from pneumo.base.settings import load_settings
from pneumo.monitoring.measure import measure
from pneumo.scoring.parts import Store

left = 3
def put(new, path):
    global left
    left -= 1
    if left < 0:
        os.kill(os.getpid(), signal.SIGKILL)
    aside.put(new, path)
files.put = put
results, out, params, day = sys.argv[1:]
monitor = load_settings(Path(params)).monitor
measure(Store(Path(results)), Path(out), monitor=monitor, today=date.fromisoformat(day))
"""


class Killed(BaseException):
    """In the place of a signal, which a test cannot survive."""


def test_ended_before_any_file_and_run_again_it_is_as_if_it_never_was(
    site, tmp_path, profile, monkeypatch
):
    from pneumo.base import aside, files
    from tests.conftest import ROOT

    site.score(230)
    day = site.day + timedelta(days=1)
    words = [str(site.results), str(site.out), str(ROOT / "params.yaml"), day.isoformat()]
    end = subprocess.run([sys.executable, "-c", KILLED, *words], cwd=ROOT)
    assert end.returncode == -signal.SIGKILL
    left = 1

    def put(new, path):
        nonlocal left
        left -= 1
        if left < 0:
            raise Killed
        aside.put(new, path)

    ends = 0
    with monkeypatch.context() as patch:
        patch.setattr(files, "put", put)
        for _ in range(12):
            left = 1
            try:
                measure(Store(site.results), site.out, monitor=site.settings, today=day)
            except Killed:
                ends += 1
    assert ends == 12  # the page and the summary are written by every run
    other = Site(tmp_path / "other", profile, site.settings)
    other.results = site.results
    other.run()
    site.run()
    assert site.bytes() == other.bytes()


def test_a_new_reference_takes_a_reason_and_a_name(site):
    site.settle()
    for _ in range(2):
        site.score(120, jpeg)
        assert site.run()["level"] in ("warning", "alarm")
    with pytest.raises(PneumoError, match="reason"):
        baseline(site.out, " ", monitor=site.settings, today=site.day)
    name = baseline(site.out, "new <b>detector</b>", monitor=site.settings, today=site.day)
    assert name == "baseline 2"
    assert "new &lt;b&gt;detector" in (site.out / "index.html").read_text()
    site.score(120, jpeg)
    found = site.run()
    assert found["level"] == "quiet"
    assert found["windows"][-1]["reference"] == "baseline 2"


def test_a_reference_needs_two_hundred_radiographs(site):
    site.score(120)
    site.run()
    with pytest.raises(DataError, match="200"):
        baseline(site.out, "why", monitor=site.settings, today=site.day)


def test_a_reference_that_was_changed_is_refused(site):
    site.settle()
    (path,) = (site.out / "baselines").rglob("*.npz")
    path.write_bytes(path.read_bytes() + b"x")
    site.score(120)
    with pytest.raises(DataError, match="not the one"):
        site.run()


def test_windows_with_an_alarm_are_in_no_first_reference(site):
    site.score(150, negative)
    site.run()
    site.score(150)
    found = site.run()
    assert not found["baselines"]
    site.score(150)
    (one,) = site.run()["baselines"]
    assert 290 <= one["images"] <= 300


def test_old_radiographs_are_deleted_and_verdicts_stay(site):
    site.settle()
    windows = site.run()["windows"]
    site.settings = site.settings.model_copy(update={"keep_days": 5})
    found = site.run(30)
    assert not list((site.out / "images").rglob("*.parquet"))
    assert found["windows"] == windows
    assert site.run()["open"]["images"] == 0  # what was deleted is not taken in anew


def test_nothing_that_names_anybody_leaves_the_results(site):
    site.settle()
    site.score(100, negative)
    site.run()
    for name, content in site.bytes().items():
        for text in PLANTED:
            assert text.encode() not in content, name
    page = (site.out / "index.html").read_text()
    rows = [
        row
        for p in (site.out / "images").rglob("*.parquet")
        for row in pq.read_table(p).to_pylist()
    ]
    assert not any(row["person"] in page or row["content"] in page for row in rows)


def test_only_its_owner_may_enter_the_folder(site):
    site.score(30)
    site.run()
    assert site.out.stat().st_mode & 0o777 == 0o700
    assert os.access(site.out, os.R_OK)


def test_the_same_results_give_the_same_bytes_on_any_day_order(site, tmp_path, profile):
    site.score(130)
    site.score(130)
    one = site.run()
    other = Site(tmp_path / "b", profile, site.settings)
    other.results = site.results
    assert measure(Store(other.results), other.out, monitor=site.settings, today=site.day) == one
