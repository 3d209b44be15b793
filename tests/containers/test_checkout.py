"""The entrypoint of the images: a checkout that is whole, whatever it finds in its folder."""

import os
import shutil
import subprocess
import tempfile
from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.containers.files import ROOT, as_nobody, stages

SCRIPT = (ROOT / "docker/checkout.sh").read_text()
NOBODY = {"GIT_TEST_ASSUME_DIFFERENT_OWNER": "1"}
"""git takes every folder for another user's."""


class Machine:
    """Folders in the place of ``/srv/origin`` and ``/srv/pneumo``, and git as the image has it."""

    def __init__(self, folder: Path):
        self.origin, self.checkout = folder / "origin", folder / "pneumo"
        self.checkout.mkdir()
        self.environment = {
            "PATH": os.environ["PATH"], "HOME": str(folder), "PNEUMO_ORIGIN": str(self.origin),
            "GIT_CONFIG_SYSTEM": str(folder / "gitconfig"),
        }  # fmt: skip
        subprocess.run(["git", "init", "-q", "-b", "main", self.origin], check=True)
        self.commit("dags/train.py", "first")

    def here(self, text: str) -> str:
        """``text`` with the folders of this machine for those of the image."""
        for name in (self.origin, self.checkout):
            text = text.replace(f"/srv/{name.name}", str(name))
        return text

    def commit(self, name: str, text: str) -> None:
        (self.origin / name).parent.mkdir(exist_ok=True)
        (self.origin / name).write_text(text)
        self.git("add", "--all", where=self.origin)
        who = ("-c", "user.name=a", "-c", "user.email=a@localhost")
        self.git(*who, "commit", "-q", "-m", text, where=self.origin)

    def git(self, *words: str, where: Path | None = None, **more: str) -> str:
        return subprocess.run(
            ["git", *words], cwd=where or self.checkout, env={**self.environment, **more},
            capture_output=True, text=True, check=True,
        ).stdout.strip()  # fmt: skip

    def start(self, **more: str) -> subprocess.CompletedProcess:
        """Run the entrypoint; the command that it becomes prints ``started``."""
        return subprocess.run(
            ["sh", "-c", self.here(SCRIPT), "checkout", "echo", "started"],
            env={**self.environment, **more}, capture_output=True, text=True,
        )  # fmt: skip

    def trusts(self) -> None:
        """Tell git of the folders that the image's git trusts."""
        (line,) = [line for line in stages()["machine"] if "safe.directory" in line]
        subprocess.run(["sh", "-ec", self.here(line[4:])], env=self.environment, check=True)

    def is_whole(self) -> None:
        """The checkout is what the origin has committed, and every file is there."""
        assert self.git("rev-parse", "HEAD") == self.git("rev-parse", "HEAD", where=self.origin)
        assert self.git("status", "--porcelain") == ""


@pytest.fixture
def machine(tmp_path) -> Machine:
    return Machine(tmp_path)


def test_the_first_start_clones_and_later_ones_follow(machine):
    (machine.checkout / ".pneumo").mkdir()  # of a volume that is not empty, such as lost+found
    for text in ("first", "second"):
        machine.commit("dags/score.py", f"score {text}")
        assert machine.start().stdout == "started\n"
        machine.is_whole()


def test_a_checkout_whose_origin_is_away_stays(machine):
    machine.start()
    machine.origin.rename(machine.origin.with_name("away"))
    done = machine.start()
    assert done.stdout == "started\n"
    assert "not reached" in done.stderr
    assert (machine.checkout / "dags/train.py").read_text() == "first"


def test_a_clone_that_was_killed_is_begun_anew(machine):
    machine.git("init", "-q", "-b", "main")  # a clone begins so, and ends with its commits
    machine.git("init", "-q", "-b", "main", ".clone")
    (machine.checkout / "dags").mkdir()
    (machine.checkout / "dags/train.py").write_text("hal")
    assert machine.start().stdout == "started\n"
    machine.is_whole()


def test_without_its_origin_a_first_start_fails_and_leaves_no_checkout(machine):
    machine.origin.rename(machine.origin.with_name("away"))
    assert machine.start().returncode != 0
    assert not (machine.checkout / ".git").exists()


@pytest.mark.parametrize("fetched", [True, False])
def test_an_update_that_was_killed_is_ended(machine, fetched):
    machine.start()
    machine.commit("dags/score.py", "score")
    machine.commit("dags/train.py", "second")
    if fetched:
        machine.git("fetch", "-q")
        (machine.checkout / "dags/score.py").write_text("sco")
    (machine.checkout / "dags/train.py").unlink()
    (machine.checkout / ".git/index.lock").touch()
    assert machine.start().stdout == "started\n"
    machine.is_whole()


def test_folders_of_another_owner_are_those_that_git_is_told_of(machine):
    assert "dubious ownership" in machine.start(**NOBODY).stderr
    machine.trusts()
    for text in ("first", "second"):
        machine.commit("dags/score.py", f"score {text}")
        done = machine.start(**NOBODY)
        assert (done.returncode, done.stdout, done.stderr) == (0, "started\n", "")
        machine.is_whole()
    machine.git("push", "-q", "origin", "HEAD:refs/heads/runs/1", **NOBODY)


def test_branches_of_runs_go_where_compose_says(machine):
    machine.start()
    assert machine.git("remote", "get-url", "--push", "origin") == str(machine.origin)
    machine.start(PNEUMO_RUNS="/srv/runs")
    assert machine.git("remote", "get-url", "--push", "origin") == "/srv/runs"
    assert machine.git("remote", "get-url", "origin") == str(machine.origin)
    assert machine.start().stdout == "started\n"


@pytest.fixture
def elsewhere() -> Iterator[Path]:
    """A folder that everybody may enter, unlike pytest's."""
    folder = Path(tempfile.mkdtemp())
    folder.chmod(0o755)
    yield folder
    shutil.rmtree(folder)


@pytest.mark.parametrize("mode", [0o440, 0o400, 0o444])
def test_airflow_can_write_to_its_copy_of_a_secret_that_nobody_can_write_to(elsewhere, mode):
    secret, home, work = (elsewhere / name for name in ("airflow_passwords", "home", "work"))
    secret.write_text('{"admin": "word"}')
    secret.chmod(mode)
    for folder in (home, work):
        folder.mkdir()
        folder.chmod(0o777)
    if os.getuid() == 0:  # a pod's secrets are root's, and its group's; Compose's are the user's
        os.chown(secret, 65534 if mode == 0o400 else 0, 65534)
    subprocess.run(["git", "init", "-q", "-b", "main", elsewhere / "origin"], check=True)
    who = ("-c", "user.name=a", "-c", "user.email=a@localhost")
    committed = ["git", *who, "commit", "-q", "--allow-empty", "-m", "a"]
    subprocess.run(committed, cwd=elsewhere / "origin", check=True)
    (elsewhere / "gitconfig").write_text("[safe]\n\tdirectory = *\n")
    script = SCRIPT.replace("/run/secrets/airflow_passwords", str(secret))
    script = script.replace("/srv/pneumo", str(work))
    opens = 'printf more >> "$AIRFLOW_HOME/passwords.json" && cat "$AIRFLOW_HOME/passwords.json"'
    (home / "passwords.json").write_text("of an earlier start")
    (home / "passwords.json").chmod(0o400)
    if os.getuid() == 0:
        os.chown(home / "passwords.json", 65534, 65534)
    for _ in range(2):
        done = subprocess.run(
            as_nobody("sh", "-c", script, "checkout", "sh", "-c", opens), cwd=work,
            env={"PATH": os.environ["PATH"], "HOME": str(home), "AIRFLOW_HOME": str(home),
                 "GIT_CONFIG_SYSTEM": str(elsewhere / "gitconfig"),
                 "PNEUMO_ORIGIN": str(elsewhere / "origin")},
            capture_output=True, text=True,
        )  # fmt: skip
        assert done.stdout == '{"admin": "word"}more', done.stderr
        assert (home / "passwords.json").stat().st_mode & 0o777 == 0o600
        assert secret.read_text() == '{"admin": "word"}'
