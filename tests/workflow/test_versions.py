"""The raw set as a version of its own: back to older data, pushed, pulled, from DVC's own tools."""

import json
import os
import shutil
import subprocess
import sys
from pathlib import Path

import pytest
import yaml

ROOT = Path(__file__).parents[2]
BIN = Path(sys.executable).parent
NETWORK = "unet_vgg19"
TINY = {
    "models": [NETWORK],
    "data": {"root": "data/rsna", "size_px": 32, "validation_images": 10, "test_images": 10},
    "train": {"epochs": 1},
    "ensemble": {"candidates": 0},
}
TRACKED = "data/rsna.dvc dvc.yaml"  # all but the demo's data, which are not made here
METRICS = Path("reports/evaluation/metrics.json")

pytestmark = [pytest.mark.slow, pytest.mark.timeout(900)]


def run(folder: Path, line: str) -> str:
    done = subprocess.run(
        ["bash", "-c", line], cwd=folder, capture_output=True, text=True,
        env={**os.environ, "PATH": f"{BIN}:{os.environ['PATH']}", "TF_CPP_MIN_LOG_LEVEL": "3",
             "GIT_AUTHOR_NAME": "t", "GIT_AUTHOR_EMAIL": "t@t", "GIT_COMMITTER_NAME": "t",
             "GIT_COMMITTER_EMAIL": "t@t"},
    )  # fmt: skip
    assert done.returncode == 0, done.stdout + done.stderr
    return done.stdout + done.stderr


def draw(folder: Path, seed: int) -> None:
    """Another version of the raw data, in the place of the present one."""
    params = yaml.safe_load((folder / "params.yaml").read_text())
    params["demo"] = {"images": 36, "seed": seed}
    (folder / "params.yaml").write_text(yaml.safe_dump(params, sort_keys=False))
    run(folder, "rm -rf data/rsna && pneumo demo data/rsna && git checkout -q params.yaml")


@pytest.fixture(scope="module")
def checkout(tmp_path_factory) -> Path:
    """A checkout with a tiny recipe and a folder as DVC's remote."""
    folder = tmp_path_factory.mktemp("versions") / "checkout"
    names = run(ROOT, "git ls-files -co --exclude-standard").splitlines()
    for name in names:
        if (ROOT / name).is_file():
            (folder / name).parent.mkdir(parents=True, exist_ok=True)
            shutil.copyfile(ROOT / name, folder / name)
    params = yaml.safe_load((folder / "params.yaml").read_text())
    for name, section in TINY.items():
        params[name] = {**params[name], **section} if isinstance(section, dict) else section
    (folder / "params.yaml").write_text(yaml.safe_dump(params, sort_keys=False))
    run(
        folder,
        "git init -q -b main && git config core.hooksPath /dev/null && git add -A && "
        "git commit -qm start && dvc remote add -q -d store ../store && "
        "dvc config --local core.site_cache_dir $PWD/.pneumo/dvc",
    )
    return folder


def commit(folder: Path, message: str) -> dict:
    run(folder, f"dvc add -q data/rsna && dvc repro -q && git add -A && git commit -qm {message}")
    run(folder, f"dvc push -q --run-cache {TRACKED}")
    return json.loads((folder / METRICS).read_text())


def test_older_data_bring_their_metrics_back_without_training_here_and_elsewhere(checkout):
    draw(checkout, 1)
    first = commit(checkout, "one")
    draw(checkout, 2)
    second = commit(checkout, "two")
    assert first != second

    # A new commit with the older data; dvc.lock still knows the newer ones only.
    run(checkout, "git checkout -q HEAD~1 -- data/rsna.dvc && dvc checkout -q data/rsna.dvc")
    said = run(checkout, "dvc repro")
    assert f"Stage 'train@{NETWORK}' is cached - skipping run" in said
    assert f"> pneumo train {NETWORK}" not in said
    assert json.loads((checkout / METRICS).read_text()) == first
    changed = run(checkout, "git checkout -q HEAD -- . && dvc diff HEAD~1 HEAD")
    assert "data/rsna/stage_2_train_labels.csv" in changed

    # Another machine pulls data and results from the remote and has nothing to do.
    run(checkout, f"dvc checkout -q {TRACKED}")
    other = checkout.with_name("other")
    run(checkout.parent, "git clone -q checkout other")
    run(other, "dvc config --local core.site_cache_dir $PWD/.pneumo/dvc")
    run(other, f"dvc pull -q --run-cache {TRACKED}")
    assert json.loads((other / METRICS).read_text()) == second
    assert "> pneumo" not in run(other, "dvc repro")
    assert "all files are as" in run(other, "pneumo manifest")
    # The other machine goes back to the older data: its run cache came with the pull.
    run(other, "git checkout -q HEAD~1 -- data/rsna.dvc && dvc pull -q data/rsna.dvc")
    assert "> pneumo train" not in run(other, "dvc repro --pull")
    assert json.loads((other / METRICS).read_text()) == first
