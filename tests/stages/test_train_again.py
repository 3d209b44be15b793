"""A training that is killed goes on, and ends as if nothing had happened."""

import contextlib
import os
import random
import shlex
import shutil
import signal
import subprocess
import sys
import time
from pathlib import Path

import keras
import psutil
import pytest
import yaml

from pneumo.base import cpu
from pneumo.base.files import sha256
from pneumo.stages.train import train
from pneumo.tracking import runs
from pneumo.training import checkpoints
from pneumo.training.checkpoints import Checkpoints
from tests.mlflow_servers import Server, until
from tests.stages.test_train import AUGMENT, ELSEWHERE, FILES, SETTINGS, sections

MORE = SETTINGS.model_copy(update={"epochs": 6, "patience": 6})
ROOT = Path(__file__).parents[2]
KILLS = int(os.environ.get("PNEUMO_KILLS", "2"))

pytestmark = [pytest.mark.slow, pytest.mark.outage]


@pytest.fixture(autouse=True)
def _no_server(monkeypatch):
    monkeypatch.delenv("MLFLOW_TRACKING_URI", raising=False)


@pytest.fixture(scope="module")
def undisturbed(prepared, tmp_path_factory):
    out = tmp_path_factory.mktemp("undisturbed") / "unet_vgg19"
    train("unet_vgg19", prepared, out, train=MORE, augment=AUGMENT)
    return out


def _same(out, other):
    return [sha256(out / name) for name in FILES] == [sha256(other / name) for name in FILES]


def _command(settings, prepared, folder):
    words = [sections(settings), prepared, folder, keras.backend.backend(), "unet_vgg19"]
    return [sys.executable, "-c", ELSEWHERE, *map(str, words)]


def _start(prepared, folder, **settings):
    """A training in a process of its own, its epochs on stdout."""
    return subprocess.Popen(
        _command(MORE.model_copy(update=settings), prepared, folder),
        stdout=subprocess.PIPE,
        text=True,
    )


def test_killed_at_any_moment_it_ends_with_the_same_bytes(undisturbed, prepared, tmp_path):
    chance = random.Random(1)
    for _ in range(KILLS):
        with _start(prepared, tmp_path) as process:
            process.stdout.readline()  # an epoch is over, or it goes on after one
            time.sleep(chance.random() / 4)  # where in the next epoch, or in writing its state
            process.send_signal(signal.SIGKILL)
    with _start(prepared, tmp_path) as process:
        lines = process.stdout.read().splitlines()
    assert lines[0].startswith("unet_vgg19: going on after epoch")
    assert _same(tmp_path / "unet_vgg19", undisturbed)
    assert [path.name for path in tmp_path.iterdir()] == ["unet_vgg19"]


def test_a_training_whose_dvc_was_killed_ends_when_another_begins(prepared, tmp_path):
    settings = yaml.safe_load((ROOT / "recipes/demo.yaml").read_text())
    long = MORE.model_copy(update={"epochs": 5_000, "patience": 5_000})
    settings |= {"models": ["unet_vgg19"], "train": long.model_dump()}
    (tmp_path / "params.yaml").write_text(yaml.safe_dump(settings))
    pneumo = Path(sys.executable).with_name("pneumo")
    line = shlex.join(map(str, [pneumo, "train", "unet_vgg19", prepared, "unet_vgg19"]))
    only = os.environ | {"CUDA_VISIBLE_DEVICES": "0", "TMPDIR": str(tmp_path)}  # one GPU to lease
    stages = {"train": {"cmd": line, "outs": ["unet_vgg19"]}}
    (tmp_path / "dvc.yaml").write_text(yaml.safe_dump({"stages": stages}))
    dvc = Path(sys.executable).with_name("dvc")
    subprocess.run([dvc, "init", "--no-scm", "-q"], cwd=tmp_path, check=True)
    private = f"[core]\n    site_cache_dir = {tmp_path}/cache\n"
    (tmp_path / ".dvc" / "config.local").write_text(private)
    kept = tmp_path / ".unet_vgg19.resume"
    begun = []

    def repro():
        with (tmp_path / "log").open("a") as log:
            begun.append(
                subprocess.Popen(
                    [dvc, "repro"],
                    cwd=tmp_path,
                    env=only,
                    stdout=log,
                    stderr=log,
                    start_new_session=True,
                )
            )
        return begun[-1]

    def epochs():
        return max((path.name for path in kept.glob("epoch-*")), default="")

    try:
        parent = repro()
        until(epochs)
        orphan = psutil.Process(int((kept / "lock").read_text().split()[0]))
        parent.kill()
        parent.wait()
        reached = epochs()
        until(lambda: epochs() > reached)  # without its parent it trains on
        repro()
        until(lambda: (kept / "lock").read_text().split()[:1] not in ([], [str(orphan.pid)]))
        assert not orphan.is_running() or orphan.status() == psutil.STATUS_ZOMBIE
        reached = epochs()
        until(lambda: epochs() > reached)
        assert "unet_vgg19: going on after epoch" in (tmp_path / "log").read_text()
    finally:
        for process in begun:
            with contextlib.suppress(ProcessLookupError):
                os.killpg(process.pid, signal.SIGKILL)
            process.wait()


def test_killed_between_epochs_and_started_again_it_is_one_run(prepared, tmp_path, monkeypatch):
    server = Server(tmp_path)
    server.start()
    monkeypatch.setenv("MLFLOW_TRACKING_URI", server.address)
    folder = tmp_path / "models"
    note = folder / ".unet_vgg19.resume" / "run"
    try:
        with _start(prepared, folder, pictures=2) as process:
            process.stdout.readline()
            until(note.exists)
            process.kill()
        with _start(prepared, folder, pictures=2) as process:
            process.stdout.read()
        store = runs.client()
        [found] = store.search_runs([runs.experiment_id(store)])
        assert found.info.status == "FINISHED"
        figures = store.get_metric_history(found.info.run_id, "loss")
        assert [figure.step for figure in figures] == [1, 2, 3, 4, 5, 6]
        assert store.list_artifacts(found.info.run_id, "images")
        assert not note.parent.exists()
    finally:
        server.stop()


class Killed(BaseException):
    """Ends a training as a kill does, without ending the tests."""


@pytest.fixture(scope="module")
def left(prepared, tmp_path_factory):
    """What a training leaves that was killed after its third epoch."""
    folder, save = tmp_path_factory.mktemp("killed"), Checkpoints.save

    def killed(self, trainer, history):
        save(self, trainer, history)
        if len(history) == 3:
            raise Killed

    with pytest.MonkeyPatch.context() as patched:
        patched.setattr(Checkpoints, "save", killed)
        patched.setattr(checkpoints, "WRITING_SHARE", 1.0)  # after every epoch
        with pytest.raises(Killed):
            train("unet_vgg19", prepared, folder / "unet_vgg19", train=MORE, augment=AUGMENT)
    return folder / ".unet_vgg19.resume"


@pytest.fixture
def stopped(left, tmp_path):
    return shutil.copytree(left, tmp_path / left.name)


def _tear(path):
    content = bytearray(path.read_bytes())
    content[len(content) // 2] ^= 1
    path.write_bytes(content)


@pytest.mark.parametrize(
    ("torn", "first"),
    [([], 4), (["epoch-00003"], 3), (["epoch-00003", "epoch-00002"], 1)],
    ids=["whole", "the last is torn", "both are torn"],
)
def test_a_torn_checkpoint_falls_back(torn, first, stopped, undisturbed, prepared, capsys):
    for name in torn:
        _tear(stopped / f"{name}.npz")
    out = stopped.parent / "unet_vgg19"
    train("unet_vgg19", prepared, out, train=MORE, augment=AUGMENT)
    epochs = [line for line in capsys.readouterr().out.splitlines() if "/6 loss" in line]
    assert epochs[0].startswith(f"unet_vgg19 epoch {first}/6")
    assert _same(out, undisturbed)
    assert not stopped.exists()


@pytest.mark.usefixtures("eager")
def test_other_settings_start_over(stopped, prepared, capsys):
    other = MORE.model_copy(update={"learning_rate": 0.002, "epochs": 1})
    train("unet_vgg19", prepared, stopped.parent / "unet_vgg19", train=other, augment=AUGMENT)
    assert "going on" not in capsys.readouterr().out


@pytest.mark.usefixtures("eager")
@pytest.mark.skipif(keras.backend.backend() != "tensorflow", reason="elsewhere auto is float32")
def test_where_auto_is_another_precision_it_starts_over(prepared, tmp_path, monkeypatch, capsys):
    chosen = SETTINGS.model_copy(update={"precision": "auto"})
    (tmp_path / "tiles").write_text("flags\t\t: amx_bf16\n")
    monkeypatch.setattr(checkpoints, "WRITING_SHARE", 1e9)
    out, went_on = tmp_path / "unet_vgg19", []

    def end(step, figures):
        if step == "fitted":
            raise KeyboardInterrupt

    for facts in ("none", "none", "tiles"):
        monkeypatch.setattr(cpu, "FACTS", tmp_path / facts)
        with contextlib.suppress(KeyboardInterrupt):
            train("unet_vgg19", prepared, out, train=chosen, augment=AUGMENT, tell=end)
        went_on.append("going on after" in capsys.readouterr().out)
    assert went_on == [False, True, False]


def test_only_what_is_needed_is_kept(stopped):
    names = sorted(path.name for path in stopped.glob("epoch-*"))
    assert names == ["epoch-00002.npz", "epoch-00003.npz"]
    assert 1 <= len(list(stopped.glob("best-*"))) <= 2
