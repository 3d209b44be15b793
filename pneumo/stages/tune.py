"""Choose how the networks are weighed and how maps become boxes; on validation, never on test."""

from collections.abc import Mapping
from pathlib import Path
from typing import TYPE_CHECKING

import numpy as np

from pneumo.ensemble import search_weights
from pneumo.files import write_json
from pneumo.prepared import Prepared, load_prepared, load_probabilities
from pneumo.progress import bar

if TYPE_CHECKING:
    from pneumo.settings import BoxesSettings, EnsembleSettings


def tune(
    prepared: Path,
    networks: Path,
    out: Path,
    *,
    models: list[str],
    ensemble: "EnsembleSettings",
    boxes: "BoxesSettings",
) -> None:
    """Write the best ensemble, and the best use of each network alone, to ``out`` (JSON)."""
    data = load_prepared(prepared)
    maps = _validation_maps(data, networks, models)
    chosen = {"ensemble": _best(data, maps, ensemble, boxes)}
    for name in models:
        chosen[name] = _best(data, {name: maps[name]}, ensemble, boxes)
    write_json(out, chosen)
    weights = ", ".join(f"{name} {w:.3f}" for name, w in chosen["ensemble"]["weights"].items())
    print(f"ensemble: validation mAP {chosen['ensemble']['validation_map']:.4f}, weights {weights}")


def _validation_maps(data: Prepared, networks: Path, models: list[str]) -> dict[str, np.ndarray]:
    held_out = data.rows("validation", "test")
    count = len(data.rows("validation"))
    shape = (len(held_out), data.size_px, data.size_px)
    return {name: load_probabilities(networks, name, shape)[:count] for name in models}


def _best(
    data: Prepared,
    maps: Mapping[str, np.ndarray],
    ensemble: "EnsembleSettings",
    boxes: "BoxesSettings",
) -> dict:
    rows = data.rows("validation")
    single = ensemble.model_copy(update={"candidates": 0}) if len(maps) == 1 else ensemble
    with bar() as progress:
        task = progress.add_task(f"Tuning {', '.join(maps)}", total=None, note="")
        best, score = search_weights(
            maps,
            data.frames(rows),
            data.truth(rows),
            ensemble=single,
            boxes=boxes,
            progress=lambda done, total: progress.update(task, completed=done, total=total),
        )
    return {**best.to_json(), "validation_map": score}
