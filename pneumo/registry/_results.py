"""What the pipeline left behind becomes a version: its networks, the ensemble, its lineage.

``register`` puts one thing into MLflow; here is what is put there, and in which order.
"""

import json
import tempfile
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from shutil import copyfile
from typing import TYPE_CHECKING, Any

import numpy as np
import pandas as pd

from pneumo.base.errors import DataError
from pneumo.base.files import sha256, sha256_of, write_json
from pneumo.detection.disagreement import disagreement_of
from pneumo.detection.ensemble import Ensemble, blend
from pneumo.engines.package import MANIFEST
from pneumo.evaluation.cases import read_cases
from pneumo.evaluation.judge import judge
from pneumo.prepared.format import Prepared, load_maps, load_prepared
from pneumo.registry import agreement, store
from pneumo.registry._paired import mean_precision
from pneumo.registry._profile import TAG as TAG_OF_PROFILE
from pneumo.registry._profile import write_profile
from pneumo.registry.golden import write_golden
from pneumo.registry.judging import Seat, figures_of
from pneumo.registry.lineage import lineage
from pneumo.registry.register import (
    finished_run,
    network_run_id,
    register_ensemble,
    register_network,
)
from pneumo.registry.store import number
from pneumo.tracking.runs import log_data, metrics_of, training_params

if TYPE_CHECKING:
    from mlflow.entities.model_registry import ModelVersion
    from mlflow.tracking import MlflowClient

    from pneumo.base.settings import Settings


@dataclass(frozen=True)
class Results:
    """What the pipeline left behind for one ensemble."""

    evaluation: dict[str, Any]
    tuned: dict[str, Any]
    cases: pd.DataFrame
    profile: dict[str, Any]


def read_results(paths: Mapping[str, Path]) -> Results:
    """What the stages wrote; DataError where they have not run, or what they wrote disagrees."""
    reports = paths["reports"]
    try:
        evaluation = json.loads((reports / "evaluation" / "metrics.json").read_text())
        chosen = json.loads((reports / "ensemble.json").read_text())["ensemble"]
    except OSError as error:
        raise DataError(f"{error.filename}: not there; run `dvc repro` first") from None
    cases = read_cases(reports / "evaluation" / "cases.csv")
    if abs(mean_precision(cases) - evaluation["ensemble"]["map"]) > 1e-6:
        raise DataError(
            f"{reports / 'evaluation'}: cases.csv gives mAP {mean_precision(cases):.6f}, but "
            f"metrics.json {evaluation['ensemble']['map']:.6f}; run `dvc repro evaluate`"
        )
    tuned = Ensemble.from_json(chosen).to_json()
    return Results(evaluation, tuned, cases, load_prepared(paths["prepared"]).profile)


def upload(
    seat: Seat, paths: Mapping[str, Path], settings: "Settings", results: Results
) -> "ModelVersion":
    """The version of this ensemble, registered now or before; its cases on this test set kept.

    ``paths`` are the folders of ``dvc.yaml``. Each network is registered, too.
    """
    server = seat.server
    tags = lineage(Path.cwd(), paths["reports"], results.profile, results.evaluation)
    tags |= figures_of(results.cases)
    networks: dict[str, Path] = {
        name: paths["models"] / name / "model.keras" for name in settings.models
    }
    content = sha256_of([{name: sha256(file) for name, file in networks.items()}, results.tuned])
    version = store.find_version(server, store.ENSEMBLE, content, store.CONTENT)
    if version is None:
        tags |= {store.CONTENT: content}
        made = {
            name: _register_network(server, name, file, settings, results, tags)
            for name, file in networks.items()
        }
        tags["pneumo.networks"] = json.dumps(
            {name: {"version": number(v), "run": v.run_id} for name, v in made.items()}
        )
        version = _register_ensemble(server, networks, paths, settings, results, tags)
    test_set = results.evaluation["test_set"]
    if store.cases_of(server, version, test_set) is None:
        store.save_cases(server, version, test_set, results.cases)
    if version.tags.get("pneumo.test_set") != test_set:
        store.tag(server, version, tags)
    return server.get_model_version(store.ENSEMBLE, version.version)


def _register_network(
    server: "MlflowClient",
    name: str,
    file: Path,
    settings: "Settings",
    results: Results,
    tags: Mapping[str, str],
) -> "ModelVersion":
    from pneumo.nets.build import MODELS  # here, since they load Keras
    from pneumo.nets.weights import weights_sum

    history: list = pd.read_csv(file.with_name("history.csv")).to_dict("records")
    params = training_params(settings.train, settings.augment)
    params |= weights_sum(MODELS[name].encoder, settings.train.encoder_weights)
    run_id = network_run_id(server, name, sha256(file), params, results.profile, history)
    version = register_network(
        server, name, file, {**tags, **_figures(results.evaluation[name])}, run_id
    )
    print(f"{name}: version {version.version}")
    return version


def _register_ensemble(
    server: "MlflowClient",
    networks: Mapping[str, Path],
    paths: Mapping[str, Path],
    settings: "Settings",
    results: Results,
    tags: Mapping[str, str],
) -> "ModelVersion":
    evaluation = paths["reports"] / "evaluation"
    figures = {k: v for k, v in results.evaluation["ensemble"].items() if _is_number(v)}

    def fill(run_id: str) -> None:
        log_data(server, run_id, results.profile)
        server.log_batch(run_id, metrics=metrics_of(0, figures))
        server.log_artifacts(run_id, str(evaluation), "evaluation")

    run_tags = {"pneumo.kind": "ensemble", store.CONTENT: tags[store.CONTENT]}
    params = {"models": settings.models, **settings.ensemble.model_dump()}
    run_id = finished_run(server, "ensemble", run_tags, params, fill)
    card = evaluation / "model_card.md"
    with tempfile.TemporaryDirectory() as folder:
        package = Path(folder)
        for name, file in networks.items():
            copyfile(file, package / f"{name}.keras")
        write_json(package / "ensemble.json", results.tuned)
        write_golden(package, int(tags["pneumo.size_px"]))
        data, used = load_prepared(paths["prepared"]), Ensemble.from_json(results.tuned).used
        apart = _disagreement(data, paths["models"], used)
        profile = write_profile(package, data, results.cases, apart)
        files = {path.name: path for path in package.iterdir() if path.name != MANIFEST}
        said = card.read_text(encoding="utf-8") if card.is_file() else ""
        all_tags = {**tags, **_figures(results.evaluation["ensemble"])}
        all_tags[TAG_OF_PROFILE] = sha256(profile)
        return register_ensemble(server, files, all_tags, run_id, said)


def calls_of(paths: Mapping[str, Path], results: Results) -> agreement.Calls:
    """What the evaluation called on the test images, from the maps that the trainings left."""
    data, ensemble = load_prepared(paths["prepared"]), Ensemble.from_json(results.tuned)
    maps = load_maps(data, paths["models"], ensemble.used, "test")
    return judge(data, "test", blend(maps, ensemble.used), ensemble)[0]


def _disagreement(data: Prepared, models: Path, used: Mapping[str, float]) -> np.ndarray | None:
    """How far the networks are apart on each test image, ``(n)``; None for one that is alone."""
    if len(used) < 2:
        return None
    maps = load_maps(data, models, used, "test")
    return disagreement_of(maps, used, blend(maps, used))


def _figures(measured: Mapping[str, Any]) -> dict[str, str]:
    return {f"pneumo.{key}": f"{value:.6f}" for key, value in measured.items() if _is_number(value)}


def _is_number(value: Any) -> bool:
    return isinstance(value, int | float) and not isinstance(value, bool)
