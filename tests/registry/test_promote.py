"""Registering and promoting, with real networks of one layer in a real MLflow store."""

import json
import os
import re
import subprocess
import sys
import time
from datetime import UTC, datetime
from pathlib import Path
from shutil import copytree, rmtree

import numpy as np
import pytest
from typer.testing import CliRunner

from pneumo.base.errors import DataError, PneumoError, RegistryError, ServiceError
from pneumo.base.files import sha256, sha256_of
from pneumo.cli.app import app
from pneumo.engines import processor as instructions
from pneumo.engines.package import GOLDEN
from pneumo.engines.processor import processor
from pneumo.intake.profile import PROFILE, read_profile
from pneumo.registry import agree, champion, precisions, store
from pneumo.registry.champion import OvertakenError
from pneumo.registry.golden import phantoms
from pneumo.registry.judging import compared, seat_at
from pneumo.registry.promote import approve, promote, promote_version, reject
from pneumo.registry.verify import verify
from pneumo.scoring._model import open_model
from pneumo.scoring.score import score
from pneumo.tracking.runs import client
from tests.ensembles import PEOPLE, SPLITS, Results, write_prepared
from tests.packages import needs_bfloat16

pytestmark = [pytest.mark.usefixtures("mlflow_store"), pytest.mark.slow]
GOOD, FAIR, POOR, BAD = 95, 130, 160, 200


@pytest.fixture(scope="module")
def bright(tmp_path_factory) -> Path:
    return write_prepared(tmp_path_factory.mktemp("bright") / "prepared", seed=1)


@pytest.fixture(scope="module")
def other_people(tmp_path_factory) -> Path:
    return write_prepared(tmp_path_factory.mktemp("bright") / "other", seed=2)


@pytest.fixture
def results(tmp_path, bright, settings):
    two = {"models": ["unet_densenet121", "unet_vgg19"]}
    return Results(tmp_path, bright, settings.model_copy(update=two))


@pytest.fixture(autouse=True)
def _own_registry(monkeypatch, request):
    """Each test has an ensemble of its own name in the shared store."""
    monkeypatch.setattr(store, "ENSEMBLE", f"ensemble-{sha256_of(request.node.name)[:12]}")


def promoted(results, level, because="", **metrics):
    results.run(level, **metrics)
    return promote(results.paths, results.settings, because, "Ada")


def at(alias):
    version = store.version_at(client(), alias)
    return version and str(version.version)


def places():
    return at("champion"), at("challenger"), at("previous")


def failed(outcome):
    return [rule.name for rule in outcome.verdict.rules if not rule.held]


def seat(results):
    return seat_at(results.paths, results.settings.promotion)


def verified(results, version):
    with seat(results) as here:
        return verify(here, version)


def package_of(version) -> Path:
    source = Path(client().get_model_version_download_uri(store.ENSEMBLE, version.version))
    return source / "artifacts/ensemble"


def test_the_first_ensemble_becomes_champion_with_all_that_it_needs(results):
    outcome = promoted(results, FAIR)
    assert outcome.word == "promoted"
    assert places() == (outcome.number, None, None)
    version = store.version_at(client(), "champion")
    assert version.description.startswith("# Card")
    assert len(version.description) <= store.LONGEST_DESCRIPTION  # PostgreSQL takes no more
    assert version.description.endswith("`evaluation/model_card.md`\n")
    names = {path.name for path in package_of(version).iterdir()}
    networks = {f"{name}.keras" for name in results.settings.models}
    assert names == {*networks, "ensemble.json", "golden.npz", "manifest.json", "profile.json"}
    tags = version.tags
    assert tags["pneumo.profile"] == sha256(package_of(version) / "profile.json")
    assert tags["pneumo.verdict"] == "promoted"
    assert (tags["pneumo.by"], tags["pneumo.because"]) == ("Ada", "the gate's rules hold")
    assert float(tags["pneumo.map_low"]) < float(tags["pneumo.map"])
    assert {rule["name"] for rule in json.loads(tags["pneumo.rules"])} >= {"leaks", "mAP"}
    assert tags["pneumo.validation_success"] == "unknown"
    assert set(json.loads(tags["pneumo.networks"])) == set(results.settings.models)


def test_the_limit_of_disagreement_is_that_of_the_networks_on_the_test_images(results):
    results.run(FAIR)
    for number, name in enumerate(results.settings.models):  # differ by 0, 0.01, .. 1.91 on test
        path = results.paths["models"] / name / "probabilities.npy"
        maps = np.zeros_like(np.load(path))
        maps[SPLITS["validation"] :] = number * np.arange(2 * PEOPLE)[:, None, None] / 100
        np.save(path, maps)
    promote(results.paths, results.settings)
    profile = read_profile(package_of(store.version_at(client(), "champion")) / PROFILE)
    assert profile.disagreement == pytest.approx(0.95 * (2 * PEOPLE - 1) / 200, rel=1e-3)


def test_golden_images_are_synthetic_the_same_for_everybody_and_answered(results):
    promoted(results, FAIR)
    with np.load(package_of(store.version_at(client(), "champion")) / GOLDEN) as golden:
        assert golden["images"].shape == golden["probabilities"].shape == (4, 32, 32)
        assert (golden["images"] == phantoms(32)).all()
        assert golden["probabilities"].dtype == np.float32
        assert np.ptp(golden["probabilities"]) > 0.5
        assert golden["disagreement"].shape == (4,)
        assert (golden["disagreement"] > 0).any()


def test_a_better_one_takes_over_and_the_old_champion_stays_at_hand(results):
    first = promoted(results, POOR)
    second = promoted(results, GOOD)
    assert (first.word, second.word) == ("promoted", "promoted")
    assert places() == (second.number, None, first.number)


def test_a_worse_one_stays_challenger_with_every_rule_as_tags_and_in_the_report(results):
    first = promoted(results, GOOD)
    second = promoted(results, POOR)
    assert second.word == "kept"
    assert failed(second) == ["no loss", "gain", "subgroups"]
    assert places() == (first.number, second.number, None)
    tags = store.version_at(client(), "challenger").tags
    assert tags["pneumo.verdict"] == "kept"
    assert "FAILED no loss: mAP -0." in tags["pneumo.reasons"]
    report = json.loads((results.paths["reports"] / "promotion.json").read_text())
    assert [rule["held"] for rule in report["rules"]].count(False) == 3
    assert report["verdict"] == "kept"


def test_without_a_gain_a_persons_reason_promotes_and_is_recorded(results):
    promoted(results, GOOD)
    equal = promoted(results, GOOD + 1)
    assert (equal.word, failed(equal)) == ("kept", ["gain"])
    again = promote_version("challenger", results.paths, results.settings, "smaller nets", "Eve")
    assert again.word == "promoted"
    tags = store.version_at(client(), "champion").tags
    assert (tags["pneumo.by"], tags["pneumo.because"]) == ("Eve", "smaller nets")


def test_leaks_and_a_low_floor_keep_the_first_one_from_leading(results):
    outcome = promoted(results, BAD, leaked_people=2, leaked_images=1)
    assert failed(outcome) == ["leaks", "sensitivity"]
    assert places() == (None, outcome.number, None)


def test_a_champion_of_another_test_set_is_measured_again_now(results, other_people):
    first = promoted(results, POOR)
    results.paths["prepared"] = other_people
    second = promoted(results, GOOD)
    (rule,) = [rule for rule in second.verdict.rules if rule.name == "same test images"]
    assert (second.word, rule.reason) == (
        "promoted",
        "96 images; the champion was measured again now",
    )
    third = promoted(results, GOOD - 5)
    assert "measured before" in str(third.verdict.rules[5])
    with seat(results) as here:
        rows = compared(here, third.version, first.version)["all"]
    assert rows.value > 0.3


def test_what_is_measured_again_equals_what_evaluate_measured(results):
    version = promoted(results, FAIR).version
    version = store.version_of(client(), store.number(version))
    assert all(check.held for check in verified(results, version))
    store.tag(client(), version, {"pneumo.map": "0.900000"})
    version = store.version_of(client(), store.number(version))
    assert [check.name for check in verified(results, version) if not check.held] == ["mAP"]


def test_verify_fetches_a_version_once(results, monkeypatch):
    version = promoted(results, FAIR).version
    fetched, fetch = [], store.fetch_ensemble
    monkeypatch.setattr(
        store, "fetch_ensemble", lambda *words: (fetched.append(words), fetch(*words))[1]
    )
    assert all(check.held for check in verified(results, version))
    assert len(fetched) == 1


@pytest.mark.parametrize("missing", ["leaked_people", "leaked_images"])
def test_leaks_that_nobody_counted_are_no_leaks_that_are_not_there(results, missing):
    outcome = promoted(results, FAIR, **{missing: None})
    assert failed(outcome) == ["leaks"]
    assert places() == (None, outcome.number, None)


def test_nothing_registered_asks_a_public_index_for_pneumo(results):
    server, version = client(), promoted(results, FAIR).version
    networks = json.loads(version.tags["pneumo.networks"])
    sources = [server.get_model_version_download_uri(store.ENSEMBLE, version.version)]
    sources += [
        server.get_model_version_download_uri(name, facts["version"])
        for name, facts in networks.items()
    ]
    for source in map(Path, sources):
        told = [source / name for name in ("requirements.txt", "conda.yaml", "MLmodel")]
        text = "\n".join(path.read_text() for path in told if path.exists())
        assert "keras==" in text
        assert not re.search(r"\bpneumo\s*(==|>|<|~|@|$)", text, re.M), text


def test_a_champion_that_cannot_be_measured_again_is_not_replaced(results, other_people):
    first = promoted(results, POOR)
    network = package_of(first.version) / "unet_vgg19.keras"
    content = network.read_bytes()
    network.write_bytes(b"another")
    results.paths["prepared"] = other_people
    second = promoted(results, GOOD)
    network.write_bytes(content)
    assert failed(second) == ["same test images"]
    assert "unet_vgg19.keras is missing or its sha256 differs" in second.verdict.reasons[0]
    assert at("champion") == first.number


def test_a_candidate_whose_registered_files_were_changed_is_refused(results):
    first = promoted(results, POOR)
    promoted(results, GOOD)
    network = package_of(first.version) / "unet_vgg19.keras"
    content = network.read_bytes()
    network.write_bytes(content[:-1] + b"x")
    outcome = promote_version(first.number, results.paths, results.settings, "trust me")
    network.write_bytes(content)
    assert {"files", "golden images"} < set(failed(outcome))


def test_a_candidate_that_answers_the_golden_images_otherwise_is_refused(results, monkeypatch):
    first = promoted(results, POOR)
    promoted(results, GOOD)
    store.tag(client(), first.version, {"pneumo.golden": ""})
    monkeypatch.setattr("pneumo.registry.golden.TOLERANCE", -1.0)
    outcome = promote_version(first.number, results.paths, results.settings, "trust me")
    assert "golden images" in failed(outcome)
    assert "differs by 0.000000" in " ".join(outcome.verdict.reasons)


def test_the_same_result_again_registers_nothing_and_loads_no_keras(results, monkeypatch):
    first = promoted(results, FAIR)
    monkeypatch.setattr("pneumo.engines.keras.KerasEngine", None)
    started = time.monotonic()
    again = promote(results.paths, results.settings)
    assert time.monotonic() - started < 5
    assert again.number == first.number
    assert again.word == "kept"
    assert failed(again) == []
    assert "FAILED" not in " ".join(again.verdict.reasons)
    assert "is the champion already" in " ".join(again.verdict.reasons)
    for name in [store.ENSEMBLE, *results.settings.models]:
        found = client().search_model_versions(f"name = '{name}'")
        sums = [version.tags[store.SUM] for version in found]
        assert len(sums) == len(set(sums))


def test_a_challenger_again_is_judged_again_without_keras(results, monkeypatch):
    promoted(results, GOOD)
    promoted(results, POOR)
    monkeypatch.setattr("pneumo.engines.keras.KerasEngine", None)
    assert promote(results.paths, results.settings).word == "kept"


def test_rollback_takes_one_call_swaps_both_and_says_who_and_why(results):
    old, new = (promoted(results, level).number for level in (POOR, GOOD))
    started = time.monotonic()
    champion.rollback(client(), "Eve", "false alarms")
    assert time.monotonic() - started < 5
    assert places() == (old, None, new)
    tags = store.version_at(client(), "previous").tags
    assert "by Eve" in tags["pneumo.retired"]
    assert "false alarms" in tags["pneumo.retired"]
    champion.rollback(client(), "Eve", "it was the scanner")
    assert places() == (new, None, old)


def test_without_a_previous_champion_there_is_nothing_to_go_back_to(results):
    promoted(results, FAIR)
    with pytest.raises(RegistryError, match="no previous champion"):
        champion.rollback(client(), "Eve", "why not")


@pytest.fixture
def asking(results):
    """Results of a site where a person must agree."""
    rules = results.settings.promotion.model_copy(update={"approval": "required"})
    results.settings = results.settings.model_copy(update={"promotion": rules})
    return results


def agreed(results, name, against, reason="read the report"):
    return approve(name, against, reason, results.paths, results.settings, "Eve")


def test_where_approval_is_required_a_person_decides(asking):
    first = promoted(asking, POOR)
    assert (first.word, first.against, places()) == ("waiting", "none", (None, first.number, None))
    done = agreed(asking, "challenger", "none")
    assert (done.word, places()) == ("promoted", (first.number, None, None))
    tags = store.version_at(client(), "champion").tags
    said = json.loads(tags["pneumo.approved"])
    moment = datetime.fromisoformat(said.pop("at"))
    assert abs((datetime.now(UTC) - moment).total_seconds()) < 600
    assert said == {"by": "Eve", "reason": "read the report", "against": "none"}
    assert (tags["pneumo.by"], tags["pneumo.because"]) == ("Eve", "read the report")

    second = promoted(asking, GOOD)
    assert (second.word, second.against) == ("waiting", first.number)
    report = json.loads((asking.paths["reports"] / "promotion.json").read_text())
    assert (report["version"], report["against"]) == (second.number, first.number)
    reject("challenger", "no", "Eve")
    tags = store.version_at(client(), "challenger").tags
    assert (tags["pneumo.verdict"], tags["pneumo.by"]) == ("rejected", "Eve")
    assert at("champion") == first.number


@pytest.mark.parametrize("blank", ["", " ", "\n\t"])
def test_a_decision_without_a_reason_is_a_users_mistake_and_changes_nothing(asking, blank):
    waiting = promoted(asking, POOR)
    for act in (lambda: agreed(asking, "challenger", "none", blank),
                lambda: reject("challenger", blank, "Eve")):  # fmt: skip
        with pytest.raises(PneumoError, match="needs a reason") as refused:
            act()
        assert refused.value.exit_code == 2
    assert places() == (None, waiting.number, None)
    tags = store.version_at(client(), "challenger").tags
    assert tags["pneumo.verdict"] == "waiting"


def test_a_reason_stands_for_the_gain_and_not_for_the_approval(asking):
    agreed(asking, promoted(asking, GOOD).number, "none")
    equal = promoted(asking, GOOD + 1)
    assert (equal.word, failed(equal)) == ("kept", ["gain"])
    with pytest.raises(RegistryError, match=r"approved, but the gate refuses it.*FAILED gain"):
        agreed(asking, "challenger", equal.against)
    assert at("champion") == equal.against
    waits = promote_version("challenger", asking.paths, asking.settings, "smaller nets", "Ada")
    assert (waits.word, at("champion")) == ("waiting", equal.against)
    assert agreed(asking, "challenger", equal.against).word == "promoted"
    tags = store.version_at(client(), "champion").tags
    assert tags["pneumo.waiver"] == "smaller nets"
    assert json.loads(tags["pneumo.approved"])["reason"] == "read the report"


def test_an_approval_never_bends_a_rule(asking):
    leaky = promoted(asking, GOOD, leaked_people=2)
    assert leaky.word == "kept"
    with pytest.raises(RegistryError, match="FAILED leaks") as refused:
        agreed(asking, leaky.number, "none")
    assert refused.value.exit_code == 2
    assert at("champion") is None


def test_an_approval_holds_for_the_champion_that_was_shown_and_no_other(asking):
    first = promoted(asking, POOR)
    agreed(asking, first.number, "none")
    better = promoted(asking, FAIR)
    best = promoted(asking, GOOD)
    assert better.against == best.against == first.number
    agreed(asking, better.number, first.number)
    with pytest.raises(OvertakenError, match=f"the champion is {better.number} now") as told:
        agreed(asking, best.number, first.number)
    assert told.value.exit_code == 1
    assert f"pneumo registry promote {best.number}" in str(told.value)
    assert at("champion") == better.number
    again = promote_version(best.number, asking.paths, asking.settings)
    assert (again.word, again.against) == ("waiting", better.number)
    assert agreed(asking, best.number, better.number).word == "promoted"
    assert places() == (best.number, None, better.number)


def test_an_approval_that_was_cut_short_after_the_alias_is_completed_by_the_next_try(
    asking, monkeypatch
):
    waiting = promoted(asking, POOR)
    with monkeypatch.context() as cut:
        cut.setattr("pneumo.registry.promote._write", None)
        with pytest.raises(TypeError):
            agreed(asking, waiting.number, "none")
    assert at("champion") == waiting.number
    assert agreed(asking, waiting.number, "none").word == "promoted"
    assert store.version_at(client(), "champion").tags["pneumo.verdict"] == "promoted"
    with pytest.raises(OvertakenError):
        agreed(asking, waiting.number, "7")


@pytest.mark.parametrize(
    ("name", "complaint"),
    [("7000", "has no version '7000'"), ("winner", "the aliases champion")],
)
def test_a_version_that_is_unknown_says_which_there_are(results, name, complaint):
    promoted(results, FAIR)
    with pytest.raises(RegistryError, match=complaint):
        promote_version(name, results.paths, results.settings)
    with pytest.raises(RegistryError, match="is the champion already"):
        promote_version("champion", results.paths, results.settings)


@pytest.mark.parametrize("damage", ["change", "remove", "manifest"])
def test_an_ensemble_that_differs_from_its_manifest_is_refused(results, tmp_path, damage):
    version = promoted(results, FAIR).version
    source = package_of(version)
    copy = copytree(source, tmp_path / "copy")
    name = "unet_vgg19.keras"
    try:
        if damage == "change":
            (source / name).write_text("another")
        elif damage == "remove":
            (source / name).unlink()
        else:
            (source / "manifest.json").write_text("{}")
        with pytest.raises(RegistryError, match=r"not the one|unet_vgg19\.keras is missing"):
            store.fetch_ensemble(client(), version, tmp_path / "fetched")
    finally:
        copytree(copy, source, dirs_exist_ok=True)


def test_a_registered_ensemble_comes_back_byte_for_byte(results, tmp_path):
    promoted(results, FAIR)
    version = store.version_at(client(), "champion")
    package = store.fetch_ensemble(client(), version, tmp_path / "fetched")
    for name in results.settings.models:
        source = results.paths["models"] / name / "model.keras"
        assert sha256(package.folder / f"{name}.keras") == sha256(source)
    assert json.loads((package.folder / "ensemble.json").read_text())["threshold"] == 0.5


def test_results_that_are_missing_or_disagree_say_what_to_run(results):
    with pytest.raises(DataError, match="run `dvc repro` first"):
        promote(results.paths, results.settings)
    results.run(FAIR)
    path = results.paths["reports"] / "evaluation/metrics.json"
    evaluation = json.loads(path.read_text())
    evaluation["ensemble"]["map"] += 0.01
    path.write_text(json.dumps(evaluation))
    with pytest.raises(DataError, match=r"cases.csv gives mAP .* run `dvc repro evaluate`"):
        promote(results.paths, results.settings)
    rmtree(results.paths["reports"] / "evaluation")
    with pytest.raises(DataError, match="not there"):
        promote(results.paths, results.settings)


def test_without_a_server_it_says_how_to_start_one(results, monkeypatch):
    monkeypatch.delenv("MLFLOW_TRACKING_URI")
    results.run(FAIR)
    with pytest.raises(ServiceError, match="pneumo up"):
        promote(results.paths, results.settings)


@needs_bfloat16
def test_what_a_faster_precision_calls_is_compared_unasked_and_scoring_takes_the_fastest(
    results, demo_root, monkeypatch, tmp_path, capsys
):
    monkeypatch.setenv("XDG_CACHE_HOME", str(tmp_path / "cache"))
    wanted = results.settings.score.model_copy(update={"precision": "auto", "engine": "openvino"})
    results.convolves = True
    results.run(FAIR)
    settings = results.settings.model_copy(update={"score": wanted})
    number = promote(results.paths, settings).number
    here = processor()
    tag = precisions.tag_of(here)
    found = json.loads(store.version_of(client(), number).tags[tag])
    assert set(found) == {"bfloat16", "mixed"}  # what float32 calls, the evaluation has told
    assert min(figures["boxes"] for figures in found.values()) > 10
    assert found["mixed"]["matched"] == 1.0
    why = precisions.why_not(found, "bfloat16", here) or f"agrees with float32 on {here}"
    assert f"bfloat16 {why}\n" in capsys.readouterr().out
    file = next((demo_root / "stage_2_train_images").glob("*.dcm"))
    uri = f"models:/{store.ENSEMBLE}/{number}"
    (taken,) = score([file], tmp_path / "out", uri, score=wanted)["precisions"]
    assert f"{uri}: scoring in {taken.removeprefix('openvino ')}: " in capsys.readouterr().err

    named = wanted.model_copy(update={"precision": "mixed"})
    assert score([file], tmp_path / "named", uri, score=named)["precisions"] == {
        "openvino mixed": 1
    }

    # on another processor its figures are not believed, until it is compared there
    elsewhere = {name: {**figures, "processor": "Other"} for name, figures in found.items()}
    version = store.version_of(client(), number)
    client().delete_model_version_tag(store.ENSEMBLE, version.version, tag)
    store.tag(client(), version, {precisions.tag_of("Other"): json.dumps(elsewhere)})
    assert score([file], tmp_path / "anew", uri, score=wanted)["precisions"] == {
        "openvino float32": 1
    }
    assert f"compared on Other, not on {here}" in capsys.readouterr().err
    promote(results.paths, settings)
    tags = store.version_of(client(), number).tags
    anew = json.loads(tags[tag])
    for name in found:
        assert anew[name] | {"pictures_s": 0} == found[name] | {"pictures_s": 0}
    assert json.loads(tags[precisions.tag_of("Other")]) == elsewhere

    # where the pipeline did not run, float32 is computed, too
    client().delete_model_version_tag(store.ENSEMBLE, version.version, tag)
    results.write_workspace()
    assert CliRunner().invoke(app, ["registry", "agree", number]).exit_code == 0
    alone = json.loads(store.version_of(client(), number).tags[tag])
    assert set(alone) == {"float32", *found}
    assert alone["mixed"]["matched"] == 1.0
    assert alone["bfloat16"]["boxes"] == found["bfloat16"]["boxes"]

    # nor is a mixed that an older rule compared here
    older = {**anew, "mixed": {k: v for k, v in anew["mixed"].items() if k != "rule"}}
    store.tag(client(), version, {tag: json.dumps(older)})
    promote(results.paths, settings)
    again = json.loads(store.version_of(client(), number).tags[tag])
    assert again["mixed"]["rule"] == found["mixed"]["rule"]


def test_where_a_processor_does_not_multiply_in_bfloat16_a_promotion_says_so(
    results, demo_root, monkeypatch, tmp_path, capsys
):
    monkeypatch.setenv("XDG_CACHE_HOME", str(tmp_path / "cache"))
    monkeypatch.setattr(instructions, "multiplies_in_bfloat16", lambda: False)
    converted: list[object] = []
    monkeypatch.setattr(agree, "graph", converted.append)
    wanted = results.settings.score.model_copy(update={"precision": "auto", "engine": "openvino"})
    results.convolves = True
    results.run(FAIR)
    settings = results.settings.model_copy(update={"score": wanted})
    number = promote(results.paths, settings).number
    said = f"bfloat16 cannot be used: {processor()} does not multiply in bfloat16"
    assert f"{said}\n" in capsys.readouterr().out
    assert not converted
    found = json.loads(store.version_of(client(), number).tags[precisions.tag_of(processor())])
    assert set(found) == {"bfloat16", "mixed"}
    uri = f"models:/{store.ENSEMBLE}/{number}"
    file = next((demo_root / "stage_2_train_images").glob("*.dcm"))
    taken = score([file], tmp_path / "out", uri, score=wanted)["precisions"]
    assert taken == {"openvino float32": 1}
    assert said in capsys.readouterr().err


def test_a_promotion_says_nothing_of_the_libraries_that_it_uses(results, monkeypatch, tmp_path):
    monkeypatch.setenv("XDG_CACHE_HOME", str(tmp_path / "cache"))
    results.convolves = True
    results.run(FAIR)
    results.write_workspace()
    settings = Path("params.yaml")
    settings.write_text(re.sub(r"  - (unet|aspp)_resnet152\n", "", settings.read_text()))
    client().search_experiments()  # MLflow tells of tables that it makes
    foreign = ("KERAS_", "TF_", "CUDA_", "JAX_")  # of tests before, in this process
    environment = {name: v for name, v in os.environ.items() if not name.startswith(foreign)}
    pneumo = Path(sys.executable).with_name("pneumo")
    done = subprocess.run(
        [pneumo, "promote"], capture_output=True, text=True, check=False, env=environment
    )
    ours = r"converting for OpenVINO|the site's key is made"
    assert [line for line in done.stderr.splitlines() if not re.search(ours, line)] == []
    assert (done.returncode, "\npromoted\n" in done.stdout) == (0, True), done.stdout


@needs_bfloat16
def test_an_older_version_is_compared_here_before_it_is_champion_or_it_is_said_why_not(
    results, other_people, monkeypatch, tmp_path, capsys
):
    monkeypatch.setenv("XDG_CACHE_HOME", str(tmp_path / "cache"))
    results.convolves = True
    for level in (FAIR, GOOD):
        results.run(level)
        number = promote(results.paths, results.settings).number
    auto = results.settings.score.model_copy(update={"precision": "auto", "engine": "openvino"})
    settings = results.settings.model_copy(update={"score": auto})
    tag = precisions.tag_of(processor())
    assert tag not in store.version_of(client(), number).tags

    champion.rollback(client(), "Eve", "too eager")
    capsys.readouterr()
    assert promote_version(number, results.paths, settings).word == "promoted"
    assert re.search("^bfloat16 .*\nmixed agrees", capsys.readouterr().out, re.M)
    found = json.loads(store.version_of(client(), number).tags[tag])
    assert found["mixed"]["passed"]

    champion.rollback(client(), "Eve", "too eager again")
    client().delete_model_version_tag(store.ENSEMBLE, number, tag)
    elsewhere = {**results.paths, "prepared": other_people}  # without the test set of both
    assert promote_version(number, elsewhere, settings).word == "promoted"
    said = capsys.readouterr().out
    assert "bfloat16, mixed: not compared with float32 (" in said
    assert f"`pneumo registry agree {number}` does it later" in said


@pytest.fixture
def int8(results, monkeypatch, tmp_path):
    """The settings of scoring in int8, and results to promote with them."""
    monkeypatch.setenv("XDG_CACHE_HOME", str(tmp_path / "cache"))
    given = {"precision": "int8", "engine": "openvino"}
    wanted = results.settings.score.model_copy(update=given)
    results.settings = results.settings.model_copy(update={"score": wanted})
    results.convolves = True
    results.run(FAIR)
    return wanted


def test_int8_that_agrees_is_registered_and_scores_while_its_sum_holds(
    int8, results, demo_root, monkeypatch, tmp_path
):
    monkeypatch.setattr(precisions, "LEAST_SHARE", 0.5)  # four pictures teach few ranges
    monkeypatch.setattr(precisions, "LARGEST_DIFFERENCE", 0.2)
    number = promote(results.paths, results.settings).number
    uri = f"models:/{store.ENSEMBLE}/{number}"
    files = sorted((demo_root / "stage_2_train_images").glob("*.dcm"))[:3]
    tag = precisions.tag_of(processor())
    measured = json.loads(store.version_of(client(), number).tags[tag])["int8"]
    assert measured["passed"], measured
    assert score(files, tmp_path / "out", uri, score=int8)["precisions"] == {"openvino int8": 3}

    # on another processor this graph is compared, and no other made
    version = store.version_of(client(), number)
    other = {"int8": {**measured, "processor": "Other"}}
    client().delete_model_version_tag(store.ENSEMBLE, number, tag)
    store.tag(client(), version, {precisions.tag_of("Other"): json.dumps(other)})
    monkeypatch.setattr("pneumo.engines.int8.quantised", lambda *_: pytest.fail("quantised"))
    results.write_workspace()
    assert CliRunner().invoke(app, ["registry", "agree", number]).exit_code == 0
    again = json.loads(store.version_of(client(), number).tags[tag])
    assert again["int8"]["sha256"] == measured["sha256"]
    assert set(again) == {"float32", "bfloat16", "mixed", "int8"}

    kept = open_model(uri).quantised() / "int8.bin"
    whole = kept.read_bytes()
    kept.write_bytes(b"\1" + whole[1:])
    assert (open_model(uri).quantised() / "int8.bin").read_bytes() == whole  # fetched anew
    (registered,) = Path().glob(f"**/int8/{measured['sha256'][:16]}/int8.bin")
    registered.write_bytes(whole[:-1] + bytes([whole[-1] ^ 1]))
    kept.unlink()
    with pytest.raises(RegistryError, match="its graph in int8 is not the one that was registered"):
        score(files, tmp_path / "other", uri, score=int8)
    rmtree(registered.parent)
    with pytest.raises(RegistryError, match="its graph in int8 is gone"):
        score(files, tmp_path / "other", uri, score=int8)


def test_int8_that_is_made_later_and_does_not_agree_is_not_registered_and_float32_scores(
    int8, results, demo_root, monkeypatch, tmp_path, capsys
):
    monkeypatch.setattr(precisions, "LARGEST_DIFFERENCE", -1.0)
    exact = results.settings.score.model_copy(update={"precision": "float32"})
    settings = results.settings.model_copy(update={"score": exact})
    number = promote(results.paths, settings).number
    tag = precisions.tag_of(processor())
    assert tag not in store.version_of(client(), number).tags
    results.write_workspace()
    assert CliRunner().invoke(app, ["registry", "quantise", number]).exit_code == 0
    measured = json.loads(store.version_of(client(), number).tags[tag])
    assert measured["int8"]["passed"] is False
    assert "sha256" not in measured["int8"]
    files = sorted((demo_root / "stage_2_train_images").glob("*.dcm"))[:3]
    found = score(files, tmp_path / "out", f"models:/{store.ENSEMBLE}/{number}", score=int8)
    assert found["precisions"] == {"openvino float32": 3}
    assert "it is not known that int8 agrees with float32 here" in capsys.readouterr().err
