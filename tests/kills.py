"""Promotions in processes of their own, killed before a chosen call of the MLflow store.

Run as a program: a nursery loads MLflow and Keras (on NumPy) once and never opens the store; every
promotion is a fork of it, so that a kill costs no import. It prints one JSON line per experiment.
"""

import json
import multiprocessing
import os
import signal
import sys
import tempfile
from collections.abc import Callable
from pathlib import Path
from shutil import copyfile
from typing import Any

from mlflow.store.model_registry.sqlalchemy_store import SqlAlchemyStore as Registry
from mlflow.store.tracking.sqlalchemy_store import SqlAlchemyStore as Tracking

from pneumo.base.settings import load_settings
from pneumo.registry import champion, store
from pneumo.registry import promote as stage
from pneumo.registry.golden import phantoms
from pneumo.registry.store import number
from pneumo.site import trail
from pneumo.site.trail import trail_path
from pneumo.tracking.runs import client, experiment_id
from tests.ensembles import SIZE_PX, Results, write_prepared

ROOT = Path(__file__).parents[1]
CONTEXT = multiprocessing.get_context("fork")


class Nursery:
    """A store with a champion and its predecessor, and better ensembles that wait outside."""

    def __init__(self, folder: Path) -> None:
        self.folder = folder
        settings = load_settings(ROOT / "recipes/demo.yaml")
        settings = settings.model_copy(update={"models": ["unet_vgg19"]})
        prepared = write_prepared(folder / "prepared", seed=1)
        self.results = {}
        for level in (160, 130, 95, 94):
            self.results[level] = Results(folder / str(level), prepared, settings)
            self.results[level].run(level)
        phantoms(SIZE_PX)
        self.store("template")
        assert self.fork(lambda: [self.promote(160), self.promote(130)]) == ["promoted"] * 2

    def store(self, name: str) -> None:
        """Work on the store of this name, a copy of the template when it is new."""
        path = self.folder / f"{name}.db"
        if not path.exists() and (self.folder / "template.db").exists():
            copyfile(self.folder / "template.db", path)
            copyfile(self.folder / "template.trail", self.folder / f"{name}.trail")
        os.environ["MLFLOW_TRACKING_URI"] = f"sqlite:///{path}"
        os.environ["PNEUMO_TRAIL"] = str(self.folder / f"{name}.trail")
        os.chdir(self.folder)

    def promote(self, level: int) -> str:
        return stage.promote(self.results[level].paths, self.results[level].settings).word

    def fork(self, act: Callable[[], object]) -> Any:
        """What ``act`` returns in a process of its own; None when that was killed."""
        with tempfile.NamedTemporaryFile(dir=self.folder) as file:
            child = self.start(act, Path(file.name))
            _, status = os.waitpid(child, 0)
            if os.WIFSIGNALED(status):
                assert os.WTERMSIG(status) == signal.SIGKILL
                return None
            return json.loads(Path(file.name).read_text())

    def start(self, act: Callable[[], object], answer: Path) -> int:
        child = os.fork()
        if child == 0:
            os.dup2(2, 1)
            try:
                answer.write_text(json.dumps(act()))
            except champion.OvertakenError as error:
                answer.write_text(json.dumps(f"told: {error}"))
            finally:
                os._exit(0)
        return child

    def race(self, levels: tuple[int, int]) -> list:
        """Two promotions that reach the alias at the same moment."""
        barrier, crown = CONTEXT.Barrier(2), champion.crown

        def meet(*words) -> None:
            barrier.wait()
            crown(*words)

        stage.crown = meet
        answers = [self.folder / f"answer{level}" for level in levels]
        children = [
            self.start(lambda level=level: self.promote(level), answer)
            for level, answer in zip(levels, answers, strict=True)
        ]
        for child in children:
            os.waitpid(child, 0)
        stage.crown = crown
        return [json.loads(answer.read_text()) for answer in answers]


def counted(act: Callable[[], object], kill_at: int = 0) -> Callable[[], object]:
    """``act``, counting its calls of the store; killed before call ``kill_at``."""

    def run() -> object:
        calls, depth = [0], [0]
        for kind in (Registry, Tracking):
            for name in [n for n in dir(kind) if not n.startswith("_")]:
                if callable(getattr(kind, name)):
                    setattr(kind, name, _wrapped(getattr(kind, name), calls, depth, kill_at))
        found = act()
        return found if kill_at else calls[0]

    return run


def _wrapped(method: Callable, calls: list[int], depth: list[int], kill_at: int) -> Callable:
    def call(*words, **named):
        if not depth[0]:
            calls[0] += 1
            if calls[0] == kill_at:
                os.kill(os.getpid(), signal.SIGKILL)
        depth[0] += 1
        try:
            return method(*words, **named)
        finally:
            depth[0] -= 1

    return call


def look() -> dict:
    """What the registry holds: aliases, versions, whether the champion is whole, duplicates."""
    server = client()
    leads = store.version_at(server, store.CHAMPION)
    with tempfile.TemporaryDirectory() as folder:
        store.fetch_ensemble(server, leads, Path(folder))
    runs = server.search_runs([experiment_id(server)])
    models = server.search_logged_models([experiment_id(server)])
    return {
        "aliases": store.aliases(server),
        "versions": sorted(number(v) for v in store.versions(server)),
        "networks": len(store.versions(server, "unet_vgg19")),
        "runs": sorted(f"{run.info.run_name} {run.info.status}" for run in runs),
        "models": sorted(f"{model.name} {model.status}" for model in models),
        "lock": bool(store.tags_of_name(server, f"{store.ENSEMBLE}.lock")),
        "verdict": leads.tags["pneumo.verdict"],
        "trail": _acts(),
    }


def _acts() -> list[str]:
    """The acts of the audit trail, in their order, and its faults."""
    lines = [json.loads(line) for line in trail_path().read_text().splitlines()]
    acts = [f"{line['act']} of {line['what']['version']}" for line in lines]
    return acts + [str(fault) for fault in trail.look().faults]


def killed(folder: Path, every: int) -> None:
    """Kill a promotion before every ``every``-th of its calls, and before each of the last 36.

    Those decide and commit; the ones before register.
    """
    nursery = Nursery(folder)
    nursery.store("count")
    count = nursery.fork(counted(lambda: nursery.promote(95)))
    print(json.dumps({"calls": count, "undisturbed": nursery.fork(look)}), flush=True)
    for step in range(1, count + 1):
        if step % every and step < count - 36:
            continue
        nursery.store(f"step{step}")
        died = nursery.fork(counted(lambda: nursery.promote(95), step)) is None
        before, *again = nursery.fork(lambda: [look(), nursery.promote(95), look()])
        print(json.dumps({"step": step, "died": died, "killed": before, "again": again}))


def raced(folder: Path, rounds: int) -> None:
    """Let two better ensembles race for the alias."""
    nursery = Nursery(folder)
    for turn in range(rounds):
        nursery.store(f"race{turn}")
        said = nursery.race((95, 94))
        print(json.dumps({"said": said, "after": nursery.fork(look)}), flush=True)


if __name__ == "__main__":
    what, place, times = sys.argv[1:]
    {"killed": killed, "raced": raced}[what](Path(place), int(times))
