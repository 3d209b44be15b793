"""Readers' verdicts: taken in whole, counted once, weighted back, and the rest listed."""

import json
from datetime import date

import numpy as np
import pytest

from pneumo.base.errors import DataError
from pneumo.base.settings import MonitorSettings
from pneumo.evaluation.counts import Counts
from pneumo.monitoring.draw import chance_of, draw, drawn, is_drawn
from pneumo.monitoring.labels import sentences, standing, take_in
from pneumo.site.trail import look
from tests.monitoring.answers import DIGEST, Scored, content_of, write_results

DAY = date(2026, 11, 25)
SETTINGS = MonitorSettings(
    window_images=100, window_days=7, false_alarms=0.01, review_share=0.1, audit_share=0.5,
    keep_days=400,
)  # fmt: skip
HEADER = "content,instance_uid,reader,verdict,boxes,ai_seen,why"


@pytest.fixture(autouse=True)
def site(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)


@pytest.fixture
def results(tmp_path):
    """Four called radiographs and four that were not."""
    return write_results(tmp_path / "results", [Scored(f"r{n}", n < 4) for n in range(8)])


def rows(*lines: str, header: str = HEADER) -> str:
    return "\n".join([header, *lines]) + "\n"


def row(name: str, verdict: str, reader="A", seen="no", why="", boxes="") -> str:
    return f"{content_of(name)},,{reader},{verdict},{boxes},{seen},{why}"


def told(results, tmp_path, *tables: str, registered=None, settings=SETTINGS):
    for number, text in enumerate(tables):
        path = tmp_path / f"t{number}.csv"
        path.write_text(text)
        take_in(path, tmp_path / "monitor", "Ada", DAY)
    return standing(results.parts(), tmp_path / "monitor", registered, monitor=settings)


def test_each_radiograph_counts_once_and_the_rest_is_listed(results, tmp_path):
    table = rows(
        row("r0", "opacity"),
        row("r0", "opacity"),  # repeated
        row("r0", "opacity", reader="B"),
        row("r1", "opacity"),
        row("r1", "clear"),  # corrected: clear
        row("r2", "opacity"),
        row("r2", "clear", reader="B"),  # contradictory
        row("r3", "unsure"),
        row("r4", "clear", why="audit"),
        row("r5", "opacity", why="audit", seen="yes"),
        row("r6", "clear"),  # neither called nor drawn
        row("strange", "clear"),
    )
    found = told(results, tmp_path, table)
    assert found.counted.aside == {
        "repeated": 1, "corrected": 1, "contradictory": 1, "unsure": 1, "unknown": 1,
        "own reason": 1, "seen": 1,
    }  # fmt: skip
    known = found.figures
    assert (known.readings, known.called, known.uncalled) == (4, 2, 2)
    assert found.agreement[0] == 0.5  # of r0 and r2
    assert "4 radiographs of 4 people were read" in next(sentences(found))


def test_sensitivity_is_weighted_by_the_inverse_of_the_share(tmp_path):
    """20 of 30 called show an opacity; of 100 uncalled a tenth was read, 2 of 10 show one."""
    scored = [Scored(f"c{n}", True) for n in range(30)] + [Scored(f"u{n}", False) for n in range(9)]
    results = write_results(tmp_path / "results", [*scored, Scored("u9", False)])
    lines = [row(f"c{n}", "opacity" if n < 20 else "clear") for n in range(30)]
    lines += [row(f"u{n}", "opacity" if n < 2 else "clear", why="audit") for n in range(10)]
    found = told(
        results, tmp_path, rows(*lines), settings=SETTINGS.model_copy(update={"audit_share": 0.1})
    )
    known = found.figures
    assert known.sensitivity.value == pytest.approx(20 / (20 + 2 * 10))
    assert known.naive == pytest.approx(20 / 22)
    assert known.specificity.value == pytest.approx(80 / (80 + 10))
    assert known.sensitivity.low < 0.5 < known.sensitivity.high
    assert known.right_calls.value == pytest.approx(20 / 30)


def test_of_called_radiographs_alone_no_sensitivity_is_told(results, tmp_path):
    found = told(results, tmp_path, rows(row("r0", "opacity"), row("r1", "clear")))
    assert found.figures.sensitivity is None
    assert any("sensitivity cannot be told" in line for line in sentences(found))
    assert found.figures.right_calls.value == 0.5


def test_readers_who_had_not_seen_the_answer_decide(results, tmp_path):
    table = rows(
        row("r0", "opacity", reader="A", seen="yes"),
        row("r0", "opacity", reader="B", seen=""),
        row("r0", "clear", reader="C", seen="no"),
    )
    (truth,) = told(results, tmp_path, table).counted.truths
    assert not truth.positive
    assert not truth.seen


def test_the_same_table_again_and_its_lines_in_the_trail_once(results, tmp_path, monkeypatch):
    monkeypatch.setenv("PNEUMO_TRAIL", str(tmp_path / "trail.jsonl"))
    table = rows(row("r0", "opacity"))
    first = told(results, tmp_path, table, table, table)
    assert first.counted.aside == {}
    assert look().acts == {"labels": 1}
    assert len(list((tmp_path / "monitor/labels").glob("0*.json"))) == 1


def test_a_table_that_came_before_its_radiographs_were_scored_counts_later(tmp_path):
    results = write_results(tmp_path / "results", [Scored("r0", True)])
    late = Scored("later", True)
    by_uid = f",{late.uid},A,opacity,,no,"
    found = told(results, tmp_path, rows(row("r0", "clear"), by_uid))
    assert found.counted.aside == {"unknown": 1}
    results = write_results(tmp_path / "results", [late])
    found = standing(results.parts(), tmp_path / "monitor", None, monitor=SETTINGS)
    assert found.counted.aside == {}
    assert found.figures.called == 2


def test_no_uid_is_kept(results, tmp_path):
    uid = Scored("r0", True).uid
    told(results, tmp_path, rows(f",{uid},A,opacity,,no,"))
    folder = b"".join(p.read_bytes() for p in (tmp_path / "monitor").rglob("*.json"))
    assert uid.encode() not in folder
    assert (tmp_path / "monitor").stat().st_mode & 0o077 == 0


def test_another_ensembles_answers_are_not_mixed_in(results, tmp_path):
    write_results(tmp_path / "results", [Scored("r0", False)], digest="e" * 64, version=2)
    found = told(results, tmp_path, rows(row("r0", "opacity", why="audit"), row("r1", "opacity")))
    assert found.model == "e" * 64
    assert (found.figures.called, found.figures.uncalled) == (0, 1)
    old = standing(results.parts(), tmp_path / "monitor", None, monitor=SETTINGS, model=DIGEST)
    assert (old.figures.called, old.figures.uncalled) == (2, 0)


@pytest.mark.parametrize(
    ("text", "said"),
    [
        (rows("nohash,,A,opacity,,,"), "line 2: content is no sha256"),
        (rows(",,A,opacity,,,"), "line 2: names no radiograph"),
        (rows(row("a", "perhaps so")), "the verdict must be opacity, clear or unsure"),
        (rows(row("a", "opacity", reader="")), "the reader must be a pseudonym"),
        (rows(row("a", "opacity", reader="Doe^Jane")), "the reader must be a pseudonym"),
        (rows(row("a", "opacity", seen="perhaps")), "ai_seen must be yes, no or blank"),
        (rows(row("a", "opacity", why="mood")), "why must be called, audit, other or blank"),
        (rows(row("a", "opacity", boxes="[1]")), "boxes must be JSON"),
        (rows(row("a", "clear", boxes="called")), "boxes stand beside a verdict"),
        (rows(), "holds no verdict"),
        ("a,b\n", "lacks the column reader and verdict"),
        ("reader,verdict\n", "lacks a column content"),
    ],
)
def test_a_table_that_says_nothing_is_refused_whole(tmp_path, text, said):
    path = tmp_path / "t.csv"
    path.write_text(text)
    with pytest.raises(DataError, match=said):
        take_in(path, tmp_path / "monitor", "Ada", DAY)
    assert not (tmp_path / "monitor").exists()


@pytest.mark.parametrize(
    ("word", "verdict"),
    [("1", "opacity"), ("Positive", "opacity"), ("normal", "clear"), ("?", "unsure")],
)
def test_words_for_verdicts_semicolons_and_a_byte_order_mark_are_read(tmp_path, word, verdict):
    path = tmp_path / "t.csv"
    path.write_bytes(
        b"\xef\xbb\xbfcontent;Reader;Verdict\r\n" + f"{content_of('a')};A;{word}\r\n".encode()
    )
    table, new = take_in(path, tmp_path / "monitor", "Ada", DAY)
    assert new
    assert [v.verdict for v in table.verdicts] == [verdict]


def test_a_changed_table_is_noticed(results, tmp_path):
    told(results, tmp_path, rows(row("r0", "opacity")))
    (path,) = (tmp_path / "monitor/labels").glob("0*.json")
    path.write_text(path.read_text().replace("opacity", "clear"))
    with pytest.raises(DataError, match="is not what was kept"):
        standing(results.parts(), tmp_path / "monitor", None, monitor=SETTINGS)


def test_a_fall_of_sensitivity_wants_a_retraining_and_says_why(tmp_path):
    """Registered 180 of 200; of every 10 opacities 5 are missed, all are read."""
    settings = SETTINGS.model_copy(update={"audit_share": 1.0})
    registered = Counts(200, 180, 200, 180, 0.9)
    folder, named = tmp_path / "monitor", []
    for week in range(8):
        scored = [Scored(f"{week}.{n}", n % 2 == 0) for n in range(10)]
        results = write_results(tmp_path / "results", scored)
        path = tmp_path / f"{week}.csv"
        path.write_text(rows(*(row(one.name, "opacity", why="audit") for one in scored)))
        take_in(path, folder, "Ada", date.fromordinal(DAY.toordinal() + 7 * week))
        named.append(standing(results.parts(), folder, registered, monitor=settings).reasons)
    assert not named[0]
    assert "sensitivity is below 0.85" in named[-1][0]


def test_the_draw_is_a_function_of_content_and_week(results, tmp_path):
    folder = tmp_path / "monitor"
    called, audit = draw(results.parts(), folder, 0.5, DAY)
    assert {one.content for one in called} == {content_of(f"r{n}") for n in range(4)}
    again = draw(results.parts(), folder, 0.5, DAY)
    assert ([*called], [*audit]) == again
    (file,) = (folder / "draws").glob("*.parquet")
    assert file.name == "2026-W48.parquet"
    write_results(tmp_path / "results", [Scored("new", True)])
    assert len(draw(results.parts(), folder, 0.5, DAY)[0]) == 5
    later = draw(results.parts(), folder, 0.5, date(2026, 12, 2))
    assert later == ([], [])  # nothing new: nobody is asked twice
    assert len(list(drawn(folder))) == 9


def test_shares_of_a_draw_are_what_they_say():
    rng = np.random.default_rng(0)
    contents = [rng.bytes(32).hex() for _ in range(20_000)]
    for probability in (0.0, 0.04, 0.25):
        chance = chance_of(probability, 0.1)
        assert chance == pytest.approx(0.1 * (0.5 + 1.5 * probability**0.5))
        share = np.mean([is_drawn(content, "2026-W48", chance) for content in contents])
        assert share == pytest.approx(chance, abs=0.007)
    weeks = [[is_drawn(c, w, 0.1) for c in contents] for w in ("2026-W48", "2026-W49")]
    assert abs(np.corrcoef(*weeks)[0, 1]) < 0.03


def test_weights_of_the_draw_give_the_true_sensitivity_on_average(tmp_path):
    """Misses are likelier where the probability is high, and so is the draw."""
    rng = np.random.default_rng(4)
    probability = rng.random(4000) ** 2
    positive = rng.random(4000) < probability
    called = probability > 0.5
    truth = (positive & called).sum() / positive.sum()
    scored = [
        Scored(f"i{n}", bool(c), float(p))
        for n, (c, p) in enumerate(zip(called, probability, strict=True))
    ]
    results = write_results(tmp_path / "results", scored)
    settings = SETTINGS.model_copy(update={"audit_share": 0.2})
    draw(results.parts(), tmp_path / "monitor", 0.2, DAY)
    listed = {one.content for one in drawn(tmp_path / "monitor") if one.drawn}
    lines = [
        row(one.name, "opacity" if positive[n] else "clear")
        for n, one in enumerate(scored)
        if one.content in listed
    ]
    known = told(results, tmp_path, rows(*lines), settings=settings).figures
    assert known.sensitivity.low < truth < known.sensitivity.high
    assert known.sensitivity.value == pytest.approx(truth, abs=0.05)
    assert known.naive > truth + 0.1


def test_what_was_read_of_the_list_by_now_is_weighed_in(tmp_path):
    """Half of the called of the list were read, and all of the audit: the called count double."""
    results = write_results(tmp_path / "results", [Scored(f"r{n}", n < 40) for n in range(200)])
    draw(results.parts(), tmp_path / "monitor", 0.5, DAY)
    listed = {one.content for one in drawn(tmp_path / "monitor") if one.drawn}
    uncalled = [n for n in range(40, 200) if content_of(f"r{n}") in listed]
    lines = [row(f"r{n}", "opacity") for n in range(20)]
    lines += [row(f"r{n}", "opacity" if n == uncalled[0] else "clear") for n in uncalled]
    known = told(results, tmp_path, rows(*lines)).figures
    chance = 0.5 * (0.5 + 1.5 * 0.5**0.5)
    assert known.sensitivity.value == pytest.approx(40 / (40 + 1 / chance))


def test_the_standing_is_json(results, tmp_path):
    found = told(results, tmp_path, rows(row("r0", "opacity")), registered=Counts(9, 8, 9, 8, 0.9))
    assert json.loads(json.dumps(found.to_json(), allow_nan=False))["reasons"] == []
