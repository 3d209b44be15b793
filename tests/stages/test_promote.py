import json
from pathlib import Path
from shutil import copytree

import pytest

from pneumo import registry
from pneumo.errors import DataError, RegistryError, ServiceError
from pneumo.stages.promote import promote
from pneumo.tracking import client

pytestmark = pytest.mark.usefixtures("mlflow_store")


class Results:
    """What the pipeline leaves behind, with figures and contents that a test chooses."""

    def __init__(self, folder: Path, prepared: Path, settings) -> None:
        self.paths = {"prepared": prepared, "models": folder / "m", "reports": folder / "r"}
        self.settings = settings
        (self.paths["reports"] / "evaluation").mkdir(parents=True)

    def promote(self, value: float, content: str, test_set: str = "t"):
        figures = {"map": value, "mean_iou": 0.5, "pixel_accuracy": 0.9, "f1": 0.5}
        evaluation = dict.fromkeys([*self.settings.models, "ensemble"], figures)
        evaluation |= {"test_set": test_set, "leaked_people": 0}
        for name in self.settings.models:
            folder = self.paths["models"] / name
            folder.mkdir(parents=True, exist_ok=True)
            (folder / "model.keras").write_text(f"{name} {content}")
            (folder / "history.csv").write_text("epoch,loss\n1,0.9\n")
        chosen = {
            "weights": dict.fromkeys(self.settings.models, 0.25),
            "threshold": 0.5,
            "minimum_area_px": 0.0,
            "gate": 0.0,
            "shrink_x": 0.0,
            "shrink_y": 0.0,
            "validation_map": value,
        }
        reports = self.paths["reports"]
        (reports / "ensemble.json").write_text(json.dumps({"ensemble": chosen}))
        (reports / "evaluation" / "metrics.json").write_text(json.dumps(evaluation))
        return promote(self.paths, self.settings)


@pytest.fixture
def results(tmp_path, prepared_folder, settings):
    return Results(tmp_path, prepared_folder, settings)


@pytest.fixture(autouse=True)
def _own_registry(monkeypatch, request):
    """Each test has an ensemble of its own name in the shared store."""
    monkeypatch.setattr(registry, "ENSEMBLE", f"ensemble-{request.node.name}")


def at(alias):
    version = registry.version_at(client(), alias)
    return version and version.version


def test_the_first_ensemble_becomes_champion(results):
    version, verdict = results.promote(0.3, "a")
    assert verdict.promoted
    assert (at("champion"), at("challenger"), at("previous")) == (version.version, None, None)


def test_a_better_one_takes_over_and_the_old_champion_stays_at_hand(results):
    first, _ = results.promote(0.3, "a")
    second, _ = results.promote(0.4, "b")
    assert (at("champion"), at("previous")) == (second.version, first.version)


def test_a_worse_one_stays_challenger_with_the_reasons_as_tags(results):
    first, _ = results.promote(0.3, "a")
    second, verdict = results.promote(0.2, "b")
    assert not verdict.promoted
    assert (at("champion"), at("challenger")) == (first.version, second.version)
    tags = registry.version_at(client(), "challenger").tags
    assert tags["pneumo.verdict"] == "kept"
    assert "champion's 0.3000" in tags["pneumo.reasons"]


def test_one_measured_on_other_test_images_is_not_compared(results):
    results.promote(0.3, "a")
    _, verdict = results.promote(0.9, "b", test_set="another")
    assert "other test images" in verdict.reasons[0]


def test_the_same_result_again_registers_nothing(results):
    first, _ = results.promote(0.3, "a")
    again, verdict = results.promote(0.3, "a")
    assert again.version == first.version
    assert verdict.reasons == ("this ensemble is the champion already",)
    for name in [registry.ENSEMBLE, *results.settings.models]:
        found = client().search_model_versions(f"name = '{name}'")
        sums = [version.tags[registry.SUM] for version in found]
        assert len(sums) == len(set(sums))


def test_a_registered_ensemble_comes_back_byte_for_byte(results, tmp_path):
    version, _ = results.promote(0.3, "a")
    version = registry.version_at(client(), "champion")
    package = registry.fetch_ensemble(client(), version, tmp_path / "fetched")
    for name in results.settings.models:
        source = results.paths["models"] / name / "model.keras"
        assert (package / f"{name}.keras").read_bytes() == source.read_bytes()
    assert json.loads((package / "ensemble.json").read_text())["threshold"] == 0.5


@pytest.mark.parametrize("damage", ["change", "remove", "manifest"])
def test_an_ensemble_that_differs_from_its_manifest_is_refused(results, tmp_path, damage):
    results.promote(0.3, "a")
    version = registry.version_at(client(), "champion")
    source = Path(client().get_model_version_download_uri(registry.ENSEMBLE, version.version))
    (source / "artifacts/ensemble").exists() or pytest.fail("artifacts are elsewhere")
    copy = copytree(source, tmp_path / "copy")
    package = source / "artifacts/ensemble"
    name = "unet_vgg19.keras"
    try:
        if damage == "change":
            (package / name).write_text("another")
        elif damage == "remove":
            (package / name).unlink()
        else:
            (package / "manifest.json").write_text("{}")
        with pytest.raises(RegistryError, match=r"not the one|unet_vgg19\.keras is missing"):
            registry.fetch_ensemble(client(), version, tmp_path / "fetched")
    finally:
        copytree(copy, source, dirs_exist_ok=True)


def test_results_that_are_missing_say_what_to_run(tmp_path, prepared_folder, settings):
    results = Results(tmp_path, prepared_folder, settings)
    with pytest.raises(DataError, match="run `dvc repro` first"):
        promote(results.paths, settings)


def test_without_a_server_it_says_how_to_start_one(results, monkeypatch):
    monkeypatch.delenv("MLFLOW_TRACKING_URI")
    with pytest.raises(ServiceError, match="pneumo up"):
        results.promote(0.3, "a")
