"""An inbox as hospitals fill it, and one undisturbed run over it."""

import json
import zipfile
from dataclasses import dataclass
from pathlib import Path
from shutil import copyfile

import numpy as np
import pytest
from PIL import Image

from pneumo.base.settings import ScoreSettings
from pneumo.scoring.score import score


@dataclass(frozen=True)
class Inbox:
    """36 radiographs, copies, an archive, pictures, and what is none of them."""

    folder: Path
    good: int = 43
    bad: int = 6


@pytest.fixture(scope="session")
def score_settings(settings) -> ScoreSettings:
    return settings.score.model_copy(update={"task_images": 8, "engine": "openvino"})


@pytest.fixture(scope="session")
def inbox(tmp_path_factory, demo_root) -> Inbox:
    folder = tmp_path_factory.mktemp("inbox")
    files = sorted((demo_root / "stage_2_train_images").glob("*.dcm"))
    for path in files:
        copyfile(path, folder / path.name)
    (folder / "other").mkdir()
    copyfile(files[0], folder / "copy.dcm")
    copyfile(files[1], folder / "other" / files[0].name)  # another content under a known name
    copyfile(files[2], folder / '=cmd("x").dcm')
    grey = np.tile(np.arange(256, dtype=np.uint8), (128, 1))
    Image.fromarray(grey).save(folder / "grey.png")
    Image.fromarray(grey[:, ::-1]).save(folder / "grey.jpg", quality=95)
    with zipfile.ZipFile(folder / "study.zip", "w", zipfile.ZIP_DEFLATED) as archive:
        archive.write(files[3], "inside/one.dcm")
        archive.writestr("grey.png", (folder / "grey.png").read_bytes())
        archive.writestr("../../escaped.dcm", "x")
        archive.writestr("notes.txt", "no picture")
    (folder / "torn.dcm").write_bytes(files[0].read_bytes()[:5000])
    (folder / "empty.dcm").write_bytes(b"")
    (folder / "broken.zip").write_bytes(b"PK\x03\x04 and no more")
    (folder / "outside.dcm").symlink_to(demo_root / "stage_2_train_labels.csv")
    (folder / ".hidden").write_bytes(b"not looked at")
    return Inbox(folder)


@pytest.fixture(scope="session")
def balanced_package(tmp_path_factory, package_folder, inbox, cache_home) -> Path:
    """The tests' ensemble with thresholds that part the inbox."""
    from tests.packages import balance

    paths = sorted(inbox.folder.glob("*.dcm"))
    return balance(package_folder, tmp_path_factory.mktemp("balanced") / "package", paths)


@pytest.fixture(scope="session")
def undisturbed(
    tmp_path_factory, inbox, balanced_package, score_settings, settings, cache_home
) -> Path:
    """The results of one run that nothing disturbed."""
    out = tmp_path_factory.mktemp("undisturbed") / "results"
    with pytest.MonkeyPatch.context() as patch:
        patch.setenv("XDG_CACHE_HOME", str(cache_home))
        share = settings.monitor.review_share
        summary = score(
            [inbox.folder], out, str(balanced_package), score=score_settings, review_share=share
        )
    assert json.loads((out / "summary.json").read_text()) == summary
    return out
