"""The page's server with a real ensemble: maps, each network apart, files that are tried, and
verdicts that the monitor counts."""

import csv
import json
from dataclasses import dataclass
from datetime import date
from io import BytesIO
from pathlib import Path
from shutil import copyfile

import keras
import numpy as np
import pytest
from PIL import Image

from pneumo.dicom.read import fit, read_radiograph
from pneumo.monitoring.labels import standing, take_in
from pneumo.scoring.parts import Store
from pneumo.scoring.score import score
from tests.packages import ENSEMBLE, SIZE_PX, balance
from tests.reading.server import Server, site_of, start

pytestmark = pytest.mark.slow
WEIGHTS = {name: weight for name, weight in ENSEMBLE["weights"].items() if weight}


@dataclass
class Site:
    """A folder of results, the ensemble that made them, and the page's server."""

    home: Path
    package: Path
    files: list[Path]
    server: Server

    @property
    def rows(self) -> dict[str, dict[str, str]]:
        """What `score` told, by name."""
        with (self.home / "results/predictions.csv").open(newline="") as file:
            return {row["image_id"]: row for row in csv.DictReader(file)}

    def map(self, path: Path, network: str) -> np.ndarray:
        """A network's probabilities, by Keras: float32 of 32 x 32."""
        picture = fit(read_radiograph(path).pixels, SIZE_PX)[None, ..., None]
        found = keras.saving.load_model(self.package / f"{network}.keras", safe_mode=True)
        return np.asarray(found.predict(picture, verbose=0)[0, ..., 1])


@pytest.fixture(scope="module")
def site(tmp_path_factory, demo_root, package_folder, cache_home, settings):
    home = tmp_path_factory.mktemp("asked")
    home.chmod(0o700)
    (home / "inbox").mkdir()
    files = []
    for number, path in enumerate(sorted((demo_root / "stage_2_train_images").glob("*.dcm"))[:4]):
        files.append(home / "inbox" / f"chest{number}.dcm")
        copyfile(path, files[-1])
    package = balance(package_folder, home / "package", files)
    with pytest.MonkeyPatch.context() as patch:
        patch.setenv("XDG_CACHE_HOME", str(cache_home))
        for name, value in site_of(home).items():
            patch.setenv(name, value)
        how = settings.score.model_copy(update={"engine": "openvino"})
        score([home / "inbox"], home / "results", str(package), score=how, review_share=0.0)
        server = start(home / "results", "--reader", "anna", home=home)
        yield Site(home, package, files, server)
        code, said = server.end()
        assert code == 0
        assert all("converting for OpenVINO, once" in line for line in said.splitlines())


@pytest.fixture
def images(site):
    listed = site.server.http.get("api/worklist").json()["images"]
    return {image["name"]: image for image in listed}


def grey(answer) -> np.ndarray:
    assert answer.status_code == 200, answer.text
    return np.asarray(Image.open(BytesIO(answer.content)), int)


def test_the_heat_is_that_of_the_ensemble_and_of_each_network_apart(site, images):
    path, about = site.files[0], f"api/images/{images['chest0']['id']}"
    answer = site.server.http.get(f"{about}/answer").json()
    assert answer["heat"] is True
    assert set(answer["networks"]) == set(WEIGHTS)
    maps = {name: site.map(path, name) for name in WEIGHTS}
    for name, meant in maps.items():
        heat = grey(site.server.http.get(f"{about}/heat", params={"network": name}))
        assert np.abs(heat - 255 * meant).max() <= 3
    blend = sum(weight * maps[name] for name, weight in WEIGHTS.items())
    assert np.abs(grey(site.server.http.get(f"{about}/heat")) - 255 * blend).max() <= 3
    assert np.abs(maps["unet_vgg19"] - maps["unet_densenet121"]).max() > 0.05


@pytest.mark.parametrize("network", ["unet_resnet152", "../package", "unet_vgg19.keras"])
def test_a_network_that_does_not_count_is_none(site, images, network):
    about = f"api/images/{images['chest0']['id']}"
    assert site.server.http.get(f"{about}/heat", params={"network": network}).status_code == 404


def test_a_file_that_is_tried_has_the_answer_that_score_gave_it(site):
    for path in site.files[:2]:  # whose answers are then known
        told = site.server.http.post("api/try", files={"file": path.open("rb")}).json()
        row = site.rows[path.stem]
        assert told["probability"] == pytest.approx(float(row["probability"]), abs=1e-4)
        meant = json.loads(row["boxes"] or "[]")
        assert len(told["boxes"]) == len(meant)
        for box, other in zip(told["boxes"], meant, strict=True):
            assert box == pytest.approx(other, abs=0.01)


def test_verdicts_of_the_page_are_counted_for_the_ensemble(site, images, settings):
    site.server.http.get(f"api/images/{images['chest0']['id']}/answer")
    for name, image in images.items():
        verdict = "opacity" if site.rows[name]["boxes"] not in ("", "[]") else "clear"
        said = {"verdict": verdict, "boxes": [], "comment": "", "revision": 0}
        about = f"api/images/{image['id']}/reading"
        assert site.server.http.put(about, json=said).status_code == 200
    table, folder = site.home / "results/readings/anna.csv", site.home / "monitor"
    take_in(table, folder, "lead", date(2026, 11, 28))
    parts = list(Store(site.home / "results").listed())
    found = standing(parts, folder, None, monitor=settings.monitor)
    assert len(found.counted.truths) == len(site.files)
    assert {truth.seen for truth in found.counted.truths} == {True, False}
