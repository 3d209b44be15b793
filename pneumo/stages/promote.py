"""Register what was trained and evaluated, and let the gate decide who is champion."""

import getpass
import json
import tempfile
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from shutil import copyfile
from typing import TYPE_CHECKING, Any

import pandas as pd

from pneumo import registry
from pneumo.agreement import TAG
from pneumo.candidacy import Seat, figures_of, measure_agreement, stand
from pneumo.cases import read_cases
from pneumo.champion import VERDICT, crown, settle
from pneumo.engines.package import MANIFEST
from pneumo.ensemble import Ensemble
from pneumo.errors import DataError, RegistryError
from pneumo.files import sha256, sha256_of, write_json
from pneumo.gate import Rule, Verdict
from pneumo.golden import write_golden
from pneumo.lineage import lineage
from pneumo.pairs import mean_precision
from pneumo.prepared import load_prepared
from pneumo.registration import (
    finished_run,
    network_run_id,
    register_ensemble,
    register_network,
)
from pneumo.registry import number
from pneumo.tracking import log_data, metrics_of, training_params

if TYPE_CHECKING:
    from mlflow.entities.model_registry import ModelVersion
    from mlflow.tracking import MlflowClient

    from pneumo.settings import Settings

PROMOTED, KEPT, WAITING = "promoted", "kept", "waiting"
LEADS = Rule("champion", False, "this ensemble is the champion already")


@dataclass(frozen=True)
class Outcome:
    """What became of a version: ``promoted``, ``kept``, or ``waiting`` for a person."""

    version: "ModelVersion"
    verdict: Verdict
    word: str

    @property
    def number(self) -> str:
        """The version's number."""
        return number(self.version)


@dataclass(frozen=True)
class Results:
    """What the pipeline left behind for one ensemble."""

    evaluation: dict[str, Any]
    tuned: dict[str, Any]
    cases: pd.DataFrame
    profile: dict[str, Any]


def promote(
    paths: Mapping[str, Path], settings: "Settings", because: str = "", by: str = ""
) -> Outcome:
    """Register the networks and the ensemble once per distinct result, then judge the ensemble.

    ``paths`` are the folders of ``dvc.yaml``. ``because`` is a person's reason to promote without a
    proven gain, ``by`` that person (blank: who runs this). The same result again changes nothing.
    Raises DataError when the pipeline has not run, ServiceError when no MLflow server is named.
    """
    server = registry.connect()
    results = _read_results(paths)
    champion = settle(server)
    version = _register(server, paths, settings, results)
    if champion and number(champion) == number(version):
        return _already(server, version, paths["reports"])
    seat = Seat(server, paths["prepared"], settings.promotion)
    return _decide(seat, version, champion, paths["reports"], because, by)


def promote_version(
    name: str, paths: Mapping[str, Path], settings: "Settings", because: str = "", by: str = ""
) -> Outcome:
    """Judge a registered version (number or alias) anew, and make it champion if the gate agrees.

    With ``promotion.approval: required``, ``because`` is the approval. Raises RegistryError for a
    version that is unknown or champion already.
    """
    server = registry.connect()
    champion, version = settle(server), registry.version_of(server, name)
    if champion and number(champion) == number(version):
        raise RegistryError(f"{version.name} version {version.version} is the champion already")
    seat = Seat(server, paths["prepared"], settings.promotion)
    return _decide(seat, version, champion, paths["reports"], because, by)


def reject(name: str, because: str, by: str = "") -> "ModelVersion":
    """Record that a person decided against a version; the champion stays."""
    server = registry.connect()
    version = registry.version_of(server, name)
    champion = registry.version_at(server, registry.CHAMPION)
    if champion and number(champion) == number(version):
        raise RegistryError(f"version {version.version} is the champion; use `registry rollback`")
    who = by or getpass.getuser()
    registry.tag(
        server, version, {VERDICT: "rejected", "pneumo.by": who, "pneumo.because": because}
    )
    return version


def _already(server: "MlflowClient", version: "ModelVersion", reports: Path) -> Outcome:
    """The champion again; ``promoted`` when the promotion that made it so was cut short."""
    cut_short = version.tags.get(VERDICT) != PROMOTED
    outcome = Outcome(version, Verdict((LEADS,)), PROMOTED if cut_short else KEPT)
    _write(reports, outcome, registry.CHAMPION)
    if cut_short:
        registry.tag(server, version, {VERDICT: PROMOTED})
    return outcome


def _decide(
    seat: Seat,
    version: "ModelVersion",
    champion: "ModelVersion | None",
    reports: Path,
    because: str,
    by: str,
) -> Outcome:
    """Judge a version and act on it. What cannot be undone, the alias ``champion``, comes last."""
    server, who = seat.server, by or getpass.getuser()
    verdict = stand(seat, version, champion, because)
    word = KEPT
    if verdict.promoted:
        asks = seat.settings.approval == "required" and not because.strip()
        word = WAITING if asks else PROMOTED
    outcome = Outcome(version, verdict, word)
    told = {"pneumo.rules": json.dumps(verdict.to_json()), "pneumo.reasons": _said(verdict)}
    registry.tag(server, version, {VERDICT: KEPT if word == PROMOTED else word, **told})
    if word == PROMOTED:
        crown(server, version, champion, who, because or "the gate's rules hold")
    elif registry.aliases(server).get(registry.PREVIOUS) != number(version):
        registry.move_alias(server, registry.CHALLENGER, version.version)
    _write(reports, outcome, registry.CHAMPION if word == PROMOTED else registry.CHALLENGER)
    if word == PROMOTED:
        registry.tag(server, version, {VERDICT: PROMOTED})
    return outcome


def _said(verdict: Verdict) -> str:
    return "; ".join(verdict.reasons)


def _write(reports: Path, outcome: Outcome, alias: str) -> None:
    """Leave ``promotion.json`` for those who show the result."""
    write_json(
        reports / "promotion.json",
        {
            "name": outcome.version.name,
            "version": str(outcome.version.version),
            "verdict": outcome.word,
            "alias": alias,
            "reasons": list(outcome.verdict.reasons),
            "rules": outcome.verdict.to_json(),
        },
    )


def _read_results(paths: Mapping[str, Path]) -> Results:
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


def _register(
    server: "MlflowClient", paths: Mapping[str, Path], settings: "Settings", results: Results
) -> "ModelVersion":
    """The version of this ensemble, registered now or before; its cases on this test set kept."""
    tags = lineage(Path.cwd(), paths["reports"], results.profile, results.evaluation)
    tags |= figures_of(results.cases, settings.promotion)
    networks: dict[str, Path] = {
        name: paths["models"] / name / "model.keras" for name in settings.models
    }
    content = sha256_of([{name: sha256(file) for name, file in networks.items()}, results.tuned])
    version = registry.find_version(server, registry.ENSEMBLE, content, registry.CONTENT)
    if version is None:
        tags |= {registry.CONTENT: content}
        made = {
            name: _register_network(server, name, file, settings, results, tags)
            for name, file in networks.items()
        }
        tags["pneumo.networks"] = json.dumps(
            {name: {"version": number(v), "run": v.run_id} for name, v in made.items()}
        )
        version = _register_ensemble(server, networks, paths, settings, results, tags)
    test_set = results.evaluation["test_set"]
    if registry.cases_of(server, version, test_set) is None:
        registry.save_cases(server, version, test_set, results.cases)
    if version.tags.get("pneumo.test_set") != test_set:
        registry.tag(server, version, tags)
    if settings.score.precision != "float32" and TAG not in version.tags:
        found = measure_agreement(server, version, load_prepared(paths["prepared"]))
        registry.tag(server, version, {TAG: json.dumps(found)})
    return server.get_model_version(registry.ENSEMBLE, version.version)


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

    run_tags = {"pneumo.kind": "ensemble", registry.CONTENT: tags[registry.CONTENT]}
    params = {"models": settings.models, **settings.ensemble.model_dump()}
    run_id = finished_run(server, "ensemble", run_tags, params, fill)
    card = evaluation / "model_card.md"
    with tempfile.TemporaryDirectory() as folder:
        package = Path(folder)
        for name, file in networks.items():
            copyfile(file, package / f"{name}.keras")
        write_json(package / "ensemble.json", results.tuned)
        write_golden(package, int(tags["pneumo.size_px"]))
        files = {path.name: path for path in package.iterdir() if path.name != MANIFEST}
        said = card.read_text(encoding="utf-8") if card.is_file() else ""
        all_tags = {**tags, **_figures(results.evaluation["ensemble"])}
        return register_ensemble(server, files, all_tags, run_id, said)


def _figures(measured: Mapping[str, Any]) -> dict[str, str]:
    return {f"pneumo.{key}": f"{value:.6f}" for key, value in measured.items() if _is_number(value)}


def _is_number(value: Any) -> bool:
    return isinstance(value, int | float) and not isinstance(value, bool)
