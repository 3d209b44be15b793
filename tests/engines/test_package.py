import json
import zipfile
from shutil import copytree

import h5py
import numpy as np
import pytest

from pneumo.base.errors import RegistryError
from pneumo.engines._sizes import fault_of
from pneumo.engines.choose import open_engine
from pneumo.engines.package import Package
from tests.packages import pictures, sum_up

pytestmark = [pytest.mark.usefixtures("cache"), pytest.mark.slow]


@pytest.fixture
def package(package_folder, tmp_path):
    """A copy that a test may damage."""
    return copytree(package_folder, tmp_path / "package")


def flip_a_bit(path):
    content = bytearray(path.read_bytes())
    content[len(content) // 2] ^= 1
    path.write_bytes(content)


@pytest.mark.parametrize("name", ["unet_vgg19.keras", "ensemble.json", "golden.npz"])
@pytest.mark.parametrize("damage", ["flip", "remove"])
def test_a_flipped_bit_or_a_missing_member_is_refused_by_name(package, name, damage):
    flip_a_bit(package / name) if damage == "flip" else (package / name).unlink()
    with pytest.raises(RegistryError, match=rf"{name} is missing or its sha256 differs"):
        Package(package).check()
    with pytest.raises(RegistryError, match=rf"{name} is missing or its sha256 differs"):
        open_engine(Package(package), "tensorflow")


def test_another_manifest_than_the_registered_one_is_refused(package):
    digest = Package(package).digest
    (package / "unet_vgg19.keras").write_bytes(b"another")
    sum_up(package)
    with pytest.raises(RegistryError, match="is not the one that was registered"):
        Package(package, "version 7", digest)


@pytest.mark.parametrize("text", ["", "[]", "{", '{"../x": "1"}', '{"a.keras": "1"}'])
def test_a_manifest_that_is_none_is_refused(package, text):
    (package / "manifest.json").write_text(text)
    with pytest.raises(RegistryError, match=r"manifest\.json"):
        Package(package)


def test_a_version_of_before_has_the_image_level_that_it_had(package):
    settings = json.loads((package / "ensemble.json").read_text())
    del settings["cells"]
    (package / "ensemble.json").write_text(json.dumps(settings))
    sum_up(package)
    ensemble = Package(package).ensemble
    assert ensemble.cells == 5
    assert ensemble.to_json() == settings


@pytest.mark.parametrize(
    "edit",
    [
        {"weights": {}},
        {"threshold": None},
        {"gate": float("nan")},
        {"cells": 0},
        {"cells": 257},
        {"cells": 19.5},
        {"cells": True},
        {"exec": "rm"},
    ],
)
def test_settings_that_are_none_are_refused(package, edit):
    settings = json.loads((package / "ensemble.json").read_text()) | edit
    (package / "ensemble.json").write_text(json.dumps(settings))
    sum_up(package)
    with pytest.raises(RegistryError, match=r"ensemble\.json cannot be used"):
        _ = Package(package).ensemble


def rewrite(path, name, content):
    with zipfile.ZipFile(path) as source:
        members = {member: source.read(member) for member in source.namelist()}
    with zipfile.ZipFile(path, "w", zipfile.ZIP_DEFLATED) as target:
        for member, old in members.items():
            target.writestr(member, content if member == name else old)
        if name not in members:
            target.writestr(name, content)


def bomb(path, **how):
    with h5py.File(path, "w") as file:
        file.create_dataset("w", (4096, 65_536), "float32", **how)
    return path.read_bytes()


@pytest.mark.parametrize(
    ("name", "content", "fault"),
    [
        ("evil.py", b"import os", "has other members"),
        ("config.json", b'{"units": 2000000000}', "has a layer of 2,000,000,000 channels"),
        ("config.json", b" " * 2**25, "describes its layers in 33,554,432 bytes"),
        ("config.json", b"{" * 100, "is no network that Keras saved"),
        ("model.weights.h5", b"\0" * 2**26, "grows more than 4 times"),
        ("model.weights.h5", b"nothing", "is no network that Keras saved"),
    ],
)
def test_a_network_that_would_grow_is_not_loaded(package, name, content, fault):
    rewrite(package / "unet_vgg19.keras", name, content)
    assert fault in fault_of(package / "unet_vgg19.keras")


def test_compressed_and_unwritten_weights_are_seen_before_they_fill_the_memory(package, tmp_path):
    path = package / "unet_vgg19.keras"
    for how in ({}, {"compression": "gzip", "chunks": (64, 1024)}):
        rewrite(path, "model.weights.h5", bomb(tmp_path / "bomb.h5", **how))
        sum_up(package)
        with pytest.raises(RegistryError, match=r"unet_vgg19\.keras holds weights of 1,07"):
            open_engine(Package(package), "openvino")


def spoil(path, tmp_path, value):
    """Put ``value`` into a network's last bias."""
    with zipfile.ZipFile(path) as archive:
        (tmp_path / "w.h5").write_bytes(archive.read("model.weights.h5"))
    found = []
    with h5py.File(tmp_path / "w.h5", "r+") as file:
        file.visititems(lambda _, item: found.append(item) if hasattr(item, "shape") else None)
        found[-1][...] = value
    rewrite(path, "model.weights.h5", (tmp_path / "w.h5").read_bytes())


@pytest.mark.parametrize("engine", ["openvino", "tensorflow"])
def test_weights_that_are_not_finite_are_refused_with_their_member(package, tmp_path, engine):
    spoil(package / "unet_vgg19.keras", tmp_path, np.nan)
    sum_up(package)
    with pytest.raises(RegistryError, match=r"unet_vgg19\.keras holds weights that are not finite"):
        open_engine(Package(package), engine)


def change_golden(package, **changes):
    with np.load(package / "golden.npz") as arrays:
        changed = {**arrays} | {name: change(arrays[name]) for name, change in changes.items()}
    kept = {name: array for name, array in changed.items() if array is not None}
    np.savez(package / "golden.npz", **kept)
    sum_up(package)


@pytest.mark.parametrize("what", ["probabilities", "disagreement"])
@pytest.mark.parametrize("engine", ["openvino", "tensorflow"])
def test_an_ensemble_that_differs_on_its_golden_pictures_is_refused(package, engine, what):
    change_golden(package, **{what: lambda known: known + np.float32(0.02)})
    with pytest.raises(RegistryError, match=rf"differs by 0\.020 .* {what} of golden\.npz"):
        open_engine(Package(package), engine)


def test_golden_pictures_of_before_hold_probabilities_alone(package):
    change_golden(package, disagreement=lambda known: None)
    engine = open_engine(Package(package), "tensorflow")
    assert (engine.answers(pictures(2)).disagreement > 0).all()
    change_golden(package, probabilities=lambda known: known + np.float32(0.02))
    with pytest.raises(RegistryError, match="probabilities of golden"):
        open_engine(Package(package), "tensorflow")


@pytest.mark.parametrize("wrong", [np.zeros(2), np.zeros((3, 1)), np.array(["a", "b", "c"])])
def test_a_golden_disagreement_that_is_none_is_refused(package, wrong):
    change_golden(package, disagreement=lambda known: wrong)
    with pytest.raises(RegistryError, match="holds no disagreement on its pictures"):
        open_engine(Package(package), "tensorflow")


def test_the_sizes_of_a_network_are_found_in_one_reading(package_folder, monkeypatch):
    """Members of an archive go back by being read from their start: minutes for full networks."""
    plain, taken = zipfile.ZipExtFile.read, []

    def read(self, *size):
        found = plain(self, *size)
        taken.append(len(found))
        return found

    monkeypatch.setattr(zipfile.ZipExtFile, "read", read)
    path = package_folder / "unet_vgg19.keras"
    assert not fault_of(path)
    assert 0.5 * path.stat().st_size < sum(taken) < 2 * path.stat().st_size
