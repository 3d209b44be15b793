"""``pneumo monitor``: what it prints, how it ends, and that an inbox leaves no name in it."""

import json
import os
import subprocess
import sys
from pathlib import Path
from shutil import copytree

import pydicom
import pytest

from pneumo.intake.profile import PROFILE
from tests.intake.radiographs import SIZE_PX, fitted
from tests.monitoring.conftest import PLANTED, Site
from tests.packages import SIZE_PX as PACKAGE_PX
from tests.packages import sum_up

ROOT = Path(__file__).parents[2]


def pneumo(*words, **env) -> subprocess.CompletedProcess:
    command = [str(Path(sys.executable).with_name("pneumo")), *map(str, words)]
    return subprocess.run(
        command, cwd=ROOT, env=os.environ | env, capture_output=True, text=True, check=False
    )


@pytest.fixture
def site(tmp_path, settings) -> Site:
    return Site(tmp_path, fitted(SIZE_PX), settings.monitor)


def test_an_alarm_ends_with_four_and_show_says_it_again(site, tmp_path):
    site.score(120, lambda p: 255 - p)
    out = tmp_path / "out"
    done = pneumo("monitor", "run", "--out", out, "--day", "2026-03-02", site.results)
    assert (done.returncode, done.stderr) == (4, "")
    assert done.stdout.startswith("alarm: ")
    told = pneumo("monitor", "show", "--out", out, "--json")
    assert told.returncode == 4
    assert json.loads(told.stdout) == json.loads((out / "summary.json").read_text())


def test_a_mistake_is_one_line_and_ends_with_two(tmp_path):
    for words in (
        ["run", tmp_path / "nothing"], ["show", "--out", tmp_path / "nothing"],
        ["baseline", "--out", tmp_path / "new", "--because", "why"],
    ):  # fmt: skip
        done = pneumo("monitor", *words)
        assert (done.returncode, done.stdout) == (2, "")
        assert len(done.stderr.splitlines()) == 1


@pytest.mark.slow
def test_what_was_planted_in_an_inbox_is_in_nothing_that_the_monitor_makes(
    tmp_path, demo_root, package_folder, cache
):
    package, inbox = tmp_path / "package", tmp_path / "inbox"
    copytree(package_folder, package)
    (package / PROFILE).write_text(json.dumps(fitted(PACKAGE_PX).to_json()))
    sum_up(package)
    inbox.mkdir()
    for number, path in enumerate(sorted((demo_root / "stage_2_train_images").glob("*.dcm"))[:24]):
        dataset = pydicom.dcmread(path)
        dataset.PatientName, dataset.PatientID = PLANTED[0], f"{PLANTED[1]}{number}"
        dataset.SOPInstanceUID = f"{PLANTED[2]}.{number}"
        dataset.save_as(inbox / f"{number}-{PLANTED[3]}")
    key = {"PNEUMO_SITE_KEY": str(tmp_path / "site.key")}
    results, out = tmp_path / "results", tmp_path / "out"
    scored = pneumo("score", inbox, results, "--model", package, "--overlays", "none", **key)
    assert scored.returncode == 0, scored.stderr
    said = [pneumo("monitor", "run", results, "--out", out, "--day", day, **key)
            for day in ("2026-03-02", "2026-03-10", "2026-03-11")]  # fmt: skip
    assert [done.returncode in (0, 4) for done in said] == [True] * 3
    assert len(list((out / "windows").rglob("*.json"))) == 1
    texts = [path.read_bytes() for path in out.rglob("*") if path.is_file()]
    texts += [(done.stdout + done.stderr).encode() for done in said]
    texts += [path.read_bytes() for path in (results / "shards").rglob(PROFILE)]
    for text in texts:
        for planted in (*PLANTED[:3], "planted-file"):
            assert planted.encode() not in text
    assert PLANTED[1].encode() not in (results / "predictions.csv").read_bytes()
    assert PLANTED[0].encode() not in (results / "predictions.csv").read_bytes()
