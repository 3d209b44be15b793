from shutil import copytree

import pytest

from pneumo.detection.boxes import Box, Frame
from pneumo.engines import processor as here
from pneumo.engines.choose import open_engine
from pneumo.engines.package import Package
from pneumo.engines.processor import processor
from pneumo.registry import agreement
from pneumo.registry.agreement import compare, find, measure, same_boxes
from pneumo.registry.precisions import is_known, told, why_not
from tests.packages import needs_bfloat16, pictures, sum_up, with_image_threshold

HERE, NEAR, FAR = Box(0, 0, 100, 100), Box(0, 0, 100, 95), Box(50, 0, 100, 100)


@pytest.mark.parametrize(
    ("reference", "found", "pairs"),
    [
        ([HERE], [NEAR], 1),
        ([HERE], [FAR], 0),
        ([HERE, HERE], [NEAR], 1),  # one box is no match for two
        ([FAR, HERE], [NEAR, FAR], 2),
        ([], [HERE], 0),
    ],
)
def test_boxes_are_paired_once_each(reference, found, pairs):
    assert same_boxes([reference, reference], [found, found]) == 2 * pairs


def test_a_box_too_many_counts_against_the_agreement():
    truth = {"a": [HERE], "b": []}
    same = compare(truth, {"a": [HERE], "b": []}, {"a": [NEAR], "b": []})
    more = compare(truth, {"a": [HERE], "b": []}, {"a": [NEAR], "b": [FAR]})
    assert (same["matched"], same["map_difference"], same["passed"]) == (1.0, 0.0, True)
    assert (more["matched"], more["passed"]) == (0.5, False)
    assert more["map_difference"] == 0.5


def test_an_ensemble_that_calls_nothing_proves_nothing():
    assert not compare({"a": [HERE]}, {"a": []}, {"a": []})["passed"]


SOME, FRAMES = pictures(24, seed=7), [Frame(1024, 1024, 32)] * 24
TRUTH = {f"image{n}": [Box(128, 256, 384, 384)] if n % 2 == 0 else [] for n in range(24)}


@needs_bfloat16
@pytest.mark.usefixtures("cache")
@pytest.mark.slow
def test_precisions_are_compared_with_float32_which_agrees_with_keras(package_folder):
    found = measure(package_folder, SOME, TRUTH, FRAMES)
    assert set(found) == {"float32", "bfloat16", "mixed"}
    assert set(found["float32"]) == {"boxes", "map", "pictures_s", "processor"}
    assert {figures["processor"] for figures in found.values()} == {processor()}
    assert found["float32"]["boxes"] > 20
    assert {"matched", "map", "map_difference", "passed"} <= set(found["bfloat16"])
    package = Package(package_folder)
    by_keras, ours = (
        find(open_engine(package, name), package, SOME, TRUTH, FRAMES)[0]
        for name in ("tensorflow", "openvino")
    )
    assert compare(TRUTH, by_keras, ours)["passed"]

    # what float32 calls, known already, takes its place
    exact = measure(package_folder, SOME, TRUTH, FRAMES, exact=by_keras)
    told_apart = {"pictures_s": 0}
    assert set(exact) == {"bfloat16", "mixed"}
    assert "pictures_s" not in exact["mixed"]
    assert exact["mixed"]["float32_share"] == found["mixed"]["float32_share"]
    assert exact["bfloat16"] | told_apart == found["bfloat16"] | told_apart
    nothing = measure(package_folder, SOME, TRUTH, FRAMES, exact=dict.fromkeys(TRUTH, ()))
    assert nothing["bfloat16"]["matched"] == 0.0
    assert not nothing["bfloat16"]["passed"]


@needs_bfloat16
@pytest.mark.usefixtures("cache")
@pytest.mark.slow
def test_what_mixed_calls_is_told_without_computing_what_its_engine_finds(package_folder, tmp_path):
    package = Package(with_image_threshold(package_folder, tmp_path / "package", 0.23))
    found = measure(package.folder, SOME, TRUTH, FRAMES)
    by = {
        precision: find(
            open_engine(package, "openvino", precision=precision), package, SOME, TRUTH, FRAMES
        )
        for precision in ("float32", "bfloat16", "mixed")
    }
    as_found = compare(TRUTH, by["float32"][0], by["mixed"][0])
    assert as_found.items() <= found["mixed"].items()
    assert as_found["passed"]
    assert found["mixed"]["float32_share"] == pytest.approx(len(by["bfloat16"][1]) / 24, abs=1e-4)
    assert 4 < len(by["bfloat16"][1]) < 20
    assert 0 < found["mixed"]["pictures_s"] < found["bfloat16"]["pictures_s"]


@pytest.mark.usefixtures("cache")
@pytest.mark.slow
@pytest.mark.parametrize("exact", [None, dict.fromkeys(TRUTH, ())])
def test_where_a_processor_does_not_multiply_in_bfloat16_that_is_said_and_nothing_computed(
    package_folder, monkeypatch, exact
):
    monkeypatch.setattr(here, "multiplies_in_bfloat16", lambda: False)
    monkeypatch.setattr(agreement, "open_engine", lambda *_, **__: pytest.fail("computed"))
    found = measure(package_folder, SOME, TRUTH, FRAMES, exact=exact)
    assert told(found, ["bfloat16", "mixed"]) == [
        f"{name} cannot be used: {processor()} does not multiply in bfloat16"
        for name in ("bfloat16", "mixed")
    ]
    assert set(found) == {"bfloat16", "mixed"}
    for name in found:
        assert is_known(found, name, processor())
        assert "`pneumo registry agree` compares it here" in why_not(found, name, "Another")


@pytest.mark.usefixtures("cache")
def test_what_fails_in_float32_is_tried_in_no_other_precision(
    package_folder, tmp_path, monkeypatch
):
    monkeypatch.setattr(here, "multiplies_in_bfloat16", lambda: True)
    package = copytree(package_folder, tmp_path / "package")
    (package / "unet_vgg19.keras").write_bytes(b"no network")
    sum_up(package)
    found = measure(package, SOME, TRUTH, FRAMES, quantise=lambda: pytest.fail("quantised"))
    assert set(found) == {"float32", "bfloat16", "mixed", "int8"}
    for name in ("bfloat16", "mixed", "int8"):
        reason = why_not(found, name, processor())
        assert reason.startswith("cannot be used: ")
        assert "unet_vgg19.keras is no network that Keras saved" in reason
