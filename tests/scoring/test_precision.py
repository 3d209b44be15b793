"""Which precision scores: what agreed at the promotion, where it is faster on this machine."""

import pytest

from pneumo.engines import speed
from pneumo.engines.mixed import RULE
from pneumo.engines.package import Package
from pneumo.engines.processor import processor
from pneumo.scoring import _precision
from pneumo.scoring._model import Model
from pneumo.scoring._precision import choose_precision, fastest
from tests.packages import needs_bfloat16

HERE = processor()
YES = {"passed": True, "processor": HERE}
MIXED = YES | {"rule": RULE}
THERE = {"passed": True, "processor": "Another CPU @ 1.00GHz"}
NO = {"passed": False, "boxes": 50, "matched": 0.5, "map_difference": 0.1}


@pytest.mark.parametrize(
    ("agreement", "rates", "chosen", "why"),
    [
        ({}, {}, "float32", "no other precision was compared; `pneumo registry agree` does it"),
        ({"bfloat16": YES}, {"float32": 5, "bfloat16": 10}, "bfloat16", "2.0 times as fast here"),
        ({"bfloat16": YES}, {"float32": 5, "bfloat16": 5.2}, "float32", "and is no faster here"),
        ({"bfloat16": YES}, {"float32": 5, "bfloat16": 4}, "float32", "and is no faster here"),
        ({"bfloat16": YES}, {"float32": 5}, "float32", "bfloat16 fails its check here"),
        ({"bfloat16": NO}, {}, "float32", "bfloat16 matches 50.0% of 50 boxes"),
        (
            {"bfloat16": YES, "int8": YES},
            {"float32": 5, "bfloat16": 10, "int8": 20},
            "int8",
            "it agrees with float32, and is 4.0 times as fast here",
        ),
        (
            {"bfloat16": YES, "int8": YES},
            {"float32": 5, "bfloat16": 10, "int8": 9},
            "bfloat16",
            "2.0 times",
        ),
        (
            {"bfloat16": NO, "int8": YES},
            {"float32": 5, "int8": 4},
            "float32",
            "0.002 is allowed); int8 agrees, and is no faster here",
        ),
        (
            {"bfloat16": NO, "mixed": MIXED},
            {"float32": 5, "mixed": 20},
            "mixed",
            "it agrees with float32, and is 4.0 times as fast here",
        ),
        ({"mixed": YES}, {}, "float32", "mixed was compared by an older rule of what is unsure"),
        ({"bfloat16": THERE}, {}, "float32", f"compared on Another CPU @ 1.00GHz, not on {HERE}"),
        ({"bfloat16": {"passed": True}}, {}, "float32", "a processor that was not recorded, not"),
        ({"bfloat16": YES, "int8": THERE}, {"float32": 5, "bfloat16": 10}, "bfloat16", "2.0 times"),
    ],
)
def test_the_fastest_that_agrees_is_taken_if_it_is_faster_than_float32(
    agreement, rates, chosen, why
):
    found, said = fastest(agreement, rates, HERE)
    assert found == chosen
    assert why in said


@needs_bfloat16
def test_each_precision_is_timed_once_per_graph_and_then_known(package_folder, cache, monkeypatch):
    package = Package(package_folder)
    found = speed.rates(package, ("float32", "bfloat16"), 4)
    assert set(found) == {"float32", "bfloat16"}
    assert min(found.values()) > 0
    monkeypatch.setattr(speed, "open_engine", lambda *_, **__: pytest.fail("timed again"))
    assert speed.rates(package, ("float32", "bfloat16"), 4) == found


@needs_bfloat16
@pytest.mark.usefixtures("cache")
def test_auto_says_what_it_takes_and_why(package_folder, score_settings, capsys):
    auto = score_settings.model_copy(update={"precision": "auto", "batch_size": 4})
    model = Model("some", 0, Package(package_folder), {"bfloat16": YES})
    known = speed.rates(model.package, ("float32", "bfloat16"), 4)
    chosen = choose_precision(model, auto)
    assert (chosen == "bfloat16") == (known["bfloat16"] / known["float32"] >= 1.05)
    assert f"some: scoring in {chosen}: " in capsys.readouterr().err


@pytest.mark.usefixtures("cache")
def test_the_speed_of_mixed_follows_from_what_it_answers_twice(
    package_folder, score_settings, monkeypatch, capsys
):
    auto = score_settings.model_copy(update={"precision": "auto"})
    monkeypatch.setattr(_precision, "rates", lambda *_: {"float32": 10.0, "bfloat16": 40.0})

    def chosen(share, **changed):
        mixed = MIXED | {"float32_share": share}
        model = Model("some", 0, Package(package_folder), {"bfloat16": NO, "mixed": mixed})
        return choose_precision(model, auto.model_copy(update=changed))

    assert chosen(0.15) == "mixed"
    assert "is 2.5 times as fast here" in capsys.readouterr().err
    assert chosen(0.75) == "float32"
    assert "mixed agrees, and is no faster here" in capsys.readouterr().err
    assert chosen(0.15, flip=True) == "float32"
    assert "mixed cannot be used: how sure a map is says little" in capsys.readouterr().err


@pytest.mark.parametrize(
    ("agreement", "chosen", "told"),
    [
        ({"bfloat16": YES}, "bfloat16", ""),
        ({}, "float32", "agrees with float32 here: it was not compared; scoring in float32"),
        (
            {"bfloat16": THERE},
            "float32",
            "agrees with float32 here: it was compared on Another CPU",
        ),
    ],
)
def test_a_precision_that_is_named_is_taken_if_it_agreed(
    package_folder, score_settings, capsys, agreement, chosen, told
):
    named = score_settings.model_copy(update={"precision": "bfloat16"})
    assert choose_precision(Model("some", 0, Package(package_folder), agreement), named) == chosen
    assert told in capsys.readouterr().err
