"""Encoders that learn from labels of whole radiographs, and hand over what they learnt."""

import json
import shutil

import keras
import numpy as np
import pandas as pd
import pytest
from PIL import Image

from pneumo.base.errors import DataError, PneumoError
from pneumo.base.files import sha256
from pneumo.base.settings import PretrainSettings
from pneumo.dataset.dataset import IMAGES
from pneumo.dataset.labelled import Columns, read_labelled
from pneumo.dataset.rsna import CLASSES
from pneumo.experiments.pretrain import _divided, pretrain
from pneumo.nets.build import MODELS
from pneumo.nets.encoders import ENCODERS
from pneumo.nets.weights import load_encoder_weights
from pneumo.stages.train import train
from pneumo.training import checkpoints
from pneumo.training.checkpoints import Checkpoints
from pneumo.training.pretraining import encoders_of
from tests.stages.test_train import AUGMENT, SETTINGS

pytestmark = pytest.mark.slow

TRAIN = SETTINGS.model_copy(
    update={"epochs": 3, "patience": 3, "schedule": "cosine", "learning_rate": 0.003}
)
MADE = ["rejected.csv", "vgg19.json", "vgg19.weights.h5"]


@pytest.fixture(scope="module")
def chests(tmp_path_factory, demo_root):
    """36 demo radiographs, every second one as PNG, of 18 people; a torn file, two without use."""
    folder = tmp_path_factory.mktemp("chests")
    chance = np.random.default_rng(0)
    rows = []
    for number, path in enumerate(sorted((demo_root / IMAGES).glob("*.dcm"))):
        bright = number % 4 < 2
        name = f"a/{number:02}.dcm" if number % 2 else f"b/{number:02}.png"
        target = folder / name
        target.parent.mkdir(exist_ok=True)
        if number % 2:
            shutil.copyfile(path, target)
        else:
            pixels = chance.integers(0, 90, (64, 64)) + (120 if bright else 0)
            Image.fromarray(pixels.astype("uint8")).save(target)
        rows.append((name, f"person{number // 2:02}", "ill" if bright else "well"))
    (folder / "torn.png").write_bytes((folder / "b/00.png").read_bytes()[:80])
    rows += [("torn.png", "person90", "ill"), ("gone.png", "person91", "ill")]
    rows += [("a/01.dcm", "person00", "well")]
    table = pd.DataFrame(rows, columns=["file", "person", "label"])
    table.to_csv(folder / "labels.csv", index=False)
    return folder


def read(chests, columns=None, **where):
    return read_labelled(chests, None, columns or Columns(), where)


def run(rows, out, train=TRAIN):
    settings = PretrainSettings(
        size_px=32, held_out=0.25, balance=True, frontal_only=True, train=train, augment=AUGMENT
    )
    pretrain(rows, out, ["vgg19"], settings)


@pytest.fixture(scope="module")
def made(chests, tmp_path_factory):
    out = tmp_path_factory.mktemp("pretrained") / "encoders"
    run(read(chests), out)
    return out


def test_it_writes_weights_figures_and_what_was_rejected(made):
    assert sorted(path.name for path in made.iterdir()) == MADE
    assert [path.name for path in made.parent.iterdir()] == ["encoders"]
    said = json.loads((made / "vgg19.json").read_text())
    assert said["sha256"] == sha256(made / "vgg19.weights.h5")
    assert set(said["held_out"]["auroc"]) == {"ill", "well"}
    assert 0 <= said["held_out"]["accuracy"]["value"] <= 1
    assert len(said["history"]) == 3
    counts = said["classes"].values()
    assert sum(count["learnt"] + count["held_out"] for count in counts) == 35


def test_a_bad_file_is_listed_with_its_reason_and_stops_nothing(made):
    rejected = pd.read_csv(made / "rejected.csv", index_col="file")["reason"].to_dict()
    assert rejected.pop("torn.png")
    assert rejected == {"gone.png": "no_file", "a/01.dcm": "two_labels"}


def test_nobody_is_both_learnt_from_and_held_out(chests):
    rows = read(chests)
    rows = _divided(rows[rows["reason"] == ""].reset_index(drop=True), 0.25, 1)
    sides = rows.groupby("person")["held_out"].nunique()
    assert (sides == 1).all()
    assert (rows.groupby("person").size() > 1).any()
    assert 0.1 < rows["held_out"].mean() < 0.4


@pytest.mark.parametrize("place", ["file", "folder"])
def test_a_training_begins_with_the_weights(place, made, prepared, tmp_path, monkeypatch):
    monkeypatch.delenv("MLFLOW_TRACKING_URI", raising=False)
    path = made / "vgg19.weights.h5" if place == "file" else made
    still = {"encoder_weights": str(path), "epochs": 1, "learning_rate": 1e-9}
    wanted = SETTINGS.model_copy(update=still)
    train("unet_vgg19", prepared, tmp_path / "out", train=wanted, augment=AUGMENT)
    network = keras.saving.load_model(tmp_path / "out/model.keras", safe_mode=True)
    encoder = ENCODERS["vgg19"]["small"](32, momentum=0.9)
    load_encoder_weights(encoder, str(made))
    for name in ("block1_conv1", "block5_conv2"):
        found, expected = (n.get_layer(name).get_weights()[0] for n in (network, encoder))
        assert np.allclose(found, expected, atol=1e-6)


def test_a_folder_without_any_encoders_file_says_what_to_do(tmp_path):
    encoder = ENCODERS["resnet152"]["small"](32, momentum=0.9)
    with pytest.raises(PneumoError, match=r"resnet152\.weights\.h5: no such file.*pneumo pretrain"):
        load_encoder_weights(encoder, str(tmp_path))


def test_weights_of_another_size_of_the_encoder_are_refused(made):
    encoder = ENCODERS["vgg19"]["full"](32, momentum=0.9)
    with pytest.raises(PneumoError, match=r"does not fit this vgg19.*train\.encoder;"):
        load_encoder_weights(encoder, str(made))


class Killed(BaseException):
    """Ends a training as a kill does, without ending the tests."""


def test_killed_and_run_again_it_ends_with_the_same_bytes(made, chests, tmp_path, capsys):
    out, save = tmp_path / "encoders", Checkpoints.save

    def killed(self, trainer, history):
        save(self, trainer, history)
        if len(history) == 2:
            raise Killed

    with pytest.MonkeyPatch.context() as patched:
        patched.setattr(Checkpoints, "save", killed)
        patched.setattr(checkpoints, "WRITING_SHARE", 1.0)  # after every epoch
        with pytest.raises(Killed):
            run(read(chests), out)
    assert sorted(path.name for path in out.iterdir()) == ["rejected.csv"]
    run(read(chests), out)
    assert "vgg19: going on after epoch 2" in capsys.readouterr().out
    for name in MADE:
        assert sha256(out / name) == sha256(made / name)
    assert [path.name for path in tmp_path.iterdir()] == ["encoders"]


def test_what_is_up_to_date_is_not_trained_again(made, chests, tmp_path, capsys):
    out = shutil.copytree(made, tmp_path / "encoders")
    run(read(chests), out)
    assert "vgg19.weights.h5 is up to date" in capsys.readouterr().out
    assert sha256(out / "vgg19.weights.h5") == sha256(made / "vgg19.weights.h5")
    run(read(chests), out, train=TRAIN.model_copy(update={"seed": 2, "epochs": 1}))
    assert sha256(out / "vgg19.weights.h5") != sha256(made / "vgg19.weights.h5")


def test_what_can_be_learnt_is_learnt(chests, tmp_path):
    easy = read(chests)
    easy = easy[easy["file"].str.endswith(".png")].reset_index(drop=True)
    longer = TRAIN.model_copy(update={"epochs": 30, "patience": 30})
    run(easy, tmp_path / "out", train=longer)
    said = json.loads((tmp_path / "out/vgg19.json").read_text())["held_out"]
    assert said["auroc"]["ill"]["value"] == 1
    assert said["accuracy"]["value"] > said["most_frequent"]


def test_rsnas_own_tables_give_three_classes_and_people(demo_root):
    rows = read_labelled(demo_root, None, Columns(), {})
    assert set(rows["label"]) == set(CLASSES)
    assert (rows["reason"] == "").all()
    assert rows["person"].nunique() < len(rows) == 36


def test_other_columns_and_only_some_rows(chests, tmp_path):
    table = pd.read_csv(chests / "labels.csv").rename(columns={"file": "name", "label": "what"})
    table.assign(place=table["name"].str[0]).to_csv(tmp_path / "t.csv", index=False, sep=";")
    rows = read_labelled(chests, tmp_path / "t.csv", Columns("name", "what"), {"place": "b"})
    assert len(rows) == 18
    assert set(rows["file"].str[0]) == {"b"}


def test_a_name_without_folder_and_ending_finds_its_file_and_none_outside(chests, tmp_path):
    named = {"file": ["07", "../labels.csv", "b/08.png"], "label": ["ill", "ill", ""]}
    pd.DataFrame(named).to_csv(tmp_path / "t.csv", index=False)
    rows = read_labelled(chests, tmp_path / "t.csv", Columns(), {}).set_index("file")
    assert rows.loc["07", "path"] == str(chests / "a/07.dcm")
    assert rows["reason"].to_dict() == {
        "07": "",
        "../labels.csv": "no_file",
        "b/08.png": "no_label",
    }


def test_an_image_whose_person_is_not_known_is_a_person_of_its_own(chests, tmp_path):
    named = {"file": ["a/07.dcm", "b/08.png"], "label": ["ill", "ill"], "person": ["", "one"]}
    pd.DataFrame(named).to_csv(tmp_path / "t.csv", index=False)
    rows = read_labelled(chests, tmp_path / "t.csv", Columns(), {})
    assert rows["person"].tolist() == ["a/07.dcm", "one"]
    assert (rows["reason"] == "").all()


def test_an_unknown_column_is_one_clear_line(chests):
    with pytest.raises(DataError) as caught:
        read(chests, Columns(label="diagnosis"))
    said = str(caught.value)
    assert said.startswith(f"{chests / 'labels.csv'}: column diagnosis is missing (found file,")
    assert "\n" not in said


def test_one_label_is_none(chests, tmp_path):
    with pytest.raises(DataError, match="1 labels are there"):
        run(read(chests, label="ill"), tmp_path / "out")


def test_networks_share_encoders():
    assert encoders_of(MODELS) == ["resnet152", "densenet121", "vgg19"]
