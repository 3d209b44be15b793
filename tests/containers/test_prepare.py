"""What `docker/prepare.py` makes: for whom, of which commit, and again."""

import json
import os
import subprocess
import sys

import pytest

from tests.containers.files import ROOT, as_nobody, checkout, git, prepare, stages


@pytest.fixture
def here(tmp_path):
    return checkout(tmp_path / "here")


def test_root_is_refused_unless_it_is_said_and_then_no_container_is_roots(here):
    if os.getuid():
        pytest.skip("only root can be refused")
    done = subprocess.run(
        [sys.executable, here / "docker/prepare.py"], capture_output=True, text=True
    )
    assert (done.returncode, done.stdout) == (2, "")
    assert done.stderr.startswith("prepare.py: ")
    assert prepare(here).returncode == 0
    user = (here / "docker/.env").read_text().strip().removeprefix("PNEUMO_UID=")
    assert f"ARG PNEUMO_UID={user}" in stages()["user"]  # which the images have, and is not 0
    made = [here / "docker/secrets", here / "docker/state"]
    for path in [*made, *(path for folder in made for path in folder.rglob("*"))]:
        assert path.stat().st_uid == int(user) > 0, path


def test_another_user_makes_them_for_himself(tmp_path):
    folder = checkout(tmp_path / "here")
    if os.getuid() == 0:  # pytest's folder is root's alone
        for path in (folder, *folder.rglob("*")):
            os.chown(path, 65534, 65534)
        for path in (tmp_path, *tmp_path.parents[:2]):
            path.chmod(0o755)
    done = subprocess.run(
        as_nobody(sys.executable, folder / "docker/prepare.py"),
        env={"PATH": os.environ["PATH"], "HOME": str(folder)}, capture_output=True, text=True,
    )  # fmt: skip
    if "Permission denied" in done.stderr and "python" in done.stderr:
        pytest.skip("this Python is for its owner alone")
    assert done.returncode == 0, done.stderr
    owner = (folder / "docker/secrets/all.json").stat().st_uid
    assert (folder / "docker/.env").read_text() == f"PNEUMO_UID={owner}\n"


def test_another_number_in_the_settings_is_named(here):
    (here / "docker/.env").write_text("PNEUMO_UID=0\n")
    done = prepare(here)
    assert done.returncode == 2
    assert done.stderr.count("\n") == 1
    assert ".env: PNEUMO_UID is not" in done.stderr


def test_what_is_deployed_is_what_is_committed_at_each_call(here):
    for text in ("second", "third"):
        (here / "dags.py").write_text(text)
        git(here, "add", "dags.py")
        git(here, "-c", "user.name=a", "-c", "user.email=a@localhost", "commit", "-q", "-m", text)
        (here / "dags.py").write_text("not committed")
        assert prepare(here).returncode == 0
        deployed = here / "docker/state/origin.git"
        assert git(deployed, "show", "main:dags.py") == text
        assert git(deployed, "rev-parse", "HEAD") == git(here, "rev-parse", "HEAD")


def test_another_checkout_can_be_deployed(here, tmp_path):
    other = checkout(tmp_path / "other")
    (other / "only-here").touch()
    git(other, "add", "--all")
    git(other, "-c", "user.name=a", "-c", "user.email=a@localhost", "commit", "-q", "-m", "b")
    assert prepare(here, PNEUMO_REPOSITORY=str(other)).returncode == 0
    assert "only-here" in git(here / "docker/state/origin.git", "ls-tree", "--name-only", "main")


def test_a_folder_without_commits_is_said_and_the_secrets_are_made(here):
    git(here, "update-ref", "-d", "HEAD")
    done = prepare(here)
    assert done.returncode == 0
    assert "has no commit to give" in done.stdout
    assert (here / "docker/secrets/broker").exists()


def test_airflow_and_mlflow_have_passwords_of_their_own(here):
    prepare(here)
    secrets = here / "docker/secrets"
    (airflow,) = json.loads((secrets / "airflow_passwords").read_text()).values()
    mlflow = (secrets / "mlflow_password").read_text().strip()
    assert airflow == (secrets / "admin_password").read_text().strip() != mlflow
    for name in ("mlflow_auth.ini", "mlflow_credentials"):
        assert mlflow in (secrets / name).read_text()


def test_an_installation_with_one_password_for_both_keeps_it(here):
    prepare(here)
    secrets = here / "docker/secrets"
    made = json.loads((secrets / "all.json").read_text())
    del made["mlflow_admin"]
    (secrets / "all.json").write_text(json.dumps(made))
    (secrets / "mlflow_credentials").unlink()
    assert prepare(here).returncode == 0
    assert made["admin"] in (secrets / "mlflow_credentials").read_text()


def test_hooks_of_the_callers_template_are_in_no_repository(here, tmp_path):
    template = tmp_path / "template"
    (template / "hooks").mkdir(parents=True)
    (template / "hooks/post-receive").write_text("#!/bin/sh\n")
    assert prepare(here, GIT_TEMPLATE_DIR=str(template)).returncode == 0
    assert not list((here / "docker/state").rglob("hooks/*"))
    assert (ROOT / "docker/.gitignore").read_text().splitlines() == [
        "/secrets/",
        "/state/",
        "/.env",
    ]
