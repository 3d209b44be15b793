"""Choose how the networks are weighed and how maps become boxes; on validation, never on test."""

from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np
from rich.console import Console

from pneumo.base.files import write_json
from pneumo.base.progress import bar
from pneumo.detection.ensemble import Ensemble, blend, weightings
from pneumo.prepared.format import load_maps, load_prepared
from pneumo.tuning.choice import choose, plain_way
from pneumo.tuning.ledger import gains, losses, score
from pneumo.tuning.search import Cases

if TYPE_CHECKING:
    from pneumo.base.settings import BoxesSettings, EnsembleSettings


def tune(
    prepared: Path,
    networks: Path,
    out: Path,
    report: Path,
    *,
    models: list[str],
    ensemble: "EnsembleSettings",
    boxes: "BoxesSettings",
) -> None:
    """Write the best ensemble, and the best use of each network alone, to ``out`` (JSON).

    ``report`` (JSON) gets the ledger of losses and gains, and what nested resampling says.
    """
    data = load_prepared(prepared)
    rows = data.rows("validation")
    maps = load_maps(data, networks, models, "validation")
    cases = Cases(maps, data.frames(rows), list(data.truth(rows).values()))
    people = data.index["person"].iloc[rows].tolist()
    tried = list(weightings(models, ensemble.candidates))
    way, nested = _best(cases, people, tried, boxes)
    chosen = {"ensemble": _scored(cases, way)}
    for name in models:
        alone = Cases({name: cases.probabilities[name]}, cases.frames, cases.truth)
        best, _ = _best(alone, people, [{name: 1.0}], boxes)
        chosen[name] = _scored(alone, best)
    told = {
        "validation_images": len(rows),
        "validation_people": len(set(people)),
        "nested": nested,
        "losses": losses(cases, np.asarray(data.masks[rows]), way, boxes.thresholds),
        "gains": gains(cases, plain_way(tried[0], boxes), way),
    }
    write_json(report, told)
    write_json(out, chosen)
    _tell(chosen["ensemble"], told)


def _best(
    cases: Cases,
    people: Sequence[str],
    tried: list[dict[str, float]],
    boxes: "BoxesSettings",
) -> tuple[Ensemble, dict[str, float]]:
    with bar() as progress:
        task = progress.add_task(f"Tuning {', '.join(cases.probabilities)}", total=None, note="")
        return choose(
            cases,
            people,
            tried,
            boxes,
            progress=lambda done, total: progress.update(task, completed=done, total=total),
        )


def _scored(cases: Cases, way: Ensemble) -> dict[str, Any]:
    maps = blend(cases.probabilities, way.weights)
    return {**way.to_json(), "validation_map": score(cases, maps, way)}


def _tell(chosen: Mapping[str, Any], told: Mapping[str, Any]) -> None:
    console, nested = Console(soft_wrap=True, highlight=False), told["nested"]
    weights = ", ".join(f"{name} {share:.3f}" for name, share in chosen["weights"].items())
    console.print(f"ensemble: validation mAP {chosen['validation_map']:.4f}, weights {weights}")
    for name in ("losses", "gains"):
        steps = ", ".join(f"{row['step']} {row['score']:.4f}" for row in told[name])
        console.print(f"{name}: {steps}")
    console.print(
        f"{nested['ways']:,} ways; tuned on half of the people {nested['tuned']:.4f}, the same "
        f"on the other half {nested['held_out']:.4f}, the plain way there "
        f"{nested['plain_held_out']:.4f}; taken is {nested['share']:.0%} of the way from plain to "
        f"best, {nested['drawn_held_out']:.4f} there: no share is better by a standard error"
    )
