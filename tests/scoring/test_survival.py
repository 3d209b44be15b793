"""Killed, without room, twice at once: the results are those of an undisturbed run."""

import os
import random
import shutil
import subprocess
import sys
import time
from pathlib import Path

import pandas as pd
import pytest
import yaml

from pneumo.site.sitekey import site_key

ROOT = Path(__file__).parents[2]
KILLS = int(os.environ.get("PNEUMO_KILLS", "4"))

pytestmark = [pytest.mark.usefixtures("cache"), pytest.mark.slow, pytest.mark.outage]
KEY = Path(".pneumo/site.key")
"""The site's key of this process, with which the undisturbed run named people."""


@pytest.fixture
def workspace(tmp_path):
    """A folder whose settings finish four radiographs at a time."""
    settings = yaml.safe_load((ROOT / "recipes/demo.yaml").read_text())
    settings["score"] |= {"task_images": 4, "batch_size": 4, "engine": "openvino"}
    (tmp_path / "params.yaml").write_text(yaml.safe_dump(settings))
    (tmp_path / KEY).parent.mkdir()
    (tmp_path / KEY).write_bytes(site_key())
    (tmp_path / KEY).chmod(0o600)
    return tmp_path


def start(workspace, source, package, limit: str = "") -> subprocess.Popen:
    pneumo = Path(sys.executable).with_name("pneumo")
    command = f"{limit} exec {pneumo} score {source} results --model {package}"
    return subprocess.Popen(
        ["bash", "-c", command], cwd=workspace, stderr=subprocess.PIPE, stdout=subprocess.PIPE,
        text=True,
    )  # fmt: skip


def assert_same(results, undisturbed):
    """Equal bytes of the submission, equal rows but for their time and place."""
    both = (results, undisturbed)
    one, other = ((out / "submission.csv").read_bytes() for out in both)
    assert one == other
    tables = [pd.read_parquet(out / "predictions.parquet") for out in both]
    one, other = (table.drop(columns=["seconds"]) for table in tables)
    pd.testing.assert_frame_equal(one, other)
    pictures = [
        sorted(p.name for p in (out / "overlays").iterdir()) for out in (results, undisturbed)
    ]
    assert pictures[0] == pictures[1]
    assert all(path.stat().st_size > 1000 for path in (results / "overlays").iterdir())
    assert not list(results.glob("*.part"))


@pytest.mark.timeout(60 + 30 * KILLS)
def test_killed_at_any_moment_and_run_again_nothing_is_lost_doubled_or_torn(
    workspace, inbox, balanced_package, undisturbed
):
    chance = random.Random(1)
    kills = finished = 0
    longest = 6.0
    while kills < KILLS or not finished:
        began = time.monotonic()
        run = start(workspace, inbox.folder, balanced_package)
        try:
            run.communicate(timeout=chance.uniform(0.5, longest) if kills < KILLS else 60)
        except subprocess.TimeoutExpired:
            run.kill()
            run.communicate()
            kills += 1
            continue
        assert run.returncode == 3
        longest = max(2.0, time.monotonic() - began)
        finished += 1
        assert_same(workspace / "results", undisturbed)
        shutil.rmtree(workspace / "results")
    print(f"{kills} kills, {finished} runs came to their end")


@pytest.mark.parametrize("blocks", [2, 40])
def test_without_room_it_says_so_and_goes_on_when_there_is_some(
    workspace, inbox, balanced_package, undisturbed, blocks
):
    full = start(workspace, inbox.folder, balanced_package, f"ulimit -f {blocks};")
    _, said = full.communicate(timeout=60)
    assert full.returncode == 2, said
    assert "results: there is no room left; make room and run the same again" in said
    assert "Traceback" not in said
    assert not (workspace / "results/summary.json").exists()
    run = start(workspace, inbox.folder, balanced_package)
    assert run.wait(60) == 3, run.communicate()
    assert_same(workspace / "results", undisturbed)


@pytest.fixture
def small_disk(workspace):
    """The results on a file system of 3 MiB that the test can fill and enlarge."""
    place = workspace / "results"
    place.mkdir()
    mount = ["mount", "-t", "tmpfs", "-o", "size=3M", "tmpfs", str(place)]
    if os.getuid() or subprocess.run(mount, capture_output=True).returncode:
        pytest.skip("only root may mount a small file system")
    yield place
    subprocess.run(["umount", str(place)], check=True)


def test_a_disk_that_was_full_and_is_freed_holds_the_whole_result(
    workspace, inbox, balanced_package, undisturbed, small_disk
):
    full = start(workspace, inbox.folder, balanced_package)
    _, said = full.communicate(timeout=60)
    assert full.returncode == 2, said
    assert "there is no room left" in said
    finished = list(small_disk.glob("shards/*/*/part.json"))
    subprocess.run(["mount", "-o", "remount,size=99M", str(small_disk)], check=True)
    run = start(workspace, inbox.folder, balanced_package)
    assert run.wait(60) == 3
    assert_same(small_disk, undisturbed)
    assert finished
    assert set(finished) <= set(small_disk.glob("shards/*/*/part.json"))


def test_two_runs_at_once_share_the_work(workspace, inbox, balanced_package, undisturbed):
    runs = [start(workspace, inbox.folder, balanced_package) for _ in range(2)]
    said = [run.communicate(timeout=90)[1] for run in runs]
    assert [run.returncode for run in runs] == [3, 3], said
    assert_same(workspace / "results", undisturbed)
    parts = list((workspace / "results/shards").glob("*/*/rows.parquet"))
    contents = pd.concat([pd.read_parquet(path) for path in parts])["content"]
    assert contents.is_unique


def test_other_files_are_not_mixed_in_while_a_run_is_on_its_way(
    workspace, inbox, balanced_package, undisturbed
):
    first = start(workspace, inbox.folder, balanced_package)
    while not (workspace / "results/.scoring/running").exists() and first.poll() is None:
        time.sleep(0.02)
    second = start(workspace, inbox.folder / "grey.png", balanced_package)
    _, said = second.communicate(timeout=60)
    first.communicate(timeout=60)
    assert (first.returncode, second.returncode) == (3, 2)
    assert "another run scores other files into it" in said
    assert_same(workspace / "results", undisturbed)
