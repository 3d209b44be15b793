"""Two recipes on three folds of real commands; small networks, one epoch."""

import json

import pytest
import yaml

from pneumo.base import git
from pneumo.base.errors import DataError, SettingsError
from pneumo.experiments.crossval import crossval, write_settings
from tests.dags.checkout import ROOT

CHANGES = {
    "models": ["unet_vgg19"],
    "data.size_px": 32,
    "train.epochs": 1,
    "train.encoder": "small",
    "train.encoder_weights": "none",
    "ensemble.candidates": 0,
}


def test_an_unknown_setting_is_refused_before_anything_is_trained(tmp_path):
    with pytest.raises(SettingsError, match=r"train\.epoch: unknown"):
        write_settings(ROOT / "recipes/demo.yaml", {"train.epoch": 3}, tmp_path / "params.yaml")


def test_weights_are_found_from_the_folder_of_a_fold(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    changes = {"train.encoder_weights": "encoders"}
    settings = write_settings(ROOT / "recipes/demo.yaml", changes, tmp_path / "params.yaml")
    assert settings.train.encoder_weights == str(tmp_path / "encoders")


@pytest.mark.slow
def test_recipes_are_compared_on_the_same_images_and_a_second_run_only_reads(
    demo_root, tmp_path, capsys
):
    changes = {**CHANGES, "data.root": str(demo_root)}
    recipes = {name: ROOT / f"recipes/{name}.yaml" for name in ("seed", "demo")}
    found = crossval(tmp_path, recipes, changes, 3, 1, jobs=2)
    assert set(found["recipes"]) == {"seed", "demo"}
    for networks in found["recipes"].values():
        assert set(networks) == {"unet_vgg19", "ensemble", "no radiograph"}
        assert networks["unet_vgg19"]["map"] == networks["ensemble"]["map"]  # it is alone
        assert 0 <= networks["ensemble"]["auroc"]["value"] <= 1
    gain = found["gains"]["demo less seed"]["ensemble"]["map"]
    assert gain["low"] <= gain["value"] <= gain["high"]
    assert found["recipes"]["seed"]["no radiograph"] == found["recipes"]["demo"]["no radiograph"]
    over = found["over_unseen"]["demo"]["ensemble"]["map"]["value"]
    alone = found["recipes"]["demo"]
    assert over == pytest.approx(
        alone["ensemble"]["map"]["value"] - alone["no radiograph"]["map"]["value"]
    )
    assert found["over_networks"]["demo"]["unet_vgg19"]["map"]["value"] == 0
    assert {"view AP", "view PA", "sex F", "age under 40"} < set(found["groups"]["demo less seed"])
    assert (tmp_path / "crossval.md").read_text().count("| ") > 20
    page = (tmp_path / "crossval.html").read_text()
    assert page.count("data:image/jpeg") == page.count("<figure>") > 0
    with pytest.raises(DataError, match="holds another comparison"):
        crossval(tmp_path, recipes, {**changes, "train.epochs": 2}, 3, 1)
    trained = tmp_path / "demo/fold2/models/unet_vgg19/model.keras"
    before = trained.stat().st_mtime_ns
    assert crossval(tmp_path, recipes, changes, 3, 1) == found
    assert "by other code" not in capsys.readouterr().err
    assert trained.stat().st_mtime_ns == before
    crossval(tmp_path, recipes, changes, 3, 1, radiographs=False)
    assert "data:image" not in (tmp_path / "crossval.html").read_text()
    assert json.loads((tmp_path / "crossval.json").read_text()) == found
    settings = yaml.safe_load((tmp_path / "seed/fold0/params.yaml").read_text())
    assert settings["train"]["overlap_channels"] == "both"
    assert found["commits"] == [git.commit_of(ROOT)]
    plan = json.loads((tmp_path / "plan.json").read_text())
    (tmp_path / "plan.json").write_text(json.dumps({**plan, "commits": ["0123abc"]}))
    mixed = crossval(tmp_path, recipes, changes, 3, 1)
    assert mixed == {**found, "commits": ["0123abc", *found["commits"]]}
    assert "also by other code than this (0123abc)" in capsys.readouterr().err
    assert "0123abc" in (tmp_path / "crossval.html").read_text()
