"""What would fail after hours is found at once: a line each, all together, exit code 2."""

import shutil
from pathlib import Path

import pytest
import yaml

from pneumo.base.errors import PneumoError
from pneumo.base.settings import load_settings
from pneumo.cli.commands.rehearsal import rehearse as command
from pneumo.experiments.crossval import write_settings
from pneumo.rehearsal import _checks, _encoders, _limits
from pneumo.rehearsal.rehearse import rehearse
from tests.conftest import ROOT

GIB = 2**30
BASE = {
    "data.size_px": 32,
    "data.validation_images": 10,
    "data.test_images": 10,
    "train.batch_size": 4,
}


@pytest.fixture
def place(tmp_path, monkeypatch) -> Path:
    """An empty workplace, in which the test is."""
    monkeypatch.chdir(tmp_path)
    return tmp_path


def faults(place: Path, root: Path, jobs: int = 1, **changes: object) -> list[str]:
    """The lines of a rehearsal that only looks; the first one counts them."""
    named = {name.replace("__", "."): value for name, value in changes.items()}
    used = {**BASE, "data.root": str(root), **named}
    settings = write_settings(ROOT / "recipes/demo.yaml", used, place / "params.yaml")
    out = place / "rehearsal.json"
    said = ""
    try:
        rehearse("demo", place / "params.yaml", settings, out, steps=0, images=10, jobs=jobs)
    except PneumoError as error:
        said, code = str(error), error.exit_code
    assert not said or code == 2
    return said.splitlines()


def only(lines: list[str]) -> str:
    assert lines[0] == "demo: 1 problem"
    assert len(lines) == 2, lines
    return lines[1].strip()


def test_where_nothing_would_fail_nothing_is_said_and_nothing_is_left(place, demo_root, capsys):
    assert faults(place, demo_root) == []
    assert "nothing was found that would fail" in capsys.readouterr().out
    assert [path.name for path in place.iterdir()] == ["params.yaml"]


@pytest.mark.parametrize("share", [1, 4])
def test_a_disk_without_room_is_named_with_what_is_needed(place, demo_root, monkeypatch, share):
    monkeypatch.setattr(_checks, "disk_bytes", lambda _: 2**20)
    line = only(faults(place, demo_root, jobs=share))
    assert line.startswith("disk: ")
    assert "1 MiB are free" in line
    assert "checkpoints" in line


def test_memory_that_does_not_hold_the_maps_is_named(place, demo_root, monkeypatch):
    monkeypatch.setattr(_checks, "memory_bytes", lambda: 4 * 10 * 32 * 32 * 4 - 1)
    assert only(faults(place, demo_root)).startswith("memory: tune needs 0 MiB at least")
    monkeypatch.setattr(_checks, "memory_bytes", lambda: 4 * 10 * 32 * 32 * 4)
    assert faults(place, demo_root) == []


@pytest.mark.parametrize(
    ("files", "limit"),
    [
        ({"memory.max": "3000", "memory.current": "1000"}, 2000),
        ({"memory.max": "max", "memory.current": "1000"}, None),
        ({"memory/memory.limit_in_bytes": "900", "memory/memory.usage_in_bytes": "1000"}, 0),
        ({}, None),
    ],
)
def test_a_control_group_limits_the_memory(tmp_path, files, limit):
    for name, text in files.items():
        (tmp_path / name).parent.mkdir(exist_ok=True)
        (tmp_path / name).write_text(text)
    free = _limits.memory_bytes(tmp_path)
    assert free == limit if limit is not None else free > GIB / 8


def test_weights_that_are_no_file_or_folder_are_named(place, demo_root):
    line = only(faults(place, demo_root, train__encoder_weights="encoders"))
    assert line.startswith("train.encoder_weights: ")
    assert "encoders: no such file or folder" in line


def test_a_folder_without_any_encoder_is_named(place, demo_root):
    (place / "encoders").mkdir()
    wanted = {"train__encoder_weights": "encoders", "models": ["unet_vgg19"]}
    assert "has none of vgg19.weights.h5" in only(faults(place, demo_root, **wanted))
    (place / "encoders/vgg19.weights.h5").touch()
    assert faults(place, demo_root, **wanted) == []


def test_imagenet_weights_are_of_full_encoders(place, demo_root):
    line = only(faults(place, demo_root, train__encoder_weights="imagenet"))
    assert "imagenet fits the full encoders only" in line


def test_imagenet_weights_that_are_nowhere_are_named_an_encoder_each(place, demo_root, monkeypatch):
    monkeypatch.setenv("KERAS_HOME", str(place / "keras"))
    monkeypatch.setattr(_encoders, "HOST", "127.0.0.1:1")  # nobody listens there
    wanted = {"train__encoder_weights": "imagenet", "train__encoder": "full"}
    lines = faults(place, demo_root, **wanted)
    assert lines[0] == "demo: 3 problems"
    for name, line in zip(("densenet121", "resnet152", "vgg19"), lines[1:], strict=True):
        assert f"the ImageNet weights of {name} are not in" in line
        (place / "keras/models").mkdir(parents=True, exist_ok=True)
        file = f"{name}_weights_tf_dim_ordering_tf_kernels_notop.h5"
        assert f"put {file} there" in line
        (place / "keras/models" / file).touch()
    assert faults(place, demo_root, **wanted) == []


@pytest.mark.parametrize("kind", ["validation", "test"])
def test_a_split_with_too_few_images_of_a_class_is_named(place, demo_root, kind):
    lines = faults(place, demo_root, **{f"data__{kind}_images": 1})
    assert lines[0] == "demo: 2 problems"
    for line, name in zip(lines[1:], ("positive", "healthy"), strict=True):
        assert line.startswith(f"  data.{kind}_images: ")
        assert f"{name} of 1 images of {kind}; at least 2 are needed" in line


@pytest.mark.parametrize(("kind", "target"), [("positive", 1), ("healthy", 0)])
def test_a_class_without_images_is_named_in_every_split(place, broken_root, kind, target):
    import pandas as pd

    labels = broken_root / "stage_2_train_labels.csv"
    table = pd.read_csv(labels, dtype=str)
    gone = set(table[table["Target"] == str(target)]["patientId"])
    for name in ("stage_2_train_labels.csv", "stage_2_detailed_class_info.csv", "patients.csv"):
        rows = pd.read_csv(broken_root / name, dtype=str)
        rows[~rows["patientId"].isin(gone)].to_csv(broken_root / name, index=False)
    lines = faults(place, broken_root, data__validation_images=3, data__test_images=3)
    assert lines[0] == "demo: 3 problems"
    for line, split in zip(lines[1:], ("train", "validation", "test"), strict=True):
        assert f"0 {kind} of" in line
        assert f"images of {split}" in line


def test_more_images_than_there_are_cannot_be_divided(place, demo_root):
    line = only(faults(place, demo_root, data__test_images=500))
    assert "36 images are there, but the splits need 510" in line


def test_a_batch_that_no_epoch_fills_is_named(place, demo_root):
    line = only(faults(place, demo_root, train__batch_size=17))
    assert line == "train.batch_size: 17 exceeds the 16 images of train; lower it"


def test_a_batch_that_devices_cannot_share_is_named(place, demo_root):
    line = only(faults(place, demo_root, train__devices=3))
    assert "4 cannot be shared evenly by train.devices 3" in line


def test_more_devices_than_there_are_gpus_is_named(place, demo_root, monkeypatch):
    monkeypatch.setenv("CUDA_VISIBLE_DEVICES", "0,1")
    line = only(faults(place, demo_root, train__devices=4))
    assert line == "train.devices: is 4, but there are 2 GPUs; lower it"


@pytest.mark.parametrize("name", ["stage_2_train_labels.csv", "stage_2_detailed_class_info.csv"])
def test_a_table_that_is_missing_is_named(place, broken_root, name):
    (broken_root / name).unlink()
    assert name in only(faults(place, broken_root))


def test_a_folder_that_is_not_there_is_named(place):
    assert "no such folder" in only(faults(place, place / "nowhere"))


def test_labels_without_files_are_counted(place, broken_root):
    names = sorted((broken_root / "stage_2_train_images").glob("*.dcm"))
    for path in names[:4]:
        path.unlink()
    line = only(faults(place, broken_root))
    assert line.startswith("data.root: 4 of 36 labelled radiographs have no file")


@pytest.mark.parametrize("name", ["data", "models", "reports"])
def test_a_file_in_the_place_of_a_folder_is_named(place, demo_root, name):
    (place / name).touch()
    assert only(faults(place, demo_root)).startswith(f"{name}: is a file")


def test_a_folder_that_may_not_be_written_is_named(place, demo_root, monkeypatch):
    (place / "models").mkdir()
    may = _checks.os.access
    monkeypatch.setattr(
        _checks.os, "access", lambda path, how: Path(path).name != "models" and may(path, how)
    )  # the tests may run as root, who may write everywhere
    assert only(faults(place, demo_root)) == "models: cannot be written; change who may use it"


@pytest.mark.parametrize(
    ("package", "changes"),
    [
        ("great_expectations", {}),
        ("tensorflow", {}),
        ("openvino", {"score__engine": "openvino"}),
        ("nncf", {"score__precision": "int8"}),
    ],
)
def test_a_package_that_is_missing_is_named_with_what_installs_it(
    place, demo_root, monkeypatch, package, changes
):
    monkeypatch.delenv("KERAS_BACKEND", raising=False)
    there = _checks.find_spec
    monkeypatch.setattr(_checks, "find_spec", lambda name: None if name == package else there(name))
    monkeypatch.setattr(_checks, "keras_backend", lambda: "tensorflow")
    lines = faults(place, demo_root, **changes)
    assert any(
        line.strip().startswith(f"{package}: is not installed; run `uv sync") for line in lines
    )


def test_all_problems_are_told_at_once(place, broken_root, monkeypatch):
    (broken_root / "stage_2_train_labels.csv").unlink()
    (place / "models").touch()
    lines = faults(place, broken_root, train__encoder_weights="nowhere", train__devices=3)
    assert lines[0] == "demo: 4 problems"
    for line, begins in zip(
        sorted(one.strip() for one in lines[1:]),
        (str(broken_root), "models: ", "train.batch_size: ", "train.encoder_weights: "),
        strict=True,
    ):
        assert line.startswith(begins)


def test_a_recipe_that_is_not_there_is_named(place):
    with pytest.raises(PneumoError, match=r"nothing\.yaml: no such recipe"):
        command("nothing")


def test_the_command_reads_settings_and_changes(place, demo_root, capsys):
    raw = yaml.safe_load((ROOT / "recipes/demo.yaml").read_text())
    (place / "mine.yaml").write_text(yaml.safe_dump(raw))
    sides = [f"{name}={value}" for name, value in BASE.items()]
    command("mine.yaml", [f"data.root={demo_root}", *sides], steps=0, images=10)
    assert capsys.readouterr().out.startswith("mine.yaml: nothing was found")
    shutil.copy(ROOT / "recipes/demo.yaml", place / "mine.yaml")
    assert load_settings(place / "mine.yaml").data.root == "data/demo"
    with pytest.raises(PneumoError, match=r"data/demo: no such folder"):
        command("mine.yaml", steps=0, images=10)
