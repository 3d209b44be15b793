"""What is known of precisions, and what of it counts on a processor."""

import json

import pytest

from pneumo.base.errors import RegistryError
from pneumo.engines import int8
from pneumo.engines.mixed import RULE
from pneumo.engines.processor import processor
from pneumo.registry.graphs import graph_in_int8
from pneumo.registry.precisions import (
    TAG,
    graph_of,
    is_known,
    kept,
    tag_of,
    told,
    wanted,
    why_not,
)


@pytest.mark.parametrize(
    ("measured", "reason"),
    [
        ({}, "was not compared"),
        ({"passed": True, "processor": "A"}, ""),
        ({"passed": True, "processor": "B"}, "was compared on B, not on A: "),
        ({"passed": True}, "was compared on a processor that was not recorded, not on A: "),
        ({"passed": False, "refused": "it broke"}, "cannot be used: it broke"),
        ({"passed": False, "refused": "it broke", "processor": "A"}, "cannot be used: it broke"),
        ({"passed": False, "refused": "it broke", "processor": "B"}, "was compared on B, not on A"),
        ({"passed": False, "boxes": 0}, "was compared where nothing is called"),
        (
            {"passed": False, "boxes": 122, "matched": 0.6967, "map_difference": 0.00121},
            "matches 69.7% of 122 boxes (99% are needed), and its mAP differs by 0.0012 (0.002 is",
        ),
        ({"boxes": 3, "map": 0.1}, "was not compared"),
        ({"passed": "yes", "boxes": 3}, "was not compared"),
    ],
)
def test_why_a_precision_is_not_taken(measured, reason):
    found = why_not({"bfloat16": measured} if measured else {}, "bfloat16", "A")
    assert found.startswith(reason)
    assert bool(found) == bool(reason)


def test_what_does_not_agree_is_told_with_its_speed():
    failed = {"passed": False, "boxes": 50, "matched": 0.5, "map_difference": 0.1}
    measured = {"float32": {"pictures_s": 4.0}, "int8": failed | {"pictures_s": 10.0}}
    (line,) = told(measured, ["int8"])
    assert line.startswith("int8 matches 50.0% of 50 boxes")
    assert line.endswith("; 2.5 times as fast")


def test_of_mixed_it_is_told_how_much_float32_answers():
    figures = {"passed": True, "processor": processor(), "float32_share": 0.0625}
    measured = {"mixed": figures | {"rule": RULE}}
    (line,) = told(measured, ["mixed"])
    assert (
        line == f"mixed agrees with float32 on {processor()}; float32 answers 6.2% of the pictures"
    )


@pytest.mark.parametrize(
    ("setting", "compared"),
    [
        ("float32", ()),
        ("bfloat16", ("bfloat16",)),
        ("mixed", ("mixed",)),
        ("int8", ("int8",)),
        ("auto", ("bfloat16", "mixed")),
    ],
)
def test_a_promotion_compares_what_costs_little_unasked(setting, compared):
    assert wanted(setting) == compared


A, B = ({"passed": True, "processor": name} for name in "AB")


def test_each_processor_has_figures_of_its_own_and_those_of_here_count():
    tags = {
        "pneumo.kind": "ensemble",
        TAG: json.dumps({"bfloat16": {**A, "map": 0.1}, "int8": B}),  # of a version of before
        tag_of("A"): json.dumps({"bfloat16": {**A, "map": 0.2}}),
        tag_of("B"): json.dumps({"bfloat16": B, "mixed": B}),
    }
    here = kept(tags, "A")
    assert here == {"bfloat16": {**A, "map": 0.2}, "mixed": B, "int8": B}
    assert not why_not(here, "bfloat16", "A")
    assert why_not(here, "int8", "A").startswith("was compared on B, not on A: ")
    assert kept(tags, "B")["bfloat16"] == B
    assert kept({}, "A") == {}


def test_a_graph_in_int8_is_found_whichever_processor_it_agreed_on():
    other = json.dumps({"int8": {**B, "sha256": "f" * 64}})
    assert graph_of({TAG: json.dumps({"int8": A}), tag_of("B"): other}) == "f" * 64
    assert graph_of({tag_of("A"): json.dumps({"int8": A})}) == ""


def test_int8_that_did_not_agree_is_compared_again_once_it_is_quantised_in_another_way():
    failed = {"passed": False, "processor": "A", "boxes": 9, "matched": 0.3, "map_difference": 0.1}
    assert is_known({"int8": failed | {"rule": int8.RULE}}, "int8", "A")
    assert not is_known({"int8": failed | {"rule": int8.RULE - 1}}, "int8", "A")
    assert not is_known({"int8": failed}, "int8", "A")
    assert is_known({"int8": A}, "int8", "A")  # it is registered, and stays
    assert not is_known({"int8": A}, "int8", "B")


@pytest.mark.parametrize("tag", ["", "{", "[]", '"int8"', '{"int8": 1}', '{"int8": {"passed": ...'])
def test_a_tag_that_is_not_as_it_was_written_says_nothing_and_the_others_count(tag):
    tags = {tag_of("A"): tag, tag_of("B"): json.dumps({"int8": {**B, "sha256": "f" * 64}})}
    assert kept(tags, "A") == {"int8": {**B, "sha256": "f" * 64}}
    assert graph_of(tags) == "f" * 64


@pytest.mark.parametrize("digest", ["", "../x", "/tmp/x", "f" * 63, "F" * 64, "f" * 64 + "/.."])
def test_what_is_no_sum_names_no_graph_and_makes_no_file(digest, tmp_path, monkeypatch):
    monkeypatch.setenv("XDG_CACHE_HOME", str(tmp_path / "cache"))
    with pytest.raises(RegistryError, match="no sum of a graph in int8"):
        graph_in_int8(digest, lambda: pytest.fail("asked"))
    assert list(tmp_path.iterdir()) == []


def test_a_speed_is_told_beside_that_of_float32_on_the_same_processor():
    of = {"bfloat16": {**A, "pictures_s": 6.0}, "float32": {"processor": "B", "pictures_s": 3.0}}
    assert "times as fast" not in told(of, ["bfloat16"])[0]
    of["float32"]["processor"] = "A"
    assert told(of, ["bfloat16"])[0].endswith("; 2.0 times as fast")
