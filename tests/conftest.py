"""Data that many tests share: a small demo set, prepared, and maps that networks could give."""

import itertools
import os
from collections.abc import Iterator
from pathlib import Path
from shutil import copytree, ignore_patterns

import hypothesis
import numpy as np
import pytest
from scipy.ndimage import gaussian_filter

from pneumo.base.settings import DataSettings, DemoSettings, Settings, load_settings
from pneumo.dataset.manifest import MANIFEST
from pneumo.evaluation.perturbations import PERTURBATIONS, sample
from pneumo.prepared.format import Prepared, load_prepared
from pneumo.stages.demo import demo
from pneumo.stages.prepare import prepare

# What XLA compiles here runs a few times: compiling it well takes as long again as all the rest.
QUICK_XLA = "--xla_backend_optimization_level=0 --xla_llvm_disable_expensive_passes=true"
os.environ.setdefault("XLA_FLAGS", QUICK_XLA)

hypothesis.settings.register_profile("busy", deadline=None)  # cores may be shared
hypothesis.settings.load_profile("busy")

ROOT = Path(__file__).parents[1]


def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    """Files with slow tests come first: none is begun when the others have ended."""
    slow = {item.path for item in items if item.get_closest_marker("slow")}
    items.sort(key=lambda item: item.path not in slow)


@pytest.fixture(scope="session")
def trails(tmp_path_factory) -> Iterator[Path]:
    """A folder per test, numbered here: ``mktemp`` reads all that is there to find a number."""
    folder = tmp_path_factory.mktemp("trails")
    return (folder / str(number) for number in itertools.count())


@pytest.fixture(autouse=True)
def trail(trails, monkeypatch) -> Path:
    """The audit trail of a test: of no other test, and not of this checkout."""
    folder = next(trails)
    folder.mkdir()
    path = folder / "trail.jsonl"
    monkeypatch.setenv("PNEUMO_TRAIL", str(path))
    return path


@pytest.fixture(scope="session")
def settings() -> Settings:
    return load_settings(ROOT / "recipes/demo.yaml")


@pytest.fixture
def eager() -> Iterator[None]:
    """TensorFlow computes step by step: few steps cost less than tracing their graph.

    Rounding differs from a graph's, so not for what compares bytes with another training.
    """
    import tensorflow as tf

    tf.config.run_functions_eagerly(True)
    yield
    tf.config.run_functions_eagerly(False)


@pytest.fixture(scope="session")
def demo_root(tmp_path_factory) -> Path:
    """Thirty-six synthetic radiographs in RSNA's format. Read only: copy before a change."""
    root = tmp_path_factory.mktemp("data") / "demo"
    demo(root, demo=DemoSettings(images=36, seed=5))
    return root


@pytest.fixture(scope="session")
def data_settings(demo_root) -> DataSettings:
    return DataSettings(
        root=str(demo_root),
        size_px=32,
        train_images=None,
        validation_images=10,
        test_images=10,
        reserved_test=None,
        frontal_only=True,
        seed=1,
    )


@pytest.fixture(scope="session")
def prepared_folder(tmp_path_factory, data_settings) -> Path:
    out = tmp_path_factory.mktemp("data") / "prepared"
    prepare(out, data=data_settings)
    return out


@pytest.fixture(scope="session")
def data(prepared_folder) -> Prepared:
    """What is in that folder. Read only: copy before a change."""
    return load_prepared(prepared_folder)


@pytest.fixture(scope="session")
def networks_folder(tmp_path_factory, data, settings) -> Path:
    """Blurred true masks with noise, more of it per network, and a short history.

    Changed radiographs get the same maps, moved as they were, with a little noise of their own.
    """
    folder = tmp_path_factory.mktemp("models")
    rng = np.random.default_rng(0)
    masks = np.asarray(data.masks[data.rows("validation", "test")], float)
    for number, name in enumerate(settings.models):
        noise = gaussian_filter(rng.standard_normal(masks.shape), (0, 2, 2))
        maps = np.clip(gaussian_filter(masks, (0, 1, 1)) + number * noise, 0, 1)
        (folder / name).mkdir()
        np.save(folder / name / "probabilities.npy", maps.astype(np.float16))
        test = maps[len(data.rows("validation")) :]
        changed = {
            kind: np.clip(how.change(test[sample(len(test))]) + 0.02 * rng.random(), 0, 1)
            if kind in ("flip", "shift")
            else np.clip(test[sample(len(test))] + 0.02 * rng.random(), 0, 1)
            for kind, how in PERTURBATIONS.items()
        }
        np.savez(folder / name / "perturbations.npz", allow_pickle=False, **changed)
        (folder / name / "history.csv").write_text("epoch,loss,val_loss\n1,0.9,0.95\n2,0.5,0.6\n")
    return folder


@pytest.fixture
def broken_root(demo_root, tmp_path) -> Path:
    """A copy of the demo's data that a test may damage: no manifest, linked radiographs."""
    without = ignore_patterns(MANIFEST)
    return Path(copytree(demo_root, tmp_path / "data", copy_function=_copy, ignore=without))


def _copy(source: str, target: str) -> None:
    if source.endswith(".dcm"):
        Path(target).hardlink_to(source)
    else:
        Path(target).write_bytes(Path(source).read_bytes())


@pytest.fixture(scope="session")
def mlflow_database(tmp_path_factory) -> Path:
    return tmp_path_factory.mktemp("mlflow")


@pytest.fixture
def mlflow_store(mlflow_database, monkeypatch) -> str:
    """The address of a real MLflow store on SQLite; artifacts fall into its folder."""
    uri = f"sqlite:///{mlflow_database}/mlflow.db"
    monkeypatch.setenv("MLFLOW_TRACKING_URI", uri)
    monkeypatch.chdir(mlflow_database)
    return uri


@pytest.fixture(scope="session")
def package_folder(tmp_path_factory) -> Path:
    """A registered ensemble of two small untrained networks at 32 px. Read only."""
    from tests.packages import write_package

    return write_package(tmp_path_factory.mktemp("ensemble") / "package")


@pytest.fixture(scope="session")
def cache_home(tmp_path_factory) -> Path:
    return tmp_path_factory.mktemp("cache")


@pytest.fixture
def cache(cache_home, monkeypatch) -> Path:
    """A cache folder of the tests, in which each graph is converted once."""
    monkeypatch.setenv("XDG_CACHE_HOME", str(cache_home))
    return cache_home
