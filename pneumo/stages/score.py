"""Find opacities on new radiographs with the champion; a bad file never stops the batch."""

import json
import tempfile
from collections.abc import Iterator
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np
import pandas as pd

from pneumo import registry
from pneumo.boxes import Box, Frame
from pneumo.dicom.folder import list_folder, read_folder
from pneumo.dicom.workers import Rejected
from pneumo.engines.choose import open_engine
from pneumo.engines.package import Package
from pneumo.errors import DataError, RegistryError, ServiceError
from pneumo.files import whole, write_json
from pneumo.progress import track
from pneumo.rsna import format_submission
from pneumo.safe import cell
from pneumo.tracking import client

if TYPE_CHECKING:
    from mlflow.entities.model_registry import ModelVersion

    from pneumo.engines.engine import Engine
    from pneumo.ensemble import Ensemble

BATCH = 32
COLUMNS = ("file", "rows", "columns", "view", "probability", "boxes", "model_version")


def score(source: Path, out: Path) -> dict[str, Any]:
    """Score a radiograph, or every file below a folder, with the champion.

    Writes the folder ``out``: ``predictions.csv`` (a row per radiograph), ``submission.csv``
    (the challenge's format), ``rejected.csv`` (file, reason, message) and ``summary.json``, which
    is returned. Raises RegistryError when there is no champion or its files fail their sums.
    """
    files = list_folder(source)
    if not files:
        raise DataError(f"{source}: holds no file")
    version, engine, ensemble = _champion()
    rows: list[dict[str, Any]] = []
    rejected: list[dict[str, str]] = []
    found: dict[str, list[Box]] = {}
    for batch in _batches(source, files, engine.size_px, rejected):
        for row, boxes in _find(batch, engine, ensemble):
            rows.append({**row, "boxes": json.dumps(boxes), "model_version": version.version})
            found[cell(files[row["number"]].stem)] = [Box(**box) for box in boxes]
    summary = {
        "files": len(files),
        "scored": len(rows),
        "rejected": len(rejected),
        "positive": sum(bool(boxes) for boxes in found.values()),
        "model": f"models:/{registry.ENSEMBLE}/{version.version}",
    }
    with whole(out) as aside:
        aside.mkdir()
        pd.DataFrame(rows, columns=COLUMNS).to_csv(aside / "predictions.csv", index=False)
        pd.DataFrame(rejected, columns=("file", "reason", "message")).to_csv(
            aside / "rejected.csv", index=False
        )
        (aside / "submission.csv").write_text(format_submission(found))
        write_json(aside / "summary.json", summary)
    return summary


def _champion() -> "tuple[ModelVersion, Engine, Ensemble]":
    server = client()
    if server is None:
        raise ServiceError(
            "MLFLOW_TRACKING_URI names no server; run `pneumo up`, then `. .pneumo/env`"
        )
    version = registry.version_at(server, registry.CHAMPION)
    if version is None:
        raise RegistryError(
            f"{registry.ENSEMBLE} has no champion yet; run `airflow dags trigger pneumonia_train`"
        )
    with tempfile.TemporaryDirectory() as folder:
        package = registry.fetch_ensemble(server, version, Path(folder))
        checked = Package(package)
        return version, open_engine(checked), checked.ensemble


def _batches(
    source: Path, files: list[Path], size_px: int, rejected: list[dict[str, str]]
) -> Iterator[list[tuple[dict[str, Any], Frame, np.ndarray]]]:
    """Read files into batches; what cannot be read is added to ``rejected``."""
    batch = []
    answers = track(read_folder(source, files, size_px), len(files), "Scoring")
    for number, answer in enumerate(answers):
        file = cell(files[number])
        if isinstance(answer, Rejected):
            message = cell(answer.message)
            rejected.append({"file": file, "reason": answer.reason, "message": message})
            continue
        rows, columns = answer.rows, answer.columns
        size = {"rows": rows, "columns": columns}
        facts = {"number": number, "file": file, **size, "view": answer.facts.view}
        batch.append((facts, Frame(rows, columns, size_px), answer.pixels))
        if len(batch) == BATCH:
            yield batch
            batch = []
    if batch:
        yield batch


def _find(
    batch: list[tuple[dict[str, Any], Frame, np.ndarray]], engine: "Engine", ensemble: "Ensemble"
) -> Iterator[tuple[dict[str, Any], list[dict[str, float]]]]:
    maps = engine.probabilities(np.stack([picture for _, _, picture in batch]))
    for (facts, frame, _), probability in zip(batch, maps, strict=True):
        boxes = [vars(box).copy() for box in ensemble.boxes(probability, frame)]
        yield {**facts, "probability": round(float(probability.max()), 6)}, boxes
