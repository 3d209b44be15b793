import json
import os
import re
import subprocess
import sys
import tomllib
from pathlib import Path
from shutil import copytree

import pytest

from pneumo.cli.app import app
from pneumo.cli.commands import registry, task

ROOT = Path(__file__).parents[2]
COMMANDS = {c.callback.__name__.replace("_", "-"): c.callback for c in app.registered_commands}


def pneumo(*words: str, cwd: Path = ROOT) -> subprocess.CompletedProcess:
    command = [str(Path(sys.executable).with_name("pneumo")), *words]
    return subprocess.run(command, cwd=cwd, capture_output=True, text=True, timeout=120)


@pytest.fixture
def checkout(tmp_path):
    copytree(ROOT / "recipes", tmp_path / "recipes")
    (tmp_path / "params.yaml").write_text((ROOT / "recipes/demo.yaml").read_text())
    return tmp_path


@pytest.mark.parametrize("command", COMMANDS)
def test_every_command_has_help_with_an_example(command):
    assert f"Example: `pneumo {command}" in COMMANDS[command].__doc__


@pytest.mark.parametrize("command", registry.COMMANDS)
def test_every_command_of_the_registry_has_help_with_an_example(command):
    (found,) = [c for c in registry.app.registered_commands if c.name == command]
    assert f"Example: `pneumo registry {command}" in found.callback.__doc__


@pytest.mark.parametrize("command", task.COMMANDS)
def test_every_command_of_a_task_has_help_with_an_example(command):
    (found,) = [c for c in task.app.registered_commands if c.name == command]
    assert f"Example: `pneumo task {command}" in found.callback.__doc__


def test_the_version_is_that_of_the_project_and_names_the_commit(tmp_path):
    project = tomllib.loads((ROOT / "pyproject.toml").read_text())["project"]
    git = ["git", "rev-parse", "HEAD"]
    commit = subprocess.run(git, cwd=ROOT, capture_output=True, text=True).stdout.strip()
    said = pneumo("--version", cwd=tmp_path).stdout
    assert said.rstrip("+\n") == f"pneumo {project['version']}, commit {commit or 'unknown'}"


def test_where_no_git_is_the_version_names_the_commit_of_its_image(tmp_path):
    copytree(ROOT / "pneumo", tmp_path / "site" / "pneumo")
    line = [sys.executable, "-c", "from pneumo.cli.app import main; main()", "--version"]
    env = {**os.environ, "PYTHONPATH": str(tmp_path / "site"), "PNEUMO_COMMIT": "0123abc"}
    said = subprocess.run(line, cwd=tmp_path, env=env, capture_output=True, text=True, check=True)
    assert said.stdout.endswith(", commit 0123abc\n")


def test_the_changelog_has_a_section_of_this_version_with_a_day():
    version = tomllib.loads((ROOT / "pyproject.toml").read_text())["project"]["version"]
    text = (ROOT / "CHANGELOG.md").read_text()
    heads = re.findall(r"^## (.+)$", text, re.M)
    assert heads[0] == "Unreleased"
    assert re.fullmatch(rf"{re.escape(version)} - \d{{4}}-\d\d-\d\d", heads[1])
    kinds = {"Added", "Changed", "Deprecated", "Removed", "Fixed", "Security"}
    assert set(re.findall(r"^### (.+)$", text, re.M)) <= kinds


def test_a_setting_is_printed_bare(checkout):
    assert pneumo("settings", "data.root", cwd=checkout).stdout == "data/demo\n"


def test_all_settings_are_json(checkout):
    assert json.loads(pneumo("settings", cwd=checkout).stdout)["data"]["size_px"] == 64


def test_a_recipe_is_installed_and_shows_what_changed(checkout):
    done = pneumo("recipe", "seed", cwd=checkout)
    assert done.returncode == 0
    assert "data.size_px: 64 -> 128\n" in done.stdout
    assert (checkout / "params.yaml").read_text() == (ROOT / "recipes/seed.yaml").read_text()
    assert "nothing changes" in pneumo("recipe", "seed", cwd=checkout).stdout


def test_the_recipes_are_listed_with_what_each_is_for(checkout):
    lines = pneumo("recipe", cwd=checkout).stdout.splitlines()
    assert [line.split()[0] for line in lines] == ["demo", "few", "rsna", "seed"]
    assert lines[3].endswith("(0.1134 on the challenge's private leaderboard).")


@pytest.mark.parametrize(
    ("words", "complaint"),
    [
        (["recipe", "nosuch"], "no such recipe; there are demo, few, rsna, seed"),
        (["settings", "data.roof"], "there is no setting 'data.roof'"),
        (["validate", "out.json", "docs"], "set data.root in params.yaml"),
        (["tune", "nowhere", "models", "out.json", "told.json"], "run `pneumo prepare`"),
        (["train", "unet", "a", "b"], "is not one of unet_resnet152"),
        (["metric", "no.csv", "no.csv"], "no.csv: cannot be read: no such file"),
        (["metric", "recipes", "no.csv"], "recipes: cannot be read: it is a folder; name a file"),
        (["check", "nowhere"], "nowhere: there is no such file or folder; correct its name"),
        (
            ["explore", "params.yaml", "--out", "e.html"],
            "params.yaml: is a file, not a folder; set data.root",
        ),
        (["score", "recipes", "out", "--model", "nowhere"], "nowhere: is neither a registered"),
        (["no-such-command"], "No such command"),
    ],
)
def test_a_users_mistake_is_one_message_and_exit_code_2(checkout, words, complaint):
    done = pneumo(*words, cwd=checkout)
    assert done.returncode == 2
    assert complaint in " ".join(done.stderr.replace("│", " ").split())
    assert "Traceback" not in done.stderr


def test_promote_and_score_say_how_to_get_a_server(checkout, monkeypatch, demo_root):
    monkeypatch.delenv("MLFLOW_TRACKING_URI", raising=False)
    done = pneumo("score", str(demo_root), "results", cwd=checkout)
    assert done.returncode == 1
    assert "run `pneumo up`" in done.stderr


def test_metric_prints_the_score_of_a_submission(tmp_path, demo_root):
    labels = demo_root / "stage_2_train_labels.csv"
    from pneumo.dataset.rsna import format_submission, read_labels

    submission = tmp_path / "perfect.csv"
    submission.write_text(format_submission(read_labels(labels)))
    assert pneumo("metric", str(labels), str(submission)).stdout == "1.000000\n"
    found = json.loads(pneumo("metric", str(labels), str(submission), "--json").stdout)
    assert found == {"map": 1.0, "images": 36}
    submission.write_text("patientId,PredictionString\nnobody,\n")
    assert "'nobody'" in pneumo("metric", str(labels), str(submission)).stderr


def test_metric_counts_the_images_that_only_one_of_two_files_has(tmp_path):
    truth, submission = tmp_path / "truth.csv", tmp_path / "submission.csv"
    truth.write_text("patientId,x,y,width,height,Target\nA1,1,2,30,40,1\nb,1,2,30,40,1\nc,,,,,0\n")
    submission.write_text("patientId,PredictionString\na1.dcm,0.9 1 2 30 40\nstray,\n")
    done = pneumo("metric", str(truth), str(submission))
    assert done.stdout == "0.500000\n"  # A1 is hit, b is missed, c is left out
    assert done.stderr.splitlines() == [
        f"{submission}: 1 IDs are not in {truth}, the first 'stray'; left out",
        f"{submission}: 2 of 3 images are missing, the first 'b'; they count as not called",
    ]
