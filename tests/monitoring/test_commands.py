"""The commands around readers, as a person uses them: draw, fill in, take in, ask."""

import csv
import json
from pathlib import Path
from shutil import copyfile

import pytest
from typer.testing import CliRunner

from pneumo.cli.app import app
from pneumo.monitoring.measure import brief
from pneumo.scoring.parts import Store
from pneumo.site.trail import look
from tests.conftest import ROOT
from tests.monitoring.answers import DIGEST, Scored, write_results


@pytest.fixture
def results(tmp_path, monkeypatch) -> Path:
    """Forty called radiographs, forty that were not, what was registered; without a server."""
    monkeypatch.chdir(tmp_path)
    monkeypatch.delenv("MLFLOW_TRACKING_URI", raising=False)
    copyfile(ROOT / "recipes/demo.yaml", tmp_path / "params.yaml")
    scored = [Scored(f"r{n}", n < 40, 0.9 if n < 40 else 0.3, person=f"p{n}") for n in range(80)]
    write_results(tmp_path / "data/scored", scored)
    kept = {"positive": 200, "called": 190, "negative": 200, "left_alone": 180, "auroc": 0.95}
    folder = tmp_path / "data/monitor/registered"
    folder.mkdir(parents=True)
    (folder / f"{DIGEST[:16]}.json").write_text(json.dumps({"all": kept}))
    return tmp_path / "data/scored"


def run(*words: str, code: int = 0) -> str:
    done = CliRunner().invoke(app, list(words), catch_exceptions=False)
    assert done.exit_code == code, done.output
    return done.stdout


def filled(form: Path, verdict) -> list[dict]:
    rows = list(csv.DictReader(form.open()))
    for row in rows:
        row |= {"reader": "A", "verdict": verdict(row), "ai_seen": "no"}
    with form.open("w", newline="") as stream:
        writer = csv.DictWriter(stream, rows[0])
        writer.writeheader()
        writer.writerows(rows)
    return rows


def test_a_form_is_drawn_filled_in_and_taken_in(results, trail):
    said = run("monitor", "draw", str(results), "--day", "2026-11-25")
    assert "2026-W48: 40 called and" in said
    form = results / "draw.csv"
    assert form.stat().st_mode & 0o777 == 0o600
    before = form.read_bytes()
    run("monitor", "draw", str(results), "--day", "2026-11-27")
    assert form.read_bytes() == before
    called = {Scored(f"r{n}", True).content for n in range(40)}
    rows = filled(form, lambda row: "opacity" if row["content"] in called else "clear")
    assert 40 < len(rows) < 60
    said = run("monitor", "labels", str(form), "--day", "2026-11-26", "--by", "Ada")
    assert f"table 1: {len(rows)} verdicts taken in" in said
    assert "sensitivity 1.00" in said
    assert "retraining wanted: no" in said
    again = json.loads(run("monitor", "labels", str(form), "--json"))
    assert (again["number"], again["new"]) == (1, False)
    assert look(trail).acts == {"labels": 1}
    run("monitor", "retrain", code=99)


def test_readers_who_find_false_calls_want_a_retraining_and_its_reasons_are_kept(results):
    for week, day in enumerate(["2026-11-25", "2026-12-02"]):
        more = [Scored(f"week {week} {n}", True, person=f"q{week}{n}") for n in range(20)]
        write_results(results, more)
        run("monitor", "draw", str(results), "--day", day)
        filled(results / "draw.csv", lambda row: "clear")  # all calls were false
        run("monitor", "labels", str(results / "draw.csv"), "--day", day)
    said = run("monitor", "retrain")
    assert said.startswith("specificity is below 0.8")
    kept = json.loads((Path("data/monitor/standing") / f"{DIGEST[:16]}.json").read_text())
    assert kept["reasons"] == [said.strip()]
    found = {"windows": [], "level": "", "sentence": "", "version": 1, "labels": kept}
    assert brief(found)["retrain"] == [said.strip()]


def test_verdicts_count_in_the_next_run_of_the_monitor_when_their_radiographs_are_scored(results):
    late = [Scored(f"late {n}", True, person=f"q{n}") for n in range(40)]
    rows = [f"{one.content},A,clear,no" for one in late]
    Path("t.csv").write_text("\n".join(["content,reader,verdict,ai_seen", *rows]))
    run("monitor", "labels", "t.csv")
    assert json.loads(run("monitor", "run", str(results), "--json"))["retrain"] == []
    write_results(results, late)
    (reason,) = json.loads(run("monitor", "run", str(results), "--json"))["retrain"]
    assert reason.startswith("specificity is below 0.8")
    assert reason in Path("data/monitor/index.html").read_text()
    said = json.loads(run("monitor", "retrain", "--json"))
    assert (said["model"], said["fell"]) == (DIGEST[:16], ["specificity"])
    assert said["reasons"] == [reason]


def test_without_what_was_registered_verdicts_are_kept_and_that_is_said(results):
    for path in Path("data/monitor/registered").iterdir():
        path.unlink()
    Path("t.csv").write_text(f"content,reader,verdict\n{Scored('r0', True).content},A,opacity\n")
    said = run("monitor", "labels", "t.csv")
    assert "1 verdicts taken in" in said
    assert "nothing is compared with what was registered: MLFLOW_TRACKING_URI" in said
    assert "nothing is compared" in run("monitor", "retrain", code=1)


def test_without_verdicts_nothing_is_wanted_whatever_was_registered(results):
    for path in Path("data/monitor/registered").iterdir():
        path.unlink()
    run("monitor", "retrain", code=99)


@pytest.mark.parametrize(
    ("words", "said"),
    [
        (["monitor", "labels", "none.csv"], "none.csv: no such file"),
        (["monitor", "draw", "none"], "none: nothing was scored there"),
        (["monitor", "labels", "params.yaml", "--day", "x"], "--day: must be a day"),
    ],
)
def test_a_mistake_is_one_line(results, words, said):
    from pneumo.base.errors import PneumoError

    with pytest.raises(PneumoError, match=said):
        CliRunner().invoke(app, words, catch_exceptions=False)


def test_what_was_drawn_and_read_is_told_without_a_sum_of_any_part(results, monkeypatch):
    from pneumo.scoring import parts

    def never(path):
        raise AssertionError(path)

    monkeypatch.setattr(parts, "sha256", never)
    run("monitor", "draw", str(results))
    run("monitor", "retrain", code=99)


def test_a_part_that_cannot_be_read_is_one_line(results):
    from pneumo.base.errors import DataError

    (path,) = results.rglob("rows.parquet")
    path.write_bytes(b"PAR1")
    with pytest.raises(DataError, match="cannot be read") as error:
        CliRunner().invoke(app, ["monitor", "draw", str(results)], catch_exceptions=False)
    assert len(str(error.value).splitlines()) == 1


def test_after_a_rollback_onto_known_radiographs_draw_and_labels_follow_the_asked_ensemble(results):
    first = next(iter(Store(results.parent / "scored").parts())).scorer
    newer = [Scored(f"r{n}", n >= 70, 0.3) for n in range(80)]
    store = write_results(results, newer, digest="e" * 64, version=2)
    store.keep_asked(next(part.scorer for part in store.parts() if part.scorer.version == 2))
    path = store.folder / first.key / "asked.json"
    path.write_text(json.dumps({"digest": first.digest, "at": "2099-01-01T00:00:00Z"}))
    assert "40 called" in run("monitor", "draw", str(results), "--day", "2026-11-25")
    Path("t.csv").write_text(f"content,reader,verdict\n{Scored('r0', True).content},A,opacity\n")
    assert "version 1: 1 radiographs" in run("monitor", "labels", "t.csv")
