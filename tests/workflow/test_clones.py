"""Tasks in clones of their own: two workers that share a git repository and a DVC remote only."""

import json
import os
import signal
import subprocess
import sys
import time
from pathlib import Path

import psutil
import pytest

from pneumo.workflow.clones import begin, own_clone

pytestmark = pytest.mark.slow

BIN = Path(sys.executable).parent
ROOT = Path(__file__).parents[2]

PIPELINE = """
stages:
  first:
    cmd: echo first >> $LOG; python -c "import words; print(words.SAID)" > first.txt
    deps: [words.py]
    outs: [first.txt]
  second:
    matrix:
      name: [a, b]
    cmd: >-
      echo ${item.name} >> $LOG; mkdir -p results; touch results/.kept-${item.name};
      ls results/.kept-* | wc -l >> $LOG; [ ! -e $LOG.slow ] || sleep 987;
      [ ! -e $LOG.meet ] || { touch $LOG.${item.name}; timeout 60 bash -c
      'until [ -e $LOG.a -a -e $LOG.b ]; do sleep 0.1; done'; };
      [ ! -e $LOG.wrong ] || pneumo settings wrong || exit 7;
      [ ! -e $LOG.broken ] && cp first.txt results/${item.name}
    deps: [first.txt]
    outs: ["results/${item.name}"]
  third:
    cmd: echo third >> $LOG; cat results/* > third.txt
    deps: [results/a, results/b]
    outs: [third.txt]
"""


class Site:
    """A bare repository, a DVC remote, and workers: checkouts with a cache each."""

    def __init__(self, folder: Path) -> None:
        self.folder, self.log = folder, folder / "log"
        self.handed: list[str] = []
        first = folder / "first"
        first.mkdir(parents=True)
        (first / "dvc.yaml").write_text(PIPELINE)
        (first / "words.py").write_text("SAID = 'committed'\n")
        (first / "params.yaml").write_text("models: []\n")
        shell(first, "git init -q -b main && dvc init -q")
        shell(first, f"dvc remote add -q -d store {folder}/store")
        shell(first, "git add -A && git -c user.name=A -c user.email=a@b commit -qm first")
        shell(folder, "git clone -q --bare first site")

    def worker(self, name: str) -> Path:
        shell(self.folder, f"git clone -q site {name}")
        return self.folder / name

    def start(self, worker: Path, line: str) -> subprocess.Popen:
        env = os.environ | {
            "PATH": f"{BIN}:{os.environ['PATH']}",
            "LOG": str(self.log),
            "PNEUMO_HANDED": json.dumps(self.handed),
            "AIRFLOW_CTX_DAG_RUN_ID": "manual__2026-01-01T00:00:00+00:00",
        }
        command = ["pneumo", "task", *line.split()]
        pipe = subprocess.PIPE
        return subprocess.Popen(command, cwd=worker, env=env, text=True, stdout=pipe, stderr=pipe)

    def task(self, worker: Path, line: str, code: int = 0) -> str:
        """Run a task to its end; its last line is handed on."""
        return self.end(self.start(worker, line), code)

    def end(self, task: subprocess.Popen, code: int = 0) -> str:
        out, err = task.communicate(timeout=300)
        assert task.returncode == code, out + err
        if code == 0:
            self.handed.append(out.splitlines()[-1])
        return out + err

    def said(self) -> list[str]:
        return self.log.read_text().split() if self.log.exists() else []


def shell(folder: Path, line: str) -> str:
    env = os.environ | {"PATH": f"{BIN}:{os.environ['PATH']}"}
    done = subprocess.run(["bash", "-c", line], cwd=folder, env=env, capture_output=True, text=True)
    assert done.returncode == 0, done.stdout + done.stderr
    return done.stdout + done.stderr


@pytest.fixture
def site(tmp_path) -> Site:
    return Site(tmp_path)


@pytest.fixture
def one(site) -> Path:
    """A worker that has begun a run and done its first stage."""
    worker = site.worker("one")
    site.task(worker, "start")
    site.task(worker, "stage first")
    return worker


def test_tasks_on_two_workers_make_what_a_third_clone_pulls_with_nothing_left_to_do(site):
    one, other = site.worker("one"), site.worker("other")
    site.task(one, "start")
    (one / "words.py").write_text("SAID = 'not committed'\n")  # a run is of a commit
    site.task(one, "stage first")
    (site.folder / "log.meet").touch()
    both = [site.start(one, "stage second@a"), site.start(one, "stage second@b")]
    for task in both:  # each waits inside its work until the other is there, too
        site.end(task)
    site.task(other, "stage third")
    assert json.loads(site.task(other, "finish").splitlines()[-1])["branch"].startswith("runs/")
    assert sorted(site.said()) == sorted(["first", "a", "1", "b", "1", "third"])
    third = site.worker("third")
    shell(third, "git checkout -q runs/manual__2026-01-01T00-00-00-00-00 && dvc pull -q")
    assert "up to date" in shell(third, "dvc repro")
    assert (third / "third.txt").read_text() == "committed\n" * 2
    assert not list(one.glob(".pneumo/clones/manual-*")), "clones of successes are removed"


def test_what_was_made_before_comes_from_the_run_cache_on_any_worker(site):
    one, other = site.worker("one"), site.worker("other")
    site.task(one, "start")
    site.task(one, "stage first")
    site.handed = site.handed[:1]
    again = site.task(other, "stage first")
    assert site.said() == ["first"]
    assert "is cached - skipping run" in again


def test_a_retry_takes_up_what_its_former_try_kept_beside_its_output(site, one):
    (site.folder / "log.broken").touch()
    said = site.task(one, "stage second@a", code=1)
    assert "dvc repro failed" in said
    assert "Traceback" not in said
    (site.folder / "log.broken").unlink()
    (one / ".pneumo/clones/manual-second-a/results/.kept-of-the-first-try").touch()
    site.task(one, "stage second@a")
    assert site.said() == ["first", "a", "1", "a", "2"]


def test_a_stage_that_was_told_wrong_ends_the_task_as_a_mistake(site, one):
    (site.folder / "log.wrong").touch()
    said = site.task(one, "stage second@a", code=2)
    assert said.splitlines()[-1] == "dvc repro: the stage cannot be done; its message is above"
    assert "exited with 7" in said  # what DVC says is not what counts


def test_an_exit_code_is_left_in_the_file_that_the_environment_names(tmp_path):
    for words, code in (("settings wrong", 2), ("models --help", 0)):
        env = os.environ | {"PNEUMO_ENDED": str(tmp_path / "code")}
        subprocess.run([BIN / "pneumo", *words.split()], env=env, cwd=tmp_path, capture_output=True)
        assert (tmp_path / "code").read_text() == str(code)


def test_a_run_is_pushed_where_its_checkout_is_pushed_to_and_nowhere_else(site, one):
    shell(site.folder, "git init -q --bare runs")
    shell(one, f"git remote set-url --push origin {site.folder}/runs")
    before = shell(site.folder, "git -C site for-each-ref")
    told = json.loads(site.task(one, "finish").splitlines()[-1])
    assert shell(site.folder, f"git -C runs rev-parse {told['branch']}").strip() == told["commit"]
    assert shell(site.folder, "git -C site for-each-ref") == before


def test_an_origin_that_is_away_is_an_accident(site, one):
    (site.folder / "site").rename(site.folder / "away")
    said = site.task(one, "finish", code=1)
    assert "git push failed" in said
    (site.folder / "away").rename(site.folder / "site")
    site.task(one, "finish")


def test_a_retry_ends_what_a_killed_task_has_left_running(site, one):
    (site.folder / "log.slow").touch()
    first = site.start(one, "stage second@a")
    deadline = time.monotonic() + 60
    while site.said()[1:] != ["a", "1"]:
        assert time.monotonic() < deadline
        time.sleep(0.1)
    orphans = psutil.Process(first.pid).children(recursive=True)
    assert orphans
    (site.folder / "log.slow").unlink()
    site.task(one, "stage second@a")
    assert first.wait(10) == 128 + signal.SIGTERM
    assert not [p for p in orphans if p.is_running() and p.status() != psutil.STATUS_ZOMBIE]


def test_a_clone_has_the_cache_and_the_secrets_of_its_checkout(site, tmp_path):
    one = site.worker("one")
    shell(one, "dvc config cache.dir ../elsewhere && dvc config --local core.remote other")
    with own_clone(one, "task", begin(one, "params.yaml")) as place:
        local = place / ".dvc/config.local"
        assert f"dir = {tmp_path}/elsewhere" in local.read_text()
        assert "remote = other" in local.read_text()
        assert local.stat().st_mode & 0o777 == 0o600
        assert shell(place, "dvc cache dir").strip() == f"{tmp_path}/elsewhere"
    assert not place.exists()


def test_a_commit_that_nobody_has_is_named(site):
    one = site.worker("one")
    site.handed = [json.dumps({"commit": "0" * 40, "recipe": "params.yaml"})]
    assert f"commit {'0' * 40} is neither in" in site.task(one, "stage first", code=2)
    site.handed = []
    assert "pneumo task start" in site.task(one, "stage first", code=2)


def test_a_worker_fetches_a_commit_that_came_after_its_clone(site):
    one, other = site.worker("one"), site.worker("other")
    shell(one, "echo 'SAID = 2' > words.py && git -c user.name=A -c user.email=a@b commit -qam two")
    shell(one, "git push -q")
    site.task(one, "start")
    site.task(other, "stage first")
    assert site.said() == ["first"]
