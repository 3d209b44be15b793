"""Judge the ensemble, and each network alone, on test people that nothing was chosen on."""

import json
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import numpy as np

from pneumo.base.errors import DataError
from pneumo.base.files import whole, write_json, write_text
from pneumo.detection.ensemble import Ensemble, blend
from pneumo.evaluation.bootstrap import draw_people, with_all
from pneumo.evaluation.figures import ENSEMBLE, held_out, measure, summary
from pneumo.evaluation.froc import pool_calls
from pneumo.evaluation.judge import candidates, judge
from pneumo.evaluation.perturbations import sample
from pneumo.evaluation.stability import load_perturbed, stability
from pneumo.prepared.format import Prepared, load_maps, load_prepared
from pneumo.report.curves import charts, read_histories, tables
from pneumo.report.examples import gallery
from pneumo.report.provenance import origin
from pneumo.report.report import render_card, render_report
from pneumo.report.sentences import headline

PICTURES = 12
"""Test images that the report draws with truth and prediction: a few of each kind, one page."""


def evaluate(
    prepared: Path,
    networks: Path,
    tuned: Path,
    out: Path,
    tuning: Path | None = None,
    *,
    models: list[str],
) -> None:
    """Write the folder ``out``, whole or not at all.

    ``metrics.json``    every figure (see ``evaluation``); ``summary.json`` those DVC compares
    ``cases.csv``       a row per test radiograph (see ``cases``)
    ``report.html``     one page for people, ``model_card.md`` what the registry shows
    ``plots``           the curves as tables

    ``tuning`` is what ``tune`` tells of its choice; without it the report leaves that out. Raises
    DataError when data, networks or choice are missing or do not fit.
    """
    data = load_prepared(prepared)
    choices = read_tuned(tuned)
    told = read_json(tuning) if tuning else None
    maps, changed = load_maps(data, networks, models, "test"), _perturbed(data, networks, models)
    histories = read_histories(networks, models)
    blended = {name: blend(maps, choice.weights) for name, choice in choices.items()}
    judged = {name: judge(data, "test", blended[name], choice) for name, choice in choices.items()}
    people = judged[ENSEMBLE][1]["person"].to_numpy()  # numbered as the gate and registry do
    test = held_out(data, with_all(draw_people(people)))
    choice, ours, (_, cases) = choices[ENSEMBLE], blended[ENSEMBLE], judged[ENSEMBLE]
    pairs = zip(test.truth, ours, test.frames, strict=True)
    calls = pool_calls(test.truth, {name: candidates(p, f, choice) for name, p, f in pairs})
    metrics = measure(data, test, judged, calls)
    metrics["stability"] = stability(data, ours, changed, choice, test.draws)
    curves = tables(metrics, cases, calls)
    pictures = gallery(data, ours, cases, choice, PICTURES)
    source = origin(data, networks, models, tuned, __name__)
    chosen = read_json(tuned)
    drawn = charts(metrics, curves, histories)
    with whole(out) as aside:
        (aside / "plots" / "training").mkdir(parents=True)
        write_json(aside / "metrics.json", metrics)
        write_json(aside / "summary.json", summary(metrics))
        cases.to_csv(aside / "cases.csv", index=False)
        for name, table in curves.items():
            table.to_csv(aside / "plots" / f"{name}.csv", index=False)
        for name, table in histories.items():
            table.to_csv(aside / "plots" / "training" / f"{name}.csv", index=False)
        page = render_report(metrics, chosen, told, drawn, pictures, source)
        write_text(aside / "report.html", page)
        write_text(aside / "model_card.md", render_card(metrics, chosen, told, source))
    _tell(metrics)


def read_tuned(path: Path) -> dict[str, Ensemble]:
    """Read what ``tune`` chose: for ``ensemble`` and for each network alone."""
    try:
        return {name: Ensemble.from_json(choice) for name, choice in read_json(path).items()}
    except (AttributeError, KeyError, TypeError) as error:
        raise DataError(f"{path}: no choice of `pneumo tune` ({error!r})") from None


def read_json(path: Path) -> dict[str, Any]:
    """Read what ``tune`` wrote; DataError when it is not there or no JSON."""
    try:
        return json.loads(path.read_text())
    except (OSError, ValueError) as error:
        raise DataError(f"{path}: {error}; run `pneumo tune`") from None


def _perturbed(
    data: Prepared, networks: Path, models: list[str]
) -> dict[str, dict[str, np.ndarray]]:
    count = len(sample(len(data.rows("test"))))
    return load_perturbed(networks, models, (count, data.size_px, data.size_px))


def _tell(metrics: Mapping[str, Any]) -> None:
    rows = {k: v["map"] for k, v in metrics.items() if isinstance(v, dict) and "map" in v}
    print("test mAP: " + ", ".join(f"{name} {score:.4f}" for name, score in rows.items()))
    print(headline(metrics))
