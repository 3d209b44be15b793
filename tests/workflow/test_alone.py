"""Two runs that want the same data at once: one waits for the other, where DVC alone would fail."""

import os
import subprocess
import sys
import time
from pathlib import Path

import pytest

from pneumo import workflow

STAGES = """
stages:
  validate:
    cmd: echo x >> runs; touch begun; sleep 3; echo done > told
    deps: [data]
    outs: [told]
"""


@pytest.fixture
def repository(tmp_path):
    """A DVC repository with one slow stage, and a shell in it."""
    names = {"PATH": f"{Path(sys.executable).parent}:{os.environ['PATH']}"}
    (tmp_path / "dvc.yaml").write_text(STAGES)
    (tmp_path / "data").write_text("1")
    subprocess.run(["dvc", "init", "-q", "--no-scm"], cwd=tmp_path, env=os.environ | names)

    def start(line: str) -> subprocess.Popen:
        return subprocess.Popen(
            ["bash", "-c", line], cwd=tmp_path, env=os.environ | names, text=True,
            stdout=subprocess.PIPE, stderr=subprocess.STDOUT,
        )  # fmt: skip

    return tmp_path, start


@pytest.mark.slow
def test_a_stage_on_raw_data_that_another_run_is_at_waits_for_it(repository):
    folder, start = repository
    first = start(workflow.stage("validate"))
    while not (folder / "begun").exists():
        assert first.poll() is None, first.stdout.read()
        time.sleep(0.05)
    second = start(workflow.stage("validate"))
    said = [process.communicate(timeout=120)[0] for process in (first, second)]
    assert (first.returncode, second.returncode) == (0, 0), said
    assert (folder / "runs").read_text() == "x\n"  # the second found it done
    assert "didn't change" in said[1]


def test_a_command_that_is_not_there_is_a_line(repository):
    done = repository[1]("pneumo task alone -- no-such-command")
    said = done.communicate(timeout=60)[0]
    assert (done.returncode, said) == (
        2, "no-such-command: cannot be run: No such file or directory\n",
    )  # fmt: skip
