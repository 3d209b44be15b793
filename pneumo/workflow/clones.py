"""A clone of the checkout for one task: at the run's commit, taken up again by a retry.

Where tasks run on several machines none of them may rely on what another has left in a folder. A
task gets a clone of its own, with its own DVC lock, so that it waits for nobody's transfers; the
clones of one machine share the DVC cache of the checkout.
"""

import configparser
import json
import os
import shutil
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import yaml

from pneumo.base.errors import PneumoError
from pneumo.base.files import whole, write_text
from pneumo.base.git import ask as _git
from pneumo.base.git import run as run_git
from pneumo.base.locks import newest_holds

PLACES = "PNEUMO_CLONES"
"""Environment variable: the folder of this machine's clones; else ``.pneumo/clones``."""

KEEPS = "params.yaml"
"""The recipe that leaves the settings as the commit has them."""

Stages = dict[str, dict[str, Any]]


@dataclass(frozen=True)
class Run:
    """What the tasks of one run share: commit, recipe, and what each lock file will hold.

    ``locks`` has, per lock file of DVC, the entries of the stages that are done.
    """

    commit: str
    recipe: str = KEEPS
    locks: Mapping[str, Stages] = field(default_factory=dict)


def read_run(handed: str) -> Run:
    """Put together what earlier tasks printed: a JSON list of their last lines, None if skipped.

    Raises PneumoError when the first task's line, with the commit, is not among them.
    """
    said = [json.loads(line) for line in json.loads(handed) if line]
    begun = [facts for facts in said if "commit" in facts]
    if not begun:
        raise PneumoError("no task before this one named the run's commit (`pneumo task start`)")
    locks: dict[str, Stages] = {}
    for facts in said:
        for name, stages in facts.get("locks", {}).items():
            locks.setdefault(name, {}).update(stages)
    return Run(begun[0]["commit"], begun[0]["recipe"], locks)


def begin(checkout: Path, recipe: str) -> Run:
    """A run of what ``checkout`` has committed. PneumoError outside a repository."""
    if not (checkout / "recipes" / f"{recipe}.yaml").is_file() and recipe != KEEPS:
        raise PneumoError(f"{recipe}: no such recipe")
    return Run(_git(checkout, "rev-parse", "HEAD"), recipe)


@contextmanager
def own_clone(checkout: Path, name: str, run: Run) -> Iterator[Path]:
    """Hold the clone of the task ``name``, brought to the run's commit, recipe and lock files.

    It is removed when the block succeeds. After an error or a kill it stays, with whatever the
    work keeps beside its outputs to go on from, and the next try on this machine takes it up,
    ending what the former one has left running.
    """
    places = Path(os.environ.get(PLACES) or checkout / ".pneumo" / "clones")
    place = places / name
    with newest_holds(places / f".{name}.lock"):
        _make(checkout, place)
        _bring_to(checkout, place, run)
        yield place
        shutil.rmtree(place)


def push_branch(place: Path, run: Run, branch: str) -> str:
    """Commit the lock files and settings of a clone and push them to the site as ``branch``.

    The site is where the checkout's ``origin`` is pushed to; without one, the checkout itself.
    Returns the commit.
    """
    _git(place, "add", "--force", "--", KEEPS, *run.locks)
    if _git(place, "status", "--porcelain", "--untracked-files=no"):
        who = ("-c", "user.name=pneumo", "-c", "user.email=pneumo@localhost")
        _git(place, *who, "commit", "--quiet", "--no-verify", "--message", f"dvc.lock of {branch}")
    _git(place, "push", "--quiet", "--force", "site", f"HEAD:refs/heads/{branch}")
    return _git(place, "rev-parse", "HEAD")


def _make(checkout: Path, place: Path) -> None:
    """Clone without copying objects; the remote ``site`` is the checkout's own origin.

    The two addresses of an origin may differ: what is run is fetched from one that a worker can
    only read, and what was made is pushed to another.
    """
    if not place.exists():
        with whole(place) as aside:
            _git(checkout, "clone", "--quiet", "--shared", "--no-checkout", str(checkout), aside)
    known = "origin" in _git(checkout, "remote").split()
    for key, way in (("url", ()), ("pushurl", ("--push",))):
        url = _git(checkout, "remote", "get-url", *way, "origin") if known else str(checkout)
        _git(place, "config", f"remote.site.{key}", url)


def _bring_to(checkout: Path, place: Path, run: Run) -> None:
    for left in (place / ".git/index.lock", place / ".dvc/tmp/rwlock"):
        left.unlink(missing_ok=True)  # of a task that was killed
    if not _has(place, run.commit):
        _git(place, "fetch", "--quiet", "site", "+refs/heads/*:refs/remotes/site/*")
    if not _has(place, run.commit):
        raise PneumoError(f"commit {run.commit} is neither in {checkout} nor where it came from")
    _git(place, "checkout", "--quiet", "--force", "--detach", run.commit)
    _git(place, "clean", "--quiet", "--force", "--", "**/dvc.lock")  # of the former try
    if run.recipe != KEEPS:
        shutil.copyfile(place / "recipes" / f"{run.recipe}.yaml", place / KEEPS)
    _share_cache(checkout, place)
    for name, stages in run.locks.items():
        merge_lock(place / name, stages)


def merge_lock(path: Path, stages: Stages) -> None:
    """Put entries of stages into a lock file of DVC; others that it has stay."""
    known = yaml.safe_load(path.read_text(encoding="utf-8")) if path.exists() else {}
    merged = {"schema": "2.0", "stages": {**known.get("stages", {}), **stages}}
    write_text(path, yaml.safe_dump(merged, sort_keys=False))


def lock_entries(place: Path, stage: str) -> dict[str, Stages]:
    """The lock file of ``stage`` (``NAME`` or ``FOLDER/dvc.yaml:NAME``) and its entry there."""
    folder, _, name = stage.rpartition(":")
    file = Path(folder or "dvc.yaml").with_name("dvc.lock").as_posix()
    known = yaml.safe_load((place / file).read_text(encoding="utf-8"))
    return {file: {name: known["stages"][name]}}


def _share_cache(checkout: Path, place: Path) -> None:
    """Give a clone the checkout's DVC cache, and its settings that are in no commit."""
    own = _config(checkout / ".dvc" / "config.local")
    every = _config(checkout / ".dvc" / "config", checkout / ".dvc" / "config.local")
    named = every.get("cache", "dir", fallback="cache")
    if not own.has_section("cache"):
        own.add_section("cache")
    own.set("cache", "dir", str((checkout / ".dvc" / named).resolve()))
    target = place / ".dvc" / "config.local"
    with whole(target) as aside, aside.open("w", encoding="utf-8") as file:
        aside.chmod(0o600)
        own.write(file)


def _config(*paths: Path) -> configparser.RawConfigParser:
    """What DVC's settings files say, the last one first; a missing file says nothing."""
    config = configparser.RawConfigParser(strict=False)
    config.optionxform = str  # type: ignore[assignment,method-assign]
    config.read(paths, encoding="utf-8")
    return config


def _has(place: Path, commit: str) -> bool:
    return run_git(place, "cat-file", "-e", f"{commit}^{{commit}}").returncode == 0
