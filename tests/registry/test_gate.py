"""The gate: every rule refuses what it must refuse, and says so."""

import re
from dataclasses import replace

import numpy as np
import pandas as pd
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from pneumo.base.settings import PromotionSettings
from pneumo.registry._gate import Measured, decide
from pneumo.registry._paired import ALL, differences

SETTINGS = PromotionSettings(
    minimum_map=0.1,
    minimum_sensitivity=0.5,
    margin=0.02,
    confidence=0.95,
    subgroup_margin=0.05,
    approval="none",
)
PEOPLE = 120
NAMES = ("AP", "PA")


def table(precision: float = 0.5, **columns) -> pd.DataFrame:
    """One positive image each of 120 people, half AP and half PA, precision about ``precision``."""
    number = np.arange(PEOPLE)
    spread = np.random.default_rng(0).uniform(-0.1, 0.1, PEOPLE)
    return pd.DataFrame(
        {
            "image": number,
            "person": number,
            "class": "Lung Opacity",
            "view": [NAMES[n % 2] for n in number],
            "sex": "F",
            "age": 50.0,
            "truth_boxes": 1,
            "truth_area_px": 50_000.0,
            "found_boxes": 1,
            "precision": precision + spread,
            "probability": 0.9,
        }
        | columns
    )


def measured(precision: float = 0.5, **changes) -> Measured:
    columns = {k: changes.pop(k) for k in list(changes) if k not in Measured.__annotations__}
    counted = {"leaked_people": 0, "leaked_images": 0}
    return Measured("t", table(precision, **columns), **counted | changes)


def in_view(name: str, change: float) -> np.ndarray:
    """Precision 0.55 everywhere but in one view."""
    return 0.55 + np.where(table()["view"] == name, change, 0)


FEW = ["M"] * 10 + ["F"] * (PEOPLE - 10)
CHAMPION = measured()
BETTER = measured(0.6)


def failed(candidate, champion=CHAMPION, because="", settings=SETTINGS) -> list[str]:
    verdict = decide(candidate, champion, settings, because)
    assert verdict.promoted is not any(not rule.held for rule in verdict.rules)
    return [rule.name for rule in verdict.rules if not rule.held]


def test_the_first_ensemble_is_judged_by_itself_and_the_figures_are_recorded():
    first = decide(measured(0.5, leaked_people=None, leaked_images=3), None, SETTINGS)
    assert [str(rule) for rule in first.rules] == [
        "FAILED leaks: not counted people in two splits; near-identical images in two splits: 3; "
        "run `dvc repro evaluate`",
        "held   files: all have their sha256",
        "held   golden images: finite and unchanged",
        "held   mAP: 0.5080, floor 0.1000 (promotion.minimum_map)",
        "held   sensitivity: 1.0000 of positive images called, floor 0.5000 "
        "(promotion.minimum_sensitivity)",
        "held   champion: there is none yet",
    ]
    assert [(rule["name"], rule["figures"]) for rule in first.to_json()] == [
        ("leaks", {"leaked_people": None, "leaked_images": 3}),
        ("files", {}),
        ("golden images", {}),
        ("mAP", {"map": pytest.approx(table()["precision"].mean(), abs=1e-6), "floor": 0.1}),
        ("sensitivity", {"sensitivity": 1.0, "floor": 0.5}),
        ("champion", {}),
    ]
    assert "dvc repro" not in str(decide(BETTER, None, SETTINGS).rules[0])


def test_what_was_compared_is_recorded_with_its_figures():
    said = {rule["name"]: rule for rule in decide(BETTER, CHAMPION, SETTINGS).to_json()}
    assert said["same test images"]["figures"] == {"candidate": "t", "champion": "t"}
    for name in ("no loss", "gain"):
        figures = said[name]["figures"]
        assert figures["value"] == pytest.approx(0.1, abs=1e-6)
        assert figures["people"] == PEOPLE
        assert figures["low"] <= figures["bound"] <= figures["value"] <= figures["high"]
    assert said["subgroups"]["figures"].keys() >= {"view AP", "view PA"}
    same = {rule.name: rule for rule in decide(CHAMPION, CHAMPION, SETTINGS).rules}
    assert same["gain"].reason.endswith('; a person may decide with --because "..."')
    waived = {rule.name: rule for rule in decide(CHAMPION, CHAMPION, SETTINGS, " try it ").rules}
    assert waived["gain"].reason.endswith(", but: try it")
    assert waived["gain"].figures["because"] == "try it"
    other = decide(BETTER, replace(CHAMPION, test_set="u"), SETTINGS).rules[-1]
    assert other.figures == {"candidate": "t", "champion": "u"}


def test_a_better_candidate_without_a_fault_is_promoted_and_every_rule_is_named():
    verdict = decide(BETTER, CHAMPION, SETTINGS)
    assert verdict.promoted
    assert [rule.name for rule in verdict.rules] == [
        "leaks", "files", "golden images", "mAP", "sensitivity",
        "same test images", "no loss", "gain", "subgroups",
    ]  # fmt: skip
    assert all(rule.reason for rule in verdict.rules)


@pytest.mark.parametrize(
    ("candidate", "rules", "reason"),
    [
        (replace(BETTER, leaked_people=1), ["leaks"], "1 people in two splits"),
        (replace(BETTER, leaked_images=2), ["leaks"], "near-identical images in two splits: 2"),
        (replace(BETTER, leaked_images=None), ["leaks"], "in two splits: not counted; run `dvc"),
        (replace(BETTER, leaked_people=None), ["leaks"], "not counted people in two splits"),
        (replace(BETTER, damaged="a.keras differs"), ["files"], "a.keras differs"),
        (replace(BETTER, golden="not finite"), ["golden images"], "not finite"),
        (measured(0.6, found_boxes=0), ["sensitivity"], "0.0000 of positive images"),
        (measured(0.6, truth_boxes=0), ["sensitivity", "same test images"], "nothing to measure"),
        (replace(BETTER, test_set="u"), ["same test images"], "on other test images"),
        (measured(0.6, person=range(1, 121)), ["same test images"], "not about the same images"),
        (replace(BETTER, cases=BETTER.cases[1:]), ["same test images"], "not about the same"),
        (measured(0.47), ["no loss", "gain"], "allowed -0.0200"),
        (CHAMPION, ["gain"], "+0.0000 [+0.0000, +0.0000]: not above 0"),
        (measured(precision=in_view("PA", -0.11)), ["gain", "subgroups"], "fell: view PA -0.06"),
    ],
)
def test_each_rule_refuses_alone_and_says_why(candidate, rules, reason):
    assert failed(candidate) == rules
    assert reason in " ".join(decide(candidate, CHAMPION, SETTINGS).reasons)


@pytest.mark.parametrize(
    ("candidate", "rules"),
    [
        (measured(0.25), []),
        (measured(0.05), ["mAP"]),
        (replace(BETTER, golden="not finite"), ["golden images"]),
    ],
)
def test_the_first_champion_needs_no_rival_but_keeps_every_other_rule(candidate, rules):
    assert failed(candidate, champion=None) == rules


def test_a_figure_at_its_floor_holds():
    """Binary fractions, so that no rounding decides."""
    floors = SETTINGS.model_copy(update={"minimum_map": 0.5, "minimum_sensitivity": 0.5})
    every_second = np.arange(PEOPLE) % 2
    candidate = replace(CHAMPION, cases=table(found_boxes=every_second).assign(precision=0.5))
    assert failed(candidate, champion=None, settings=floors) == []


def test_every_group_that_fell_is_named_or_else_the_worst():
    views = np.array([NAMES[n % 2] for n in range(PEOPLE)])
    sexes = np.where(views == "PA", "M", "F")
    champion = measured(precision=np.full(PEOPLE, 0.5), sex=sexes)
    group = r"(sex M|view PA) [^;]+; "
    for fall, said in [(0.2, f"fell: {group}{group}"), (0.0, f"worst: {group}")]:
        precision = np.where(views == "PA", 0.5 - fall, 0.75)
        rules = decide(measured(precision=precision, sex=sexes), champion, SETTINGS).rules
        (rule,) = [rule for rule in rules if rule.name == "subgroups"]
        assert re.match(rf"{said}allowed -0\.0500 ", rule.reason), rule.reason


def test_a_persons_reason_stands_for_a_gain_and_for_nothing_else():
    assert failed(CHAMPION, because="a safer reader") == []
    assert failed(CHAMPION, because="  ") == ["gain"]
    assert failed(measured(0.4), because="I like it") == ["no loss", "subgroups"]
    assert failed(replace(CHAMPION, leaked_people=3), because="who cares") == ["leaks"]


def test_a_gain_that_chance_could_give_is_none():
    noise = np.random.default_rng(3).normal(0.01, 0.3, PEOPLE)
    lucky = measured(precision=(0.55 + noise).clip(0, 1))
    champion = measured(precision=np.full(PEOPLE, 0.55))
    verdict = decide(lucky, champion, SETTINGS)
    (gain,) = [rule for rule in verdict.rules if rule.name == "gain"]
    assert gain.figures["low"] < 0 < gain.figures["high"]
    assert not gain.held


def test_a_small_group_that_swings_is_named_but_only_a_certain_fall_refuses():
    champion = measured(0.5, sex=FEW)
    swings = table(0.6, sex=FEW)
    swings.loc[:9, "precision"] = [1.0, 0.9, 0.0, 0.0, 0.0, 0.1, 0.9, 0.9, 0.0, 0.1]
    verdict = decide(replace(champion, cases=swings), champion, SETTINGS)
    (rule,) = [rule for rule in verdict.rules if rule.name == "subgroups"]
    assert rule.figures["sex M"]["value"] < -SETTINGS.subgroup_margin
    assert rule.held
    assert "fewer than 20 people): sex M" in rule.reason
    swings.loc[:9, "precision"] = 0.1
    assert failed(replace(champion, cases=swings), champion) == ["subgroups"]


def test_images_left_out_by_one_alone_are_compared_as_the_metric_does():
    half = table().assign(truth_boxes=[1] * 60 + [0] * 60, found_boxes=[1] * 60 + [0] * 60)
    quiet = replace(CHAMPION, cases=half.assign(precision=[0.5] * 60 + [np.nan] * 60))
    noisy = replace(CHAMPION, cases=half.assign(precision=[0.5] * 60 + [0.0] * 60))
    verdict = decide(quiet, noisy, SETTINGS)
    (gain,) = [rule for rule in verdict.rules if rule.name == "gain"]
    assert gain.figures["value"] == 0.25
    assert verdict.promoted


def test_people_whom_one_alone_is_judged_on_are_counted_with_the_rest():
    half = table().assign(truth_boxes=[1] * 60 + [0] * 60, found_boxes=[1] * 60 + [0] * 60)
    quiet = replace(CHAMPION, cases=half.assign(precision=[0.5] * 60 + [np.nan] * 60))
    noisy = replace(CHAMPION, cases=half.assign(precision=[0.5] * 60 + [0.0] * 60))
    assert differences(quiet.cases, noisy.cases, SETTINGS)[ALL].people == PEOPLE
    assert differences(quiet.cases, quiet.cases, SETTINGS)[ALL].people == 60


def test_a_group_that_is_never_judged_holds_nothing_up():
    nobody = measured(precision=np.full(PEOPLE, np.nan), truth_boxes=0, found_boxes=0)
    assert failed(nobody, nobody) == ["mAP", "sensitivity", "no loss", "gain"]


@settings(max_examples=25)  # each draws intervals twice
@given(st.floats(0.2, 0.9), st.floats(0.2, 0.9), st.integers(0, 1_000))
def test_the_order_of_images_changes_nothing(one, other, seed):
    order = np.random.default_rng(seed).permutation(PEOPLE)
    candidate, champion = measured(one), measured(other)
    mixed = [replace(m, cases=m.cases.iloc[order]) for m in (candidate, champion)]
    before = decide(candidate, champion, SETTINGS)
    after = decide(*mixed, SETTINGS)
    assert [r.held for r in before.rules] == [r.held for r in after.rules]


@settings(max_examples=25)
@given(st.floats(0, 1), st.floats(0, 1))
def test_no_two_ensembles_replace_each_other(one, other):
    a, b = measured(one), measured(other)
    assert not (decide(a, b, SETTINGS).promoted and decide(b, a, SETTINGS).promoted)


def on_sealed(change: float, sealed: np.ndarray) -> Measured:
    """Better than the champion everywhere but on the sealed people, where it differs by change."""
    return measured(0.5 + np.where(sealed, change, 0.1), sealed=sealed)


HALF = np.arange(PEOPLE) % 2 == 0
SIX = np.arange(PEOPLE) < 6


@pytest.mark.parametrize(
    ("change", "sealed", "refused"),
    [
        (-0.04, HALF, []),  # within promotion.subgroup_margin
        (-0.06, HALF, ["sealed feedback"]),
        (-0.06, SIX, ["sealed feedback"]),  # few people, but all of them fell: the interval says so
        (0.1, HALF, []),
    ],
)
def test_on_sealed_feedback_a_candidate_must_not_fall(change, sealed, refused):
    found = failed(on_sealed(change, sealed))
    assert [name for name in found if name == "sealed feedback"] == refused


def test_sealed_feedback_is_said_with_its_figures_and_only_where_there_is_some():
    rules = decide(on_sealed(0.02, HALF), CHAMPION, SETTINGS).rules
    (rule,) = [rule for rule in rules if rule.name == "sealed feedback"]
    assert rule.figures["value"] == pytest.approx(0.02)
    assert (rule.figures["images"], rule.figures["people"]) == (60, 60)
    assert "mAP +0.0200" in rule.reason
    for sealed in (None, np.full(PEOPLE, False)):
        rules = decide(measured(0.6, sealed=sealed), CHAMPION, SETTINGS).rules
        assert "sealed feedback" not in [rule.name for rule in rules]


def test_sealed_feedback_of_healthy_people_whom_nobody_called_holds_nothing_up():
    columns = {
        "precision": np.where(SIX, np.nan, 0.6), "truth_boxes": np.where(SIX, 0, 1),
        "found_boxes": np.where(SIX, 0, 1),
    }  # fmt: skip
    champion = measured(**columns | {"precision": np.where(SIX, np.nan, 0.5)})
    rules = decide(measured(**columns, sealed=SIX), champion, SETTINGS).rules
    (rule,) = [rule for rule in rules if rule.name == "sealed feedback"]
    assert rule.held
    assert rule.reason.startswith("6 images, all healthy and uncalled by both")


def test_a_small_sealed_group_that_swings_by_chance_is_not_refused():
    """Six people, up and down: the mean falls beyond the margin, the interval is wide."""
    swing = np.array([-0.4, -0.4, -0.4, 0.3, 0.3, 0.1])
    precision = np.full(PEOPLE, 0.6)
    precision[:6] += swing - 0.1
    assert swing.mean() < -0.05
    assert failed(measured(precision, sealed=SIX)) == []
