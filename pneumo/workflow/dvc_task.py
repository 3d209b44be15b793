"""What a task in a clone of its own does with DVC: pull what it needs, work, push what it made.

DVC's command line is called in this process, which saves an import for every step.
"""

import contextlib
import os
import signal
import subprocess
import sys
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Any

import psutil

from pneumo.base.errors import PneumoError, ServiceError
from pneumo.workflow.clones import Run, lock_entries
from pneumo.workflow.lines import ENDED


def bring_up_to_date(place: Path, stage: str) -> dict[str, Any]:
    """Run one DVC stage in the clone ``place``, or get its outputs when they were made before.

    Pulls the outputs of the stages it depends on, pushes its own and the run cache. Returns its
    entry in the lock file. Raises PneumoError for a stage that ended so, ServiceError when another
    step fails.
    """
    with _in(place):
        needed = _direct_needs(stage)
        if needed:
            _dvc("pull", "--force", *needed)
        _dvc("repro", "--pull", "--single-item", stage)
        _dvc("push", "--run-cache", stage)
    return lock_entries(place, stage)


def run_inside(place: Path, run: Run, words: Sequence[str]) -> int:
    """Run a ``pneumo`` command in a clone that has the outputs of all stages of ``dvc.yaml``.

    Returns the command's exit code.
    """
    with _in(place):
        _dvc("pull", "--force", *run.locks.get("dvc.lock", {}))
        return subprocess.run([str(Path(sys.executable).with_name("pneumo")), *words]).returncode


@contextmanager
def _in(place: Path) -> Iterator[None]:
    """Work in ``place`` with the code that is committed there; a SIGTERM ends the work too."""
    path, folder = os.environ.get("PYTHONPATH"), Path.cwd()
    before = signal.getsignal(signal.SIGTERM)
    signal.signal(signal.SIGTERM, _end_children)
    os.environ["PYTHONPATH"] = os.pathsep.join(filter(None, (str(place.resolve()), path)))
    os.chdir(place)
    try:
        yield
    finally:
        os.chdir(folder)
        signal.signal(signal.SIGTERM, before)
        os.environ.pop("PYTHONPATH")
        if path is not None:
            os.environ["PYTHONPATH"] = path


def _direct_needs(stage: str) -> list[str]:
    """The stages and data whose outputs ``stage`` reads, as DVC's graph of this folder says."""
    from dvc.repo import Repo

    with Repo() as repo:
        (node,) = repo.stage.collect(stage)
        return sorted(before.addressing for before in repo.index.graph.successors(node))


def _dvc(*words: str) -> None:
    from dvc.cli import main

    with contextlib.redirect_stdout(sys.stderr), _stage_ends_in() as end:
        code = main(list(words))
        mistaken = end.exists() and end.read_text() == str(PneumoError.exit_code)
    if mistaken:
        raise PneumoError(f"dvc {words[0]}: the stage cannot be done; its message is above")
    if code:
        raise ServiceError(f"dvc {words[0]} failed with exit code {code}")


@contextmanager
def _stage_ends_in() -> Iterator[Path]:
    """A file for the exit code of the stage that is run in the block; DVC has only its own."""
    with TemporaryDirectory() as folder:
        os.environ[ENDED] = str(Path(folder) / "code")
        try:
            yield Path(os.environ[ENDED])
        finally:
            del os.environ[ENDED]


def _end_children(number: int, _frame: Any) -> None:
    children = psutil.Process().children(recursive=True)
    for child in children:
        with contextlib.suppress(psutil.NoSuchProcess):
            child.terminate()
    psutil.wait_procs(children, timeout=5)
    raise SystemExit(128 + number)
