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
from pneumo.dicom import fit, read_radiograph
from pneumo.errors import DataError, RadiographError, RegistryError, ServiceError
from pneumo.files import whole, write_json
from pneumo.progress import track
from pneumo.rsna import format_submission
from pneumo.tracking import client

if TYPE_CHECKING:
    from mlflow.entities.model_registry import ModelVersion

    from pneumo.engines import KerasEngine

BATCH = 32
COLUMNS = ("file", "rows", "columns", "view", "probability", "boxes", "model_version")


def score(source: Path, out: Path) -> dict[str, Any]:
    """Score a DICOM file, or all ``.dcm`` files below a folder, with the champion.

    Writes the folder ``out``: ``predictions.csv`` (a row per radiograph), ``submission.csv``
    (the challenge's format), ``rejected.csv`` (file, reason, message) and ``summary.json``, which
    is returned. Raises RegistryError when there is no champion or its files fail their sums.
    """
    files = sorted(source.rglob("*.dcm")) if source.is_dir() else [source]
    if not files or not files[0].exists():
        raise DataError(f"{source}: holds no .dcm file")
    version, engine = _champion()
    rows: list[dict[str, Any]] = []
    rejected: list[dict[str, str]] = []
    found: dict[str, list[Box]] = {}
    for batch in _batches(track(files, len(files), "Scoring"), engine.size_px, rejected):
        for row, boxes in _find(batch, engine):
            rows.append({**row, "boxes": json.dumps(boxes), "model_version": version.version})
            found[Path(row["file"]).stem] = [Box(**box) for box in boxes]
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


def _champion() -> "tuple[ModelVersion, KerasEngine]":
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
        from pneumo.engines import KerasEngine

        return version, KerasEngine(package)


def _batches(
    files: Iterator[Path], size_px: int, rejected: list[dict[str, str]]
) -> Iterator[list[tuple[dict[str, Any], Frame, np.ndarray]]]:
    """Read files into batches; what cannot be read is added to ``rejected``."""
    batch = []
    for path in files:
        try:
            radiograph = read_radiograph(path)
        except RadiographError as error:
            rejected.append({"file": str(path), "reason": error.reason, "message": str(error)})
            continue
        rows, columns = radiograph.frame_size
        facts = {"file": str(path), "rows": rows, "columns": columns, "view": radiograph.view}
        batch.append((facts, Frame(rows, columns, size_px), fit(radiograph.pixels, size_px)))
        if len(batch) == BATCH:
            yield batch
            batch = []
    if batch:
        yield batch


def _find(
    batch: list[tuple[dict[str, Any], Frame, np.ndarray]], engine: "KerasEngine"
) -> Iterator[tuple[dict[str, Any], list[dict[str, float]]]]:
    maps = engine.probabilities(np.stack([picture for _, _, picture in batch]))
    for (facts, frame, _), probability in zip(batch, maps, strict=True):
        boxes = [vars(box).copy() for box in engine.ensemble.boxes(probability, frame)]
        yield {**facts, "probability": round(float(probability.max()), 6)}, boxes
