"""Does it work here: accepted, not accepted, undecided, and the numbers behind it."""

import hashlib
import json
from dataclasses import asdict
from math import sqrt

import numpy as np
import pandas as pd
import pytest
from scipy.stats import norm
from typer.testing import CliRunner

from pneumo.base.errors import DataError
from pneumo.cli.app import app
from pneumo.evaluation.counts import Counts
from pneumo.monitoring.accept import read_and_judge, write
from pneumo.site.trail import look

pytestmark = pytest.mark.slow

MODEL = "c" * 64
REGISTERED = {"all": Counts(200, 160, 200, 180, 0.9), "PA": Counts(100, 80, 100, 90, 0.9)}


@pytest.fixture(autouse=True)
def site(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    monkeypatch.setenv("PNEUMO_TRAIL", str(tmp_path / "trail.jsonl"))


def results(tmp_path, truth, called, **columns):
    """A folder as scoring leaves it, and labels by file name."""
    number = np.arange(len(truth))
    table = pd.DataFrame(
        {
            "file": [f"f{n}.dcm" for n in number],
            "image_id": [f"f{n}" for n in number],
            "content": [hashlib.sha256(str(n).encode()).hexdigest() for n in number],
            "instance_uid": [f"1.2.{n}" for n in number],
            "status": "scored",
            "reason": "",
            "view": [("PA", "AP")[n % 2] for n in number],
            "probability": np.where(called, 0.8, 0.2),
            "boxes": np.where(called, '[{"x": 1}]', "[]"),
            "person": [f"p{n}" for n in number],
            "model_sha256": MODEL,
            "model_version": 3,
        }
        | columns
    )
    folder = tmp_path / "results"
    folder.mkdir(exist_ok=True)
    table.to_parquet(folder / "predictions.parquet")
    labels = pd.DataFrame({"file": table["file"], "verdict": np.where(truth, "opacity", "clear")})
    labels.to_csv(tmp_path / "labels.csv", index=False)
    return folder, tmp_path / "labels.csv"


def answers(sensitivity: float, specificity: float, positive=200, negative=200):
    truth = np.repeat([True, False], [positive, negative])
    called = np.concatenate(
        [
            np.arange(positive) < round(sensitivity * positive),
            np.arange(negative) >= round(specificity * negative),
        ]
    )
    return truth, called


@pytest.mark.parametrize(
    ("sensitivity", "specificity", "people", "word"),
    [
        (0.80, 0.90, 400, "accepted"),
        (0.60, 0.90, 400, "not accepted"),
        (0.80, 0.70, 400, "not accepted"),
        (0.80, 0.90, 20, "undecided"),
        (0.95, 0.95, 40, "accepted"),  # better, and few are enough
    ],
)
def test_the_decision_is_that_of_newcombes_bound(tmp_path, sensitivity, specificity, people, word):
    found = read_and_judge(
        *results(tmp_path, *answers(sensitivity, specificity, people, people)), REGISTERED
    )
    assert found["verdict"] == word
    one = found["judged"][0]
    assert one["value"] == pytest.approx(sensitivity)
    assert one["above"] == pytest.approx(bound(sensitivity, people, 0.8, 200), abs=1e-6)


def bound(p: float, n: int, q: float, m: int) -> float:
    """The lower one-sided 95 % bound, from roots of Wilson's quadratic."""
    z = norm.ppf(0.95)

    def root(share: float, of: int, sign: int) -> float:
        a, b, c = 1 + z**2 / of, -(2 * share + z**2 / of), share**2
        return (-b + sign * sqrt(b * b - 4 * a * c)) / (2 * a)

    return p - q - sqrt((p - root(p, n, -1)) ** 2 + (root(q, m, 1) - q) ** 2)


@pytest.mark.parametrize(
    ("local", "equal", "worse"), [(50, 0.41, 0.05), (100, 0.64, 0.05), (200, 0.81, 0.05)]
)
def test_how_often_an_equal_and_a_worse_ensemble_are_accepted(local, equal, worse):
    """Both sides drawn anew, 200 registered people: equal as planned, 10 points worse rarely."""
    rng = np.random.default_rng(1)
    known = rng.binomial(200, 0.8, 4000)
    for truth, share in ((0.8, equal), (0.7, worse)):
        here = rng.binomial(local, truth, 4000)
        passed = np.mean(
            [bound(x / local, local, y / 200, 200) > -0.1 for x, y in zip(here, known, strict=True)]
        )
        assert passed == pytest.approx(share, abs=0.06)


def test_undecided_says_how_many_people_would_decide(tmp_path):
    found = read_and_judge(*results(tmp_path, *answers(0.8, 0.9, 20, 20)), REGISTERED)
    assert "20 people with an opacity are here, and" in found["sentence"]
    few = {"all": Counts(20, 16, 20, 18, 0.9)}
    found = read_and_judge(*results(tmp_path, *answers(0.8, 0.9, 400, 400)), few)
    assert found["verdict"] == "undecided"
    assert "20 registered people with an opacity are too few" in found["sentence"]


def test_people_not_radiographs_are_counted(tmp_path):
    """Ten people with ten radiographs each are ten people."""
    truth, called = answers(0.8, 0.9, 100, 100)
    people = [f"p{n // 10}" for n in range(200)]
    found = read_and_judge(*results(tmp_path, truth, called, person=people), REGISTERED)
    assert [one["people"] for one in found["judged"]] == [10, 10]
    assert found["here"]["all"]["images"] == 200
    assert found["verdict"] == "undecided"


def test_views_have_figures_of_their_own(tmp_path):
    truth, called = answers(1.0, 1.0, 10, 10)
    called[1] = False  # an AP radiograph is missed
    found = read_and_judge(*results(tmp_path, truth, called), REGISTERED)
    assert found["here"]["AP"]["sensitivity"]["value"] == pytest.approx(0.8)
    assert found["here"]["PA"]["sensitivity"]["value"] == 1
    # 9 of 10 positives stand above all ten negatives, the missed one ties with them
    assert found["here"]["all"]["auroc"]["value"] == pytest.approx(0.95)


def test_what_is_not_judged_is_counted_by_reason(tmp_path):
    truth, called = answers(0.8, 0.9, 10, 10)
    status = ["rejected"] + ["scored"] * 19
    folder, labels = results(
        tmp_path, truth, called, status=status, reason=["not_chest"] + [""] * 19
    )
    table = pd.read_csv(labels).iloc[:18]
    more = pd.DataFrame(
        [("f3.dcm", "clear"), ("f4.dcm", "opacity"), ("strange", "clear"), ("f5.dcm", "unsure")],
        columns=["file", "verdict"],
    )
    pd.concat([table, more]).to_csv(labels, index=False)
    found = read_and_judge(folder, labels, REGISTERED)
    assert found["refused"] == {"not_chest": 1}
    assert sorted(found["aside"].values()) == [
        1,
        1,
        2,
        3,
    ]  # contradictory, unknown, no label, again
    assert found["here"]["all"]["images"] == 16


def test_labels_of_other_radiographs_are_refused(tmp_path):
    folder, labels = results(tmp_path, *answers(0.8, 0.9, 4, 4))
    labels.write_text("file,verdict\nother.dcm,1\n")
    with pytest.raises(DataError, match="names no radiograph that is in"):
        read_and_judge(folder, labels, REGISTERED)


@pytest.mark.parametrize(
    ("text", "columns", "said"),
    [
        ("file,verdict\n", {}, "names no radiograph that is in"),
        ("file,verdict\nf0.dcm,\n", {}, "names no radiograph that is in"),
        ("file,verdict\nf0.dcm,?\nf1.dcm,?\n", {}, "no radiograph can be judged .*2 unsure"),
        ("file,verdict\nf0.dcm,1\nf0.dcm,0\n", {}, "no radiograph can be judged .*1 contradictory"),
        (
            "file,verdict\nf0.dcm,1\n",
            {"status": "rejected", "reason": "not_chest"},
            "no radiograph can be judged .*1 refused",
        ),
        (
            "instance_uid,verdict\n1.2.3,1\n",
            {"instance_uid": "1.2.3"},
            "no radiograph can be judged .*1 ambiguous",
        ),
    ],
)
def test_labels_that_judge_nothing_are_one_line(tmp_path, text, columns, said):
    folder, labels = results(tmp_path, *answers(0.8, 0.9, 4, 4), **columns)
    labels.write_text(text)
    with pytest.raises(DataError, match=said) as refused:
        read_and_judge(folder, labels, REGISTERED)
    assert "\n" not in str(refused.value)


def test_a_name_of_two_radiographs_is_not_counted_and_that_of_two_copies_is(tmp_path):
    truth, called = answers(1.0, 1.0, 3, 2)
    names = ["a", "a", "b", "b", "c"]
    content = ["1" * 64, "2" * 64, "3" * 64, "3" * 64, "4" * 64]  # a: two, b: one, twice there
    folder, labels = results(tmp_path, truth, called, image_id=names, content=content)
    labels.write_text("image_id,verdict\na,opacity\nb,opacity\nc,clear\n")
    found = read_and_judge(folder, labels, REGISTERED)
    assert found["here"]["all"]["images"] == 2
    assert found["aside"]["labels name several radiographs; not counted"] == 1


@pytest.mark.parametrize(
    ("people", "said"),
    [
        ("one", "one person with an opacity is here, and"),
        (None, "30 people with an opacity are here, and"),  # nobody is named: each is one
    ],
)
def test_the_sample_is_told_in_people(tmp_path, people, said):
    found = read_and_judge(
        *results(tmp_path, *answers(0.8, 0.9, 30, 30), person=people), REGISTERED
    )
    assert found["verdict"] == "undecided"
    assert said in found["sentence"]


@pytest.mark.parametrize("kind", ["positive", "negative"])
def test_one_kind_alone_is_undecided(tmp_path, kind):
    counts = (30, 0) if kind == "positive" else (0, 30)
    found = read_and_judge(*results(tmp_path, *answers(0.8, 0.9, *counts)), REGISTERED)
    assert found["verdict"] == "undecided"
    json.dumps(found, allow_nan=False)


def test_page_and_json_name_nobody_and_the_trail_has_one_line(tmp_path):
    found = read_and_judge(*results(tmp_path, *answers(0.8, 0.9)), REGISTERED)
    for _ in "12":
        write(tmp_path / "out", found, "Ada")
    assert look().acts == {"acceptance": 1}
    page = (tmp_path / "out/index.html").read_text()
    assert "Accepted: sensitivity and specificity" in page
    for text in (page, (tmp_path / "out/acceptance.json").read_text()):
        assert "f1.dcm" not in text
        assert "1.2.1" not in text
        assert "p1<" not in text


def test_accept_scores_a_folder_and_ends_with_its_verdict(
    tmp_path, demo_root, package_folder, cache, settings
):
    """With real files and a real ensemble, of two networks that were not trained."""
    from shutil import copyfile

    from pneumo.scoring._model import open_model
    from tests.conftest import ROOT

    root = demo_root / "stage_2_train_images"
    local = tmp_path / "local"
    local.mkdir()
    labels = pd.read_csv(demo_root / "stage_2_train_labels.csv")
    truth = labels.groupby("patientId")["Target"].max()
    names = [*truth[truth == 1].index[:3], *truth[truth == 0].index[:3]]
    for name in names:
        copyfile(root / f"{name}.dcm", local / f"{name}.dcm")
    pd.DataFrame({"image_id": names, "verdict": [1, 1, 1, 0, 0, 0]}).to_csv("l.csv", index=False)
    copyfile(ROOT / "recipes/demo.yaml", tmp_path / "params.yaml")
    digest = open_model(str(package_folder)).digest
    (tmp_path / "out/registered").mkdir(parents=True)
    kept = {"all": asdict(REGISTERED["all"])}
    (tmp_path / f"out/registered/{digest[:16]}.json").write_text(json.dumps(kept))
    command = ["accept", "local", "out", "--labels", "l.csv", "--model", str(package_folder)]
    done = CliRunner().invoke(app, command, catch_exceptions=False)
    found = json.loads((tmp_path / "out/acceptance.json").read_text())
    assert done.exit_code == {"accepted": 0, "undecided": 3, "not accepted": 4}[found["verdict"]]
    assert found["here"]["all"]["images"] == 6
    assert found["sentence"] in done.stdout
