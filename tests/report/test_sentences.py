"""The verdict says what the figures say."""

import copy

import pytest

from pneumo.report.sentences import findings, headline


def est(value, low, high):
    return {"value": value, "low": low, "high": high}


@pytest.fixture
def metrics():
    figures = {"map": 0.5, "auroc": 0.9, "sensitivity": 0.8, "specificity": 0.9}
    return {
        "ensemble": figures,
        "intervals": {"ensemble": {k: [v - 0.05, v + 0.05] for k, v in figures.items()}},
        "baselines": {"two constant boxes": {"map": 0.07}},
        "audit": {"metadata": {"all": est(0.7, 0.6, 0.8)}, "advantage": est(0.2, 0.1, 0.3)},
        "froc": {"false_per_image": [0.25, 0.5], "sensitivity": [0.5, 0.6],
                 "intervals": [[0.4, 0.6], [0.5, 0.7]]},
        "worst": {"people": {"group": "view PA", "map": est(0.3, 0.2, 0.4),
                             "gap": est(-0.2, -0.3, -0.1)}},
        "stability": [{"what": "flipped", "flipped": est(0.2, 0.1, 0.3)}],
        "leaked_people": 0,
        "leaked_images": 0,
        "test_positives": 300,
    }  # fmt: skip


def changed(metrics, *path, to):
    other = copy.deepcopy(metrics)
    place = other
    for step in path[:-1]:
        place = place[step]
    place[path[-1]] = to
    return other


def texts(metrics):
    return " ".join(f"[{one.weight}] {one.text}" for one in findings(metrics))


def test_a_sound_result_is_said_in_plain_words(metrics):
    assert headline(metrics) == "Finds opacities, and knows more than view, sex and age do."
    said = texts(metrics)
    assert "calls 80 (75 to 85) in 100 radiographs with an opacity" in said
    assert "leaves 90 (85 to 95) in 100 without one alone" in said
    assert "[warning] The weakest group of people is view PA" in said
    assert "[warning] The change that turns most calls round (flipped)" in said


@pytest.mark.parametrize(
    ("path", "to", "words"),
    [
        (("leaked_images",), 2, "cannot be trusted"),
        (("intervals", "ensemble", "map"), [0.05, 0.6], "never look"),
        (("audit", "advantage"), est(0.2, -0.1, 0.3), "not shown to know more than view"),
    ],
)
def test_what_spoils_a_result_leads_the_report(metrics, path, to, words):
    assert words in headline(changed(metrics, *path, to=to))


def test_few_positives_and_groups_that_are_too_small_are_warnings(metrics):
    said = texts(changed(changed(metrics, "test_positives", to=20), "worst", "people", to=None))
    assert "[warning] Only 20 test radiographs have an opacity" in said
    assert "[warning] Every group of people is too small" in said


def test_a_gap_within_chance_is_no_warning(metrics):
    said = texts(changed(metrics, "worst", "people", "gap", to=est(-0.1, -0.3, 0.1)))
    assert "[plain] The weakest group of people is view PA" in said
    assert "within chance" in said


def test_a_test_set_of_one_class_is_no_error(metrics):
    for name in ("auroc", "sensitivity", "specificity"):
        del metrics["ensemble"][name]
    metrics["audit"]["metadata"]["all"] = metrics["audit"]["advantage"] = est(None, None, None)
    assert "[warning] The test set lacks healthy radiographs" in texts(metrics)
