"""Settings that are none any more: each old key is told once, whatever else is wrong."""

from pathlib import Path

import pytest
import yaml

from pneumo.base._removed import REMOVED
from pneumo.base.errors import SettingsError
from pneumo.base.settings import Settings, load_settings
from pneumo.detection import ensemble
from pneumo.evaluation import _groups, bootstrap
from pneumo.experiments.crossval import write_settings
from pneumo.registry import _paired
from pneumo.scoring import score
from pneumo.stages import evaluate
from pneumo.training import batches
from pneumo.tuning import choice

PARAMS = Path(__file__).parents[2] / "params.yaml"
OLD = {
    "train.validation_batch_size": 32,
    "ensemble.resamples": 20,
    "ensemble.seed": 1,
    "evaluate.pictures": 12,
    "evaluate.resamples": 1000,
    "evaluate.minimum_group": 20,
    "evaluate.seed": 1,
    "promotion.small_group_people": 20,
    "promotion.resamples": 1000,
    "promotion.seed": 1,
    "score.part_images": 256,
}
"""What every recipe of 0.1 said."""


def older(folder: Path, **changes) -> Path:
    """A settings file of 0.1, with other values where ``changes`` has them."""
    raw = yaml.safe_load(PARAMS.read_text())
    for key, value in {
        **OLD,
        **{name.replace("__", "."): v for name, v in changes.items()},
    }.items():
        section, _, name = key.partition(".")
        raw.setdefault(section, {})[name] = value
    path = folder / "params.yaml"
    path.write_text(yaml.safe_dump(raw, sort_keys=False))
    return path


def faults(path: Path) -> list[str]:
    with pytest.raises(SettingsError) as caught:
        load_settings(path)
    assert caught.value.exit_code == 2
    return [line.strip() for line in str(caught.value).splitlines()[1:]]


def test_an_older_file_gets_a_line_per_key_that_is_gone(tmp_path):
    said = faults(older(tmp_path))
    assert [line.partition(":")[0] for line in said] == list(OLD)
    for line, value in zip(said, OLD.values(), strict=True):
        assert f" no longer a setting; it is {value} " in line
        assert line.endswith("; delete the line")
        assert ", not " not in line


@pytest.mark.parametrize("key", OLD)
@pytest.mark.parametrize("value", [7, 0.5, None, "many", [1, 2]])
def test_a_value_that_was_another_one_is_named(tmp_path, key, value):
    said = dict(line.split(": ", 1) for line in faults(older(tmp_path, **{key: value})))
    assert said[key].endswith(f", not {value!r}; delete the line")
    assert sum(", not " in line for line in said.values()) == 1


def test_all_other_faults_are_told_with_them(tmp_path):
    path = older(tmp_path, evaluate__picturs=3, boxes__thresholds=[1.5])
    raw = yaml.safe_load(path.read_text())
    del raw["train"]["epochs"]
    path.write_text(yaml.safe_dump(raw, sort_keys=False))
    said = faults(path)
    assert len(said) == len(OLD) + 3
    assert "boxes.thresholds.0: input should be less than 1 (got 1.5)" in said
    assert "train.epochs: missing" in said
    assert [line for line in said if line.startswith("evaluate: unknown")]


@pytest.mark.parametrize("section", [None, {}])
def test_an_empty_section_that_is_gone_is_told(tmp_path, section):
    path = tmp_path / "params.yaml"
    path.write_text(yaml.safe_dump({**yaml.safe_load(PARAMS.read_text()), "evaluate": section}))
    assert faults(path) == ["evaluate: no longer a section; delete it"]


@pytest.mark.parametrize("section", [3, ["resamples"], "resamples"])
def test_what_is_no_section_is_a_fault_like_any_other(tmp_path, section):
    path = tmp_path / "params.yaml"
    wrong = {"promotion": section, "evaluate": section}
    path.write_text(yaml.safe_dump(yaml.safe_load(PARAMS.read_text()) | wrong))
    said = faults(path)
    assert [line.partition(":")[0] for line in said] == ["promotion", "evaluate"]


def test_a_recipe_of_before_is_refused_by_a_comparison(tmp_path):
    with pytest.raises(SettingsError, match="11 settings cannot be used"):
        write_settings(older(tmp_path), {}, tmp_path / "out/params.yaml")


def test_the_lines_tell_the_constants_in_force():
    in_force = {
        "train.validation_batch_size": batches.VALIDATION_BATCH_SIZE,
        "ensemble.resamples": choice.HALVINGS,
        "ensemble.seed": choice.SEED,
        "evaluate.pictures": evaluate.PICTURES,
        "evaluate.resamples": bootstrap.RESAMPLES,
        "evaluate.minimum_group": _groups.SMALL_GROUP_IMAGES,
        "evaluate.seed": bootstrap.SEED,
        "promotion.small_group_people": _paired.SMALL_GROUP_PEOPLE,
        "promotion.resamples": bootstrap.RESAMPLES,
        "promotion.seed": bootstrap.SEED,
        "score.part_images": score.PART_IMAGES,
    }
    assert {key: value for key, (value, _) in REMOVED.items()} == in_force
    assert choice.SEED == ensemble.SEED


def test_what_is_gone_is_no_setting():
    for key in REMOVED:
        section, _, name = key.partition(".")
        known = Settings.model_fields.get(section)
        assert known is None or name not in known.annotation.model_fields
