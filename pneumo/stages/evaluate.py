"""Judge the ensemble, and each network alone, on test people that nothing was chosen on."""

import json
from collections.abc import Mapping, Sequence
from dataclasses import fields
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np

from pneumo.bootstrap import draw_people, with_all
from pneumo.boxes import Box
from pneumo.ensemble import Ensemble, blend
from pneumo.evaluation import ENSEMBLE, held_out, measure
from pneumo.figures import draw_curves, draw_pictures, draw_precision
from pneumo.files import whole, write_json
from pneumo.froc import pool_calls
from pneumo.judge import candidates, judge
from pneumo.perturbations import sample
from pneumo.prepared import Prepared, load_prepared, load_probabilities
from pneumo.report import write_report
from pneumo.rsna import THRESHOLDS
from pneumo.stability import load_perturbed, stability

if TYPE_CHECKING:
    from pneumo.settings import EvaluateSettings


def evaluate(
    prepared: Path,
    networks: Path,
    tuned: Path,
    out: Path,
    *,
    models: list[str],
    evaluate: "EvaluateSettings",
) -> None:
    """Write ``metrics.json``, ``cases.csv``, ``report.html`` and the figures to ``out``."""
    data = load_prepared(prepared)
    choices = read_tuned(tuned)
    maps = _test_maps(data, networks, models)
    changed = _perturbed(data, networks, models)
    blended = {name: blend(maps, choice.weights) for name, choice in choices.items()}
    judged = {name: judge(data, "test", blended[name], choice) for name, choice in choices.items()}
    people = data.index["person"].iloc[data.rows("test")].tolist()
    test = held_out(data, with_all(draw_people(people, evaluate.resamples, evaluate.seed)))
    choice, ours = choices[ENSEMBLE], blended[ENSEMBLE]
    pairs = zip(test.truth, ours, test.frames, strict=True)
    calls = pool_calls(test.truth, {name: candidates(p, f, choice) for name, p, f in pairs})
    metrics = measure(data, test, judged, calls, evaluate.minimum_group)
    metrics["stability"] = stability(data, ours, changed, choice, test.draws)
    found = {name: boxes for name, (boxes, _) in judged.items()}
    with whole(out) as aside:
        aside.mkdir()
        write_json(aside / "metrics.json", metrics)
        judged[ENSEMBLE][1].to_csv(aside / "cases.csv", index=False)
        draw_pictures(aside / "pictures.png", _pictures(data, blended, found, evaluate.pictures))
        draw_precision(aside / "precision.png", THRESHOLDS, metrics["precision_by_threshold"])
        draw_curves(aside / "curves.png", networks, models)
        write_report(aside / "report.html", metrics, json.loads(tuned.read_text()), aside)
    print(_summary(metrics))


def read_tuned(path: Path) -> dict[str, Ensemble]:
    """Read what ``tune`` chose: for ``ensemble`` and for each network alone."""
    return {
        name: Ensemble(**{field.name: choice[field.name] for field in fields(Ensemble)})
        for name, choice in json.loads(path.read_text()).items()
    }


def _test_maps(data: Prepared, networks: Path, models: list[str]) -> dict[str, np.ndarray]:
    rows = data.rows("validation", "test")
    skip = len(data.rows("validation"))
    shape = (len(rows), data.size_px, data.size_px)
    return {name: load_probabilities(networks, name, shape)[skip:] for name in models}


def _perturbed(
    data: Prepared, networks: Path, models: list[str]
) -> dict[str, dict[str, np.ndarray]]:
    count = len(sample(len(data.rows("test"))))
    return load_perturbed(networks, models, (count, data.size_px, data.size_px))


def _pictures(
    data: Prepared,
    blended: Mapping[str, np.ndarray],
    found: Mapping[str, Mapping[str, Sequence[Box]]],
    count: int,
) -> list[dict[str, Any]]:
    """Test images to draw: two in three positive, spread evenly over the test set."""
    rows = data.rows("test")
    truth, frames, names = data.truth(rows), data.frames(rows), data.names(rows)
    positive = [i for i, name in enumerate(names) if truth[name]]
    negative = [i for i, name in enumerate(names) if not truth[name]]
    shown = _spread(positive, -(-count * 2 // 3)) + _spread(negative, count // 3)
    return [
        {
            "title": data.index["class"].iloc[rows[i]],
            "pixels": data.images[rows[i]],
            "probability": blended[ENSEMBLE][i],
            "truth": [frames[i].to_square(box) for box in truth[names[i]]],
            "found": [frames[i].to_square(box) for box in found[ENSEMBLE][names[i]]],
        }
        for i in shown
    ]


def _spread(items: list[int], count: int) -> list[int]:
    places = np.linspace(0, len(items) - 1, min(count, len(items))).round().astype(int)
    return [items[place] for place in places]


def _summary(metrics: Mapping[str, Any]) -> str:
    rows = {k: v["map"] for k, v in metrics.items() if isinstance(v, dict) and "map" in v}
    return "test mAP: " + ", ".join(f"{name} {score:.4f}" for name, score in rows.items())
