"""Tune and evaluate: the two stages that need the networks' probabilities only."""

import json
import re
from shutil import copytree

import numpy as np
import pandas as pd
import pytest

from pneumo.base.errors import DataError
from pneumo.prepared.format import load_prepared
from pneumo.stages.evaluate import evaluate
from pneumo.stages.tune import tune


def tuned(folder, prepared, networks, settings):
    tune(
        prepared,
        networks,
        folder / "ensemble.json",
        folder / "tuning.json",
        models=settings.models,
        ensemble=settings.ensemble.model_copy(update={"candidates": 5}),
        boxes=settings.boxes,
    )
    return folder / "ensemble.json"


@pytest.fixture(scope="module")
def choice(tmp_path_factory, prepared_folder, networks_folder, settings):
    return tuned(tmp_path_factory.mktemp("tuned"), prepared_folder, networks_folder, settings)


@pytest.fixture(scope="module")
def report(tmp_path_factory, choice, prepared_folder, networks_folder, settings):
    out = tmp_path_factory.mktemp("reports") / "evaluation"
    options = {"models": settings.models}
    told = choice.with_name("tuning.json")
    evaluate(prepared_folder, networks_folder, choice, out, told, **options)
    return out


def test_the_ensemble_is_at_least_as_good_as_each_network_on_validation(choice, settings):
    scores = {
        name: found["validation_map"] for name, found in json.loads(choice.read_text()).items()
    }
    assert set(scores) == {"ensemble", *settings.models}
    assert scores["ensemble"] == max(scores.values())
    assert scores[settings.models[0]] > scores[settings.models[3]]  # its maps have no noise


def test_the_ledger_leads_from_perfect_boxes_to_the_score_on_validation(choice):
    told = json.loads(choice.with_name("tuning.json").read_text())
    score = json.loads(choice.read_text())["ensemble"]["validation_map"]
    for table, change in (("losses", "cost"), ("gains", "gain")):
        rows = told[table]
        assert rows[-1]["score"] == pytest.approx(score)
        total = sum(row[change] for row in rows)
        assert abs(rows[0]["score"] - score) == pytest.approx(total)
    assert told["losses"][0] == {"step": "perfect boxes", "score": 1.0, "cost": 0.0}


def test_nested_resampling_says_how_far_tuning_overfits(choice):
    nested = json.loads(choice.with_name("tuning.json").read_text())["nested"]
    assert nested["ways"] == 10 * 6 * 6 * 3 * 3 * 8
    assert nested["tuned"] >= nested["held_out"]
    assert nested["overfit"] == pytest.approx(nested["tuned"] - nested["held_out"])


def test_tuning_never_looks_at_test(choice, prepared_folder, networks_folder, settings, tmp_path):
    networks = copytree(networks_folder, tmp_path / "models")
    rows = load_prepared(prepared_folder).rows("validation")
    for name in settings.models:
        path = networks / name / "probabilities.npy"
        maps = np.load(path)
        maps[len(rows) :] = 0.5
        np.save(path, maps)
    again = tuned(tmp_path, prepared_folder, networks, settings)
    for name in ("ensemble.json", "tuning.json"):
        assert again.with_name(name).read_text() == choice.with_name(name).read_text()


def test_metrics_name_every_network_the_baselines_and_the_leak_count(report, settings):
    metrics = json.loads((report / "metrics.json").read_text())
    assert {"ensemble", *settings.models} < set(metrics)
    assert metrics["leaked_people"] == 0
    assert metrics["baselines"]["nothing called"]["map"] == 0
    assert metrics["ensemble"]["map"] > metrics["baselines"]["two constant boxes"]["map"]
    assert metrics["ensemble"]["map"] == pytest.approx(
        np.mean(metrics["precision_by_threshold"]["ensemble"])
    )


def test_every_figure_has_an_interval_around_it(report, settings):
    metrics = json.loads((report / "metrics.json").read_text())
    for name in ("ensemble", *settings.models):
        assert set(metrics["intervals"][name]) == set(metrics[name])
        for figure, (low, high) in metrics["intervals"][name].items():
            assert low <= metrics[name][figure] <= high, figure
    assert metrics["leaked_images"] == 0
    assert json.loads((report / "summary.json").read_text())["map"] == metrics["ensemble"]["map"]


def test_the_report_is_one_page_that_needs_no_network_and_names_nobody(report, prepared_folder):
    page = (report / "report.html").read_text()
    assert page.count("<svg") > 6
    assert "data:image/jpeg;base64," in page
    assert not re.search(r"https?:|src=\"(?!data:)|@import", page)
    index = load_prepared(prepared_folder).index
    texts = [page, *((report / name).read_text() for name in ("cases.csv", "model_card.md"))]
    for text in texts:
        assert not any(name in text for name in index["patientId"])


def test_the_report_tells_what_tuning_told(report, choice):
    told = json.loads(choice.with_name("tuning.json").read_text())
    page = (report / "report.html").read_text()
    assert all(row["step"] in page for row in told["losses"])


def test_curves_are_tables_for_dvc(report, settings):
    plots = report / "plots"
    assert len(pd.read_csv(plots / "precision.csv")) == 8
    assert sorted(path.stem for path in (plots / "training").iterdir()) == sorted(settings.models)


def test_the_same_results_give_the_same_files(
    report, choice, prepared_folder, networks_folder, settings, tmp_path
):
    options = {"models": settings.models}
    told = choice.with_name("tuning.json")
    evaluate(prepared_folder, networks_folder, choice, tmp_path / "again", told, **options)
    files = [path for path in report.rglob("*") if path.is_file()]
    for path in files:
        again = tmp_path / "again" / path.relative_to(report)
        assert again.read_bytes() == path.read_bytes(), path.name


def test_a_network_that_was_not_trained_is_named(choice, prepared_folder, settings, tmp_path):
    options = {"models": settings.models}
    with pytest.raises(DataError, match="pneumo train unet_resnet152"):
        evaluate(prepared_folder, tmp_path, choice, tmp_path / "out", **options)


def test_maps_of_another_size_are_refused(choice, prepared_folder, settings, tmp_path):
    for name in settings.models:
        (tmp_path / name).mkdir()
        np.save(tmp_path / name / "probabilities.npy", np.zeros((20, 64, 64), np.float16))
        pd.DataFrame({"epoch": [1]}).to_csv(tmp_path / name / "history.csv")
    options = {"models": settings.models}
    with pytest.raises(DataError, match=r"\(20, 64, 64\), but the prepared data need \(20, 32, 32"):
        evaluate(prepared_folder, tmp_path, choice, tmp_path / "out", **options)


@pytest.mark.parametrize("positives", [True, False])
def test_an_ensemble_that_calls_nothing_and_a_test_set_of_healthy_people_are_reported(
    positives, choice, prepared_folder, networks_folder, settings, tmp_path
):
    silent = json.loads(choice.read_text())
    for one in silent.values():
        one["gate"] = 1.0
    (tmp_path / "silent.json").write_text(json.dumps(silent))
    prepared = copytree(prepared_folder, tmp_path / "prepared")
    if not positives:
        index, boxes = (
            pd.read_parquet(prepared / f"{name}.parquet") for name in ("index", "boxes")
        )
        test = index["split"] == "test"
        index.loc[test, ["target", "class"]] = [0, "Normal"]
        index.to_parquet(prepared / "index.parquet")
        kept = ~boxes["patientId"].isin(index.loc[test, "patientId"])
        boxes[kept].to_parquet(prepared / "boxes.parquet")
    options = {"models": settings.models}
    evaluate(prepared, networks_folder, tmp_path / "silent.json", tmp_path / "out", **options)
    metrics = json.loads((tmp_path / "out/metrics.json").read_text())
    assert metrics["ensemble"]["map"] == 0
    assert ("auroc" in metrics["ensemble"]) == positives
    page = (tmp_path / "out/report.html").read_text()
    assert "Not shown to be better than boxes that never look" in page


def test_a_choice_that_is_none_is_refused(prepared_folder, networks_folder, settings, tmp_path):
    options = {"models": settings.models}
    for text, words in (("[]", "no choice of `pneumo tune`"), ("{", "run `pneumo tune`")):
        (tmp_path / "ensemble.json").write_text(text)
        with pytest.raises(DataError, match=words):
            evaluate(
                prepared_folder, networks_folder, tmp_path / "ensemble.json", tmp_path / "out",
                **options,
            )  # fmt: skip
