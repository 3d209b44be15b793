"""Git is asked about the checkout and no other, and its absence is a line."""

import shutil
import subprocess
import sys

import pytest

from pneumo.base import git
from pneumo.base.errors import PneumoError
from pneumo.cli import app
from pneumo.servers import config, environment
from pneumo.workflow.clones import begin


def repository(folder, text):
    """A repository of one commit; gives the commit, as git itself says."""
    folder.mkdir()
    (folder / "dvc.yaml").write_text(text)
    who = ["-c", "user.name=t", "-c", "user.email=t@localhost"]
    for words in (["init", "-q"], ["add", "."], [*who, "commit", "-q", "-m", text]):
        subprocess.run(["git", *words], cwd=folder, check=True)
    said = subprocess.run(
        ["git", "rev-parse", "HEAD"], cwd=folder, check=True, capture_output=True, text=True
    )
    return said.stdout.strip()


@pytest.fixture
def two(tmp_path, monkeypatch):
    """A checkout, and another repository whose hook runs this."""
    ours, theirs = tmp_path / "ours", tmp_path / "theirs"
    commits = repository(ours, "ours"), repository(theirs, "theirs")
    monkeypatch.setenv("GIT_DIR", str(theirs / ".git"))
    monkeypatch.setenv("GIT_WORK_TREE", str(theirs))
    monkeypatch.setenv("GIT_INDEX_FILE", str(theirs / ".git/index"))
    return ours, *commits


def test_a_hook_of_another_repository_leads_no_call_of_git_there(two):
    ours, commit, other = two
    assert commit != other
    assert git.commit_of(ours) == commit
    assert begin(ours, "params.yaml").commit == commit


def test_the_command_line_and_the_servers_forget_the_hook(two, monkeypatch):
    monkeypatch.setattr(sys, "argv", ["pneumo", "recipe"])
    place = config.load(two[0])
    assert not {"GIT_DIR", "GIT_WORK_TREE"} & set(environment.of_servers(place, "mlflow"))
    with pytest.raises(SystemExit):
        app.main()
    assert subprocess.run(["git", "rev-parse", "HEAD"], cwd=two[0], capture_output=True).stdout == (
        two[1].encode() + b"\n"
    )


def test_a_source_without_a_repository_has_no_commit_and_says_what_needs_one(tmp_path):
    assert git.commit_of(tmp_path) == "unknown"
    with pytest.raises(PneumoError, match="is in no git repository, which this needs") as caught:
        begin(tmp_path, "params.yaml")
    assert caught.value.exit_code == 2
    assert "\n" not in str(caught.value)


def test_a_source_unpacked_in_another_repository_does_not_take_its_commit(tmp_path):
    repository(tmp_path / "theirs", "theirs")
    inside = tmp_path / "theirs" / "pneumo-main"
    inside.mkdir()
    (inside / "dvc.yaml").write_text("ours")
    assert git.commit_of(inside) == "unknown"


def test_a_machine_without_git_says_so(tmp_path, monkeypatch):
    monkeypatch.setenv("PATH", str(tmp_path))
    assert shutil.which("git") is None
    assert git.commit_of(tmp_path) == "unknown"
    with pytest.raises(PneumoError, match="git: not installed"):
        git.ask(tmp_path, "status")
