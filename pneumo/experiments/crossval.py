"""Train recipes on every fold of the data by the pipeline's commands, and put them side by side.

Each fold has a folder with a ``params.yaml`` of its own. What is finished there is kept, so a run
that was stopped goes on, and a training goes on from its last epoch.
"""

import json
import os
import subprocess
import sys
from collections.abc import Callable, Mapping, Sequence
from concurrent.futures import ThreadPoolExecutor, as_completed
from functools import partial
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
import yaml

from pneumo.base import git
from pneumo.base.errors import DataError, ServiceError, SettingsError
from pneumo.base.files import sha256, sha256_of, write_json, write_text
from pneumo.base.settings import Settings, load_settings
from pneumo.detection.ensemble import Ensemble, blend
from pneumo.evaluation.judge import judge
from pneumo.evaluation.unseen import unseen_cases
from pneumo.experiments._comparison import render_comparison
from pneumo.experiments._folds import folds, write_fold
from pneumo.experiments._gains import ENSEMBLE, UNSEEN, comparison, in_markdown
from pneumo.prepared.format import Prepared, load_maps, load_prepared
from pneumo.report.examples import kinds_of, picture, section

Task = Callable[..., None]
PICTURES = 5
"""Images of each kind on the page."""

ALL = {
    "data.train_images": None,
    "data.validation_images": 1,
    "data.test_images": 1,
    "data.reserved_test": None,
}
"""Every image is prepared; the folds say where it goes."""


def crossval(
    out: Path,
    recipes: Mapping[str, Path],
    changes: Mapping[str, Any],
    count: int,
    seed: int,
    *,
    jobs: int = 1,
    radiographs: bool = True,
) -> dict[str, Any]:
    """Cross-validate each recipe (name -> settings file) on ``count`` folds by person.

    ``changes`` (such as ``train.epochs`` -> 5) are made in every recipe; ``data.root`` is one.
    ``jobs`` trainings run at a time. Writes ``crossval.json``, ``crossval.md`` and
    ``crossval.html`` to ``out`` and returns the first; ``radiographs`` are part of the page unless
    they are not wanted there. Raises SettingsError for recipes that cannot be used,
    ServiceError when a command fails.
    """
    plan = {"folds": count, "seed": seed, "changes": dict(changes)}
    sums = {name: sha256(path) for name, path in recipes.items()}
    commits = _same_plan(out, {**plan, "recipes": sums}, git.own_commit())
    used = {
        name: write_settings(path, {**ALL, **changes}, out / name / "params.yaml")
        for name, path in recipes.items()
    }
    for name in recipes:
        _divide(out / name, count, seed)
    places = [(out / name / f"fold{fold}", used[name]) for fold in range(count) for name in used]
    _at_once(
        [_training(here, model) for here, settings in places for model in settings.models], jobs
    )
    _at_once([_tuning(here) for here, _ in places], jobs)
    judged, drawn = {}, {}
    for name, settings in used.items():
        judged[name] = _judged(out / name, settings, count)
        cases = judged[name][ENSEMBLE]
        drawn[name] = _drawn(out / name, settings, cases, radiographs=radiographs)
    data = load_prepared(out / name / "prepared")
    result: dict[str, Any] = {
        **comparison(judged, seed),
        "images": len(data.index),
        "people": int(data.index["person"].nunique()),
        "positive": int((data.index["target"] == 1).sum()),
        "data": sha256_of(data.profile["sha256"]),
        "commits": commits,
        **plan,
    }
    write_json(out / "crossval.json", result)
    write_text(out / "crossval.md", in_markdown(result))
    write_text(out / "crossval.html", render_comparison(result, drawn))
    return result


def _same_plan(out: Path, plan: Mapping[str, Any], commit: str) -> list[str]:
    """Note the plan in ``out``, and say which commits made what is there, this one the last.

    DataError when another plan is on its way there.
    """
    path, earlier = out / "plan.json", []
    if path.exists():
        known = json.loads(path.read_text())
        earlier = known.pop("commits", ["unknown"])
        if known != json.loads(json.dumps(plan)):
            raise DataError(f"{out}: holds another comparison; name another folder, or remove it")
    others = [one for one in earlier if one != commit]
    if others:
        print(
            f"{out}: what is finished there stays, also by other code than this "
            f"({', '.join(others)}); for tables of one code name another folder",
            file=sys.stderr,
        )
    commits = [*others, commit]
    write_json(path, {**plan, "commits": commits})
    return commits


def write_settings(source: Path, changes: Mapping[str, Any], target: Path) -> Settings:
    """Write a recipe with changed settings, checked; SettingsError names what is unknown.

    A path of encoder weights becomes absolute, since ``target`` is used from another folder.
    """
    try:
        raw = yaml.safe_load(source.read_text(encoding="utf-8"))
    except OSError as error:
        raise SettingsError(str(source), [f"cannot be read: {error.strerror}"]) from None
    for key, value in changes.items():
        section, _, name = key.partition(".")
        if name:
            raw.setdefault(section, {})[name] = value
        else:
            raw[section] = value
    weights = raw.get("train", {}).get("encoder_weights")
    if weights not in (None, "imagenet", "none"):
        raw["train"]["encoder_weights"] = str(Path(weights).resolve())
    target.parent.mkdir(parents=True, exist_ok=True)
    write_text(target, yaml.safe_dump(raw, sort_keys=False))
    return load_settings(target)


def _divide(folder: Path, count: int, seed: int) -> None:
    """Prepare a recipe's data in ``folder``, and divide them into folds with settings each."""
    _run(folder, ["prepare", "prepared"], folder / "prepared")
    data = load_prepared(folder / "prepared")
    fold_of = folds(data.index, count, seed)
    for fold in range(count):
        here = folder / f"fold{fold}"
        here.mkdir(exist_ok=True)
        write_text(here / "params.yaml", (folder / "params.yaml").read_text())
        if not (here / "prepared").exists():
            write_fold(data, fold_of, fold, here / "prepared")


def _training(fold: Path, model: str) -> Task:
    out = f"models/{model}"
    return partial(_run, fold, ["train", model, "prepared", out], fold / out)


def _tuning(fold: Path) -> Task:
    words = ["tune", "prepared", "models", "ensemble.json", "tuning.json"]
    return partial(_run, fold, words, fold / "ensemble.json")


def _at_once(tasks: Sequence[Task], jobs: int) -> None:
    """Run ``tasks``, ``jobs`` at a time; after an error only those under way are finished."""
    with ThreadPoolExecutor(jobs) as pool:
        futures = [pool.submit(task, told=jobs > 1) for task in tasks]
        try:
            for future in as_completed(futures):
                future.result()
        except BaseException:
            pool.shutdown(wait=False, cancel_futures=True)
            raise


def _run(folder: Path, words: Sequence[str], made: Path, *, told: bool = False) -> None:
    """Run a command of ours in ``folder``, unless what it makes is there.

    ``told``: its lines begin with the folder, since others say theirs at the same time.
    """
    if made.exists():
        return
    print(f"{folder}: pneumo {' '.join(words)}", file=sys.stderr, flush=True)
    command = [str(Path(sys.executable).with_name("pneumo")), *words]
    environment = {k: v for k, v in os.environ.items() if k != "MLFLOW_TRACKING_URI"}
    out, error = (subprocess.PIPE, subprocess.STDOUT) if told else (None, None)
    with subprocess.Popen(
        command, cwd=folder, env=environment, text=True, stdout=out, stderr=error
    ) as process:
        for line in process.stdout or ():
            print(f"{folder}: {line}", end="", file=sys.stderr, flush=True)
    if process.returncode:
        raise ServiceError(f"{folder}: `pneumo {' '.join(words)}` failed; its lines are above")


def _judged(folder: Path, settings: Settings, count: int) -> dict[str, pd.DataFrame]:
    """Network, ensemble, ``UNSEEN`` -> the cases of all folds, by image, with their ``fold``."""
    named = [*settings.models, ENSEMBLE, UNSEEN]
    parts: dict[str, list[pd.DataFrame]] = {name: [] for name in named}
    for fold in range(count):
        data, chosen, maps = _read_fold(folder / f"fold{fold}", settings)
        people = data.index["person"].iloc[data.rows("test")].to_numpy()
        judged = {UNSEEN: unseen_cases(data, "test")}
        for name, one in chosen.items():
            judged[name] = judge(data, "test", blend(maps, one.weights), one)[1]
        for name, tables in parts.items():
            cases = judged[name]
            tables.append(cases.assign(person=people, fold=fold))
    return {name: pd.concat(tables, ignore_index=True) for name, tables in parts.items()}


def _read_fold(
    folder: Path, settings: Settings
) -> tuple[Prepared, dict[str, Ensemble], dict[str, np.ndarray]]:
    """A fold's data, what ``tune`` chose there, and the networks' maps of its test images."""
    data = load_prepared(folder / "prepared")
    chosen = json.loads((folder / "ensemble.json").read_text())
    maps = load_maps(data, folder / "models", settings.models, "test")
    return data, {name: Ensemble.from_json(one) for name, one in chosen.items()}, maps


def _drawn(
    folder: Path, settings: Settings, cases: pd.DataFrame, *, radiographs: bool
) -> dict[str, Any]:
    """The ensemble's best and worst images of all folds, by ``examples.KINDS``."""
    places = kinds_of(cases)
    shown = {kind: rows[:PICTURES] for kind, rows in places.items()}
    made: dict[int, dict[str, Any]] = {}
    for fold, rows in cases.loc[np.concatenate(list(shown.values()))].groupby("fold"):
        data, chosen, maps = _read_fold(folder / f"fold{fold}", settings)
        blended, test = blend(maps, chosen[ENSEMBLE].weights), data.rows("test")
        for place, case in rows.iterrows():
            image = int(case["image"])
            made[int(str(place))] = picture(
                data, test[image], blended[image], case, chosen[ENSEMBLE], radiograph=radiographs
            )
    sections = [
        section(kind, len(places[kind]), [made[place] for place in rows])
        for kind, rows in shown.items()
    ]
    return {"size_px": settings.data.size_px, "sections": sections}
