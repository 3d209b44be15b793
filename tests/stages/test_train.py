import io
import os
import re
import subprocess
import sys
from contextlib import redirect_stdout

import keras
import numpy as np
import pandas as pd
import pytest

from pneumo.base.errors import PneumoError
from pneumo.base.files import sha256
from pneumo.base.settings import AugmentSettings, TrainSettings
from pneumo.evaluation.perturbations import PERTURBATIONS
from pneumo.prepared.format import load_prepared
from pneumo.stages.train import train

SETTINGS = TrainSettings(
    encoder="small",
    encoder_weights="none",
    frozen_epochs=0,
    encoder_rate=1,
    batch_size=4,
    epochs=2,
    patience=2,
    learning_rate=0.001,
    schedule="constant",
    warmup_epochs=0,
    overlap="iou",
    overlap_weight=0.5,
    overlap_channels="opacity",
    focus=0,
    positive_share=None,
    image_head=False,
    image_head_weight=0,
    average=0,
    batch_norm_momentum=0.9,
    reestimate_batch_norm=False,
    flip_average=False,
    precision="float32",
    devices=1,
    jit_compile="auto",
    pictures=0,
    seed=1,
)
AUGMENT = AugmentSettings(
    flip=True, rotation_deg=0, scale=0, shift=0, contrast=0, brightness=0, blur=0, jpeg=0
)
FILES = ["history.csv", "model.keras", "perturbations.npz", "probabilities.npy"]

pytestmark = pytest.mark.slow


@pytest.fixture(autouse=True)
def _no_server(monkeypatch):
    monkeypatch.delenv("MLFLOW_TRACKING_URI", raising=False)


@pytest.fixture(scope="module")
def trained(prepared, tmp_path_factory):
    out = tmp_path_factory.mktemp("models") / "unet_vgg19"
    train("unet_vgg19", prepared, out, train=SETTINGS, augment=AUGMENT)
    return out


def test_a_training_writes_network_history_and_probabilities(trained):
    assert sorted(path.name for path in trained.iterdir()) == FILES
    assert sorted(path.name for path in trained.parent.iterdir()) == ["unet_vgg19"]


def test_the_probabilities_are_those_of_the_saved_network(trained, prepared):
    data = load_prepared(prepared)
    network = keras.saving.load_model(trained / "model.keras", safe_mode=True)
    images = data.images[data.rows("validation", "test")][..., np.newaxis]
    expected = network.predict_on_batch(images)[..., 1]
    found = np.load(trained / "probabilities.npy")
    assert found.dtype == np.float16
    assert found.shape == (8, 32, 32)
    assert np.abs(found - expected).max() < 0.001


def test_what_it_says_to_changed_radiographs_is_kept_for_a_sample_of_test(trained, prepared):
    data = load_prepared(prepared)
    network = keras.saving.load_model(trained / "model.keras", safe_mode=True)
    mirrored = data.images[data.rows("test")][:, :, ::-1, np.newaxis]
    expected = network.predict_on_batch(mirrored)[..., 1]
    with np.load(trained / "perturbations.npz", allow_pickle=False) as found:
        assert set(found) == set(PERTURBATIONS)
        assert np.abs(found["flip"] - expected).max() < 0.001


def test_the_history_has_a_row_per_epoch_and_no_seconds(trained):
    history = pd.read_csv(trained / "history.csv")
    assert list(history["epoch"]) == [1, 2]
    assert set(history) == {"epoch", "learning_rate", "loss", "iou", "val_loss", "val_iou"}


@pytest.fixture(scope="module")
def watched(trained, prepared, tmp_path_factory):
    """The same training again: its folder, its lines, and what MLflow was told."""
    out, said = tmp_path_factory.mktemp("again") / "unet_vgg19", io.StringIO()
    epochs, ends = {}, []
    with pytest.MonkeyPatch.context() as patch, redirect_stdout(said):
        run = "pneumo.tracking.live.NetworkRun"
        patch.setattr(f"{run}.epoch", lambda _, n, figures: epochs.update({n: figures}))
        patch.setattr(f"{run}.finish", lambda _, *ended: ends.append(ended))
        train("unet_vgg19", prepared, out, train=SETTINGS, augment=AUGMENT)
    return out, said.getvalue().splitlines(), epochs, ends


def test_two_identical_trainings_give_the_same_bytes(trained, watched):
    for name in FILES:
        assert sha256(watched[0] / name) == sha256(trained / name)


def test_another_seed_gives_another_network(trained, prepared, tmp_path):
    other = SETTINGS.model_copy(update={"seed": 2, "epochs": 1})
    train("unet_vgg19", prepared, tmp_path / "other", train=other, augment=AUGMENT)
    assert sha256(tmp_path / "other" / "model.keras") != sha256(trained / "model.keras")


def test_without_a_terminal_every_epoch_is_a_line(watched):
    _, lines, *_ = watched
    assert len(lines) == 2
    number = r"\d+\.\d+"
    figures = f"loss {number} val_loss {number} val_iou {number} {number} s"
    times = f"{number} images/s, {number}% waiting for data, at most 0 min left"
    assert re.fullmatch(f"unet_vgg19 epoch 2/2 {figures}, {times}", lines[1])


def test_the_best_epoch_is_kept_and_patience_ends_the_training(prepared, tmp_path):
    wild = SETTINGS.model_copy(update={"learning_rate": 0.5, "epochs": 30, "patience": 1})
    train("unet_vgg19", prepared, tmp_path / "out", train=wild, augment=AUGMENT)
    history = pd.read_csv(tmp_path / "out" / "history.csv")
    assert len(history) < 30
    assert history["val_loss"].idxmin() == len(history) - 2


@pytest.mark.usefixtures("eager")
def test_a_loss_that_is_not_finite_stops_the_training_and_leaves_what_was_there(
    prepared, tmp_path, monkeypatch
):
    out = tmp_path / "out"
    out.mkdir()
    (out / "model.keras").write_text("the last good one")
    nan = lambda *_, **__: lambda truth, found: keras.ops.mean(found) * float("nan")  # noqa: E731
    monkeypatch.setattr("pneumo.training.fitting.segmentation_loss", nan)
    with pytest.raises(PneumoError, match="unet_vgg19: loss is nan in batch 1 of epoch 1"):
        train("unet_vgg19", prepared, out, train=SETTINGS, augment=AUGMENT)
    assert (out / "model.keras").read_text() == "the last good one"
    assert sorted(path.name for path in tmp_path.iterdir()) == [".out.resume", "out"]


def test_the_epochs_and_the_summary_are_tracked(watched):
    out, _, epochs, ends = watched
    assert list(epochs) == [1, 2]
    assert {"loss", "val_loss", "iou", "val_iou", "seconds"} <= set(epochs[1])
    assert 0 <= epochs[2]["waiting_share"] < 1
    assert epochs[2]["images_per_second"] > 0
    [(summary, tags, pictures)] = ends
    assert not pictures
    assert summary["best_epoch"] in (1, 2)
    assert tags == {"pneumo.sha256": sha256(out / "model.keras")}


ELSEWHERE = """
import sys
from pathlib import Path
import keras
from pneumo.base.settings import AugmentSettings, TrainSettings
from pneumo.stages.train import train
first, second = sys.argv[1].split("|")
settings = TrainSettings.model_validate_json(first)
augment = AugmentSettings.model_validate_json(second)
for model in sys.argv[5:]:
    out = Path(sys.argv[3]) / model
    train(model, Path(sys.argv[2]), out, train=settings, augment=augment)
assert keras.backend.backend() == sys.argv[4]
"""


def sections(settings):
    """Both sections of settings as JSON."""
    return f"{settings.model_dump_json()}|{AUGMENT.model_dump_json()}"


def train_elsewhere(backend, prepared, out, *models):
    arguments = map(str, [sections(SETTINGS), prepared, out, backend, *models])
    environment = os.environ | {"KERAS_BACKEND": backend, "JAX_PLATFORMS": "cpu"}
    done = subprocess.run(
        [sys.executable, "-c", ELSEWHERE, *arguments],
        env=environment,
        capture_output=True,
        text=True,
        check=False,
    )
    assert done.returncode == 0, done.stderr[-2000:]


def assert_same_maps(folder, prepared):
    """This backend finds with a saved network what its training has kept."""
    network = keras.saving.load_model(folder / "model.keras", safe_mode=True)
    images = np.load(prepared / "images.npy")[12:, :, :, np.newaxis]
    found = np.load(folder / "probabilities.npy")
    assert np.abs(network.predict_on_batch(images)[..., 1] - found).max() < 0.01


def test_jax_trains_a_network_that_tensorflow_then_runs(prepared, tmp_path):
    """The VGG19's turn is in tests/training/test_spread.py."""
    pytest.importorskip("jax")
    train_elsewhere("jax", prepared, tmp_path, "aspp_resnet152")
    assert_same_maps(tmp_path / "aspp_resnet152", prepared)
