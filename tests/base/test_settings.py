from pathlib import Path

import pytest
import yaml
from pydantic import ValidationError

from pneumo.base.errors import SettingsError
from pneumo.base.settings import load_settings
from pneumo.training.batches import VALIDATION_BATCH_SIZE

ROOT = Path(__file__).parents[2]
PARAMS = ROOT / "params.yaml"


def test_params_yaml_is_the_demo_recipe():
    assert PARAMS.read_text() == (ROOT / "recipes/demo.yaml").read_text()


@pytest.mark.parametrize("path", sorted((ROOT / "recipes").glob("*.yaml")), ids=lambda p: p.stem)
def test_every_recipe_is_complete(path):
    assert len(load_settings(path).models) == (3 if path.stem == "few" else 4)


def test_the_seed_recipe_is_the_published_one():
    seed = load_settings(ROOT / "recipes/seed.yaml")
    assert (seed.data.train_images, seed.data.validation_images, seed.data.size_px) == (
        4800, 1200, 128
    )  # fmt: skip
    assert (seed.train.batch_size, VALIDATION_BATCH_SIZE) == (16, 32)
    assert (seed.train.learning_rate, seed.train.overlap_weight) == (1e-4, 0.5)
    assert (seed.train.overlap, seed.train.overlap_channels) == ("iou", "both")
    assert not any(seed.augment.model_dump().values())
    switches = (seed.train.image_head, seed.train.flip_average, seed.train.reestimate_batch_norm)
    assert not any((*switches, seed.train.average, seed.train.focus, seed.train.positive_share))
    assert (seed.train.schedule, seed.train.precision) == ("constant", "float32")
    assert seed.models == ["unet_resnet152", "unet_densenet121", "unet_vgg19", "aspp_resnet152"]
    assert (seed.train.encoder, seed.train.encoder_weights) == ("full", "imagenet")
    assert seed.ensemble.candidates == 0  # equal weights
    assert (seed.boxes.thresholds, seed.boxes.gates) == ([0.5], [0.0])
    assert seed.boxes.minimum_areas_px == [25_000]
    assert seed.boxes.shrinks == [0.05]


def test_all_faults_are_reported_at_once_with_what_would_do(tmp_path):
    raw = yaml.safe_load(PARAMS.read_text())
    raw["boxes"]["thresholds"] = [1.5]
    raw["boxes"]["shrnks"] = [0.1]
    raw["data"]["size_px"] = 100
    del raw["train"]["epochs"]
    raw["trian"] = {}
    path = tmp_path / "params.yaml"
    path.write_text(yaml.safe_dump(raw))
    with pytest.raises(SettingsError) as caught:
        load_settings(path)
    text = str(caught.value)
    assert "5 settings cannot be used" in text
    assert "boxes.thresholds.0: input should be less than 1 (got 1.5)" in text
    assert "boxes.shrnks: unknown; did you mean boxes.shrinks?" in text
    assert "data.size_px: input should be a multiple of 32 (got 100)" in text
    assert "train.epochs: missing" in text
    assert "trian: unknown; did you mean train?" in text


@pytest.mark.parametrize("text", ["", "- a\n", "a: [", "\x00"])
def test_what_is_no_settings_file_is_refused_in_one_line(tmp_path, text):
    path = tmp_path / "params.yaml"
    path.write_text(text)
    with pytest.raises(SettingsError, match="1 setting cannot be used"):
        load_settings(path)


def test_settings_cannot_be_changed():
    with pytest.raises(ValidationError, match="frozen"):
        load_settings(PARAMS).data.seed = 2
