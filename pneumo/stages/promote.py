"""Register what was trained and evaluated, and let the gate decide who is champion."""

import json
import tempfile
from collections.abc import Mapping
from pathlib import Path
from typing import TYPE_CHECKING, Any

import pandas as pd

from pneumo import registry
from pneumo.errors import DataError, ServiceError
from pneumo.files import sha256, sha256_of, write_json
from pneumo.gate import Measured, Verdict, decide
from pneumo.prepared import load_prepared
from pneumo.tracking import client, find_run, log_data, metrics_of, start_run

if TYPE_CHECKING:
    from mlflow.entities.model_registry import ModelVersion
    from mlflow.tracking import MlflowClient

    from pneumo.settings import PromotionSettings, Settings

VERDICT = "pneumo.verdict"


def promote(paths: Mapping[str, Path], settings: "Settings") -> tuple["ModelVersion", Verdict]:
    """Register the networks and the ensemble once per distinct result, then judge the ensemble.

    ``paths`` are the folders of ``dvc.yaml``. Returns the ensemble's version and the verdict;
    the same result again changes nothing. Raises DataError when the pipeline has not run, and
    ServiceError when no MLflow server is named.
    """
    server = client()
    if server is None:
        raise ServiceError(
            "MLFLOW_TRACKING_URI names no server; run `pneumo up`, then `. .pneumo/env`"
        )
    evaluation, tuned = _read_results(paths["reports"])
    tags = _lineage(paths, evaluation)
    files = {}
    for name in settings.models:
        files[f"{name}.keras"] = paths["models"] / name / "model.keras"
        _register_network(server, name, paths, settings, {**tags, **_figures(evaluation[name])})
    with tempfile.TemporaryDirectory() as folder:
        files["ensemble.json"] = Path(folder) / "ensemble.json"
        write_json(files["ensemble.json"], tuned)
        version = _register_ensemble(server, files, paths, settings, tags, evaluation)
    verdict = _judge(server, version, evaluation, settings.promotion)
    _write_verdict(paths["reports"], server, version, verdict)
    return version, verdict


def _write_verdict(
    reports: Path, server: "MlflowClient", version: "ModelVersion", verdict: Verdict
) -> None:
    """Leave ``promotion.json`` for those who show the result."""
    champion = registry.version_at(server, registry.CHAMPION)
    leads = champion is not None and champion.version == version.version
    write_json(
        reports / "promotion.json",
        {
            "name": version.name,
            "version": str(version.version),
            "verdict": "promoted" if verdict.promoted else "kept",
            "alias": registry.CHAMPION if leads else registry.CHALLENGER,
            "reasons": list(verdict.reasons),
        },
    )


def measured(tags: Mapping[str, str]) -> Measured:
    """The figures that the gate compares, from a version's tags."""
    return Measured(
        map=float(tags["pneumo.map"]),
        test_set=tags["pneumo.test_set"],
        leaked_people=int(tags["pneumo.leaked_people"]),
    )


def _read_results(reports: Path) -> tuple[dict[str, Any], dict[str, Any]]:
    try:
        evaluation = json.loads((reports / "evaluation" / "metrics.json").read_text())
        chosen = json.loads((reports / "ensemble.json").read_text())["ensemble"]
    except OSError as error:
        raise DataError(f"{error.filename}: not there; run `dvc repro` first") from None
    return evaluation, {key: value for key, value in chosen.items() if key != "validation_map"}


def _lineage(paths: Mapping[str, Path], evaluation: Mapping[str, Any]) -> dict[str, str]:
    profile = load_prepared(paths["prepared"]).profile
    lock = Path("dvc.lock")
    return {
        "pneumo.git_commit": registry.git_commit(Path.cwd()),
        "pneumo.dvc_lock": sha256(lock) if lock.exists() else "unknown",
        "pneumo.data": sha256_of(profile["sha256"]),
        "pneumo.size_px": str(profile["size_px"]),
        "pneumo.test_set": evaluation["test_set"],
        "pneumo.leaked_people": str(evaluation["leaked_people"]),
    }


def _figures(measured: Mapping[str, float]) -> dict[str, str]:
    return {f"pneumo.{name}": f"{value:.6f}" for name, value in measured.items()}


def _register_network(
    server: "MlflowClient",
    name: str,
    paths: Mapping[str, Path],
    settings: "Settings",
    tags: Mapping[str, str],
) -> None:
    file = paths["models"] / name / "model.keras"
    history = pd.read_csv(file.with_name("history.csv")).to_dict("records")
    run_id = registry.network_run_id(
        server,
        name,
        sha256(file),
        settings.train.model_dump(),
        load_prepared(paths["prepared"]).profile,
        history,  # type: ignore[arg-type]
    )
    version = registry.register_network(server, name, file, tags, run_id)
    print(f"{name}: version {version.version}")


def _register_ensemble(
    server: "MlflowClient",
    files: Mapping[str, Path],
    paths: Mapping[str, Path],
    settings: "Settings",
    tags: Mapping[str, str],
    evaluation: Mapping[str, Any],
) -> "ModelVersion":
    digest = sha256_of(registry.manifest_of(files))
    if found := registry.find_version(server, registry.ENSEMBLE, digest):
        return found
    run_tags = {"pneumo.kind": "ensemble", registry.SUM: digest}
    run = find_run(server, run_tags)
    params = {"models": settings.models, **settings.ensemble.model_dump()}
    run_id = run.info.run_id if run else start_run(server, "ensemble", run_tags, params)
    log_data(server, run_id, load_prepared(paths["prepared"]).profile)
    server.log_batch(run_id, metrics=metrics_of(0, evaluation["ensemble"]))
    server.log_artifacts(run_id, str(paths["reports"] / "evaluation"), "evaluation")
    all_tags = {**tags, **_figures(evaluation["ensemble"])}
    version = registry.register_ensemble(server, files, all_tags, run_id)
    server.set_terminated(run_id)
    return version


def _judge(
    server: "MlflowClient",
    version: "ModelVersion",
    evaluation: Mapping[str, Any],
    settings: "PromotionSettings",
) -> Verdict:
    champion = registry.version_at(server, registry.CHAMPION)
    if champion and champion.version == version.version:
        return Verdict(False, ("this ensemble is the champion already",))
    candidate = Measured(
        evaluation["ensemble"]["map"], evaluation["test_set"], evaluation["leaked_people"]
    )
    verdict = decide(candidate, measured(champion.tags) if champion else None, settings)
    for key, value in (
        (VERDICT, "promoted" if verdict.promoted else "kept"),
        ("pneumo.reasons", "; ".join(verdict.reasons)),
    ):
        server.set_model_version_tag(registry.ENSEMBLE, version.version, key, value)
    if verdict.promoted and champion:
        registry.move_alias(server, registry.PREVIOUS, champion.version)
    alias = registry.CHAMPION if verdict.promoted else registry.CHALLENGER
    registry.move_alias(server, alias, version.version)
    return verdict
