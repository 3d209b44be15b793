"""The way to make boxes: the best one found, drawn back towards the plain one as far as it is luck.

How much of the score is luck, nested resampling over people tells.
"""

from collections.abc import Callable, Mapping, Sequence
from dataclasses import fields, replace
from typing import TYPE_CHECKING, Any

import numpy as np

from pneumo.detection.ensemble import Ensemble
from pneumo.tuning.search import Cases, Judge, Scores

if TYPE_CHECKING:
    from pneumo.base.settings import BoxesSettings

HALVINGS = 20
"""Of the people, each half tuned on once: their mean errs by a fifth of the spread between them."""

SHARES = (0.0, 0.25, 0.5, 0.75, 1.0)
"""How far from the plain way towards the best one ``tune`` may go."""

PLAIN = (0, 0, 0, 0, 0, 0)
"""The place of the plain way among those that are searched: the first of everything."""

SEED = 1
"""Of the halvings: the same people give the same choice."""


def halves(people: Sequence[str | int] | np.ndarray, resamples: int, seed: int) -> np.ndarray:
    """Halvings of the people: bool ``(2 * resamples, n)``, each row followed by its complement.

    ``people`` names the person of each of ``n`` images; a person's images stay together.
    """
    known, person = np.unique(np.asarray(people), return_inverse=True)
    rng = np.random.default_rng(seed)
    rows = []
    for _ in range(resamples):
        chosen = np.zeros(len(known), bool)
        chosen[rng.permutation(len(known))[: len(known) // 2]] = True
        rows += [chosen[person], ~chosen[person]]
    return np.array(rows)


def choose(
    cases: Cases,
    people: Sequence[str | int],
    weightings: Sequence[dict[str, float]],
    boxes: "BoxesSettings",
    *,
    resamples: int = HALVINGS,
    seed: int = SEED,
    progress: Callable[[int, int], None] = lambda done, total: None,
) -> tuple[Ensemble, dict[str, float]]:
    """A way between the plain one and the one with the best score on all images.

    The share that is gone towards the best is the smallest of ``SHARES`` that is worse than the
    best share by one standard error at most (``_least_as_good``) on halves of the people, when the
    best way is searched on the other halves. The first of ``weightings`` and of each list of
    ``boxes`` are the plain way, and among equal scores the plainest wins. The figures are those of
    ``overfitting``, with that ``share`` and, for its score there, ``drawn_held_out``.
    """
    subsets = np.vstack([np.ones((1, len(people)), bool), halves(people, resamples, seed)])
    judge = Judge(cases, boxes, subsets)
    scores = judge.every(weightings, progress)
    plain = plain_way(weightings[0], boxes)
    ways = {share: drawn(plain, scores.way(scores.best(0)), share) for share in SHARES}
    held_out = {share: _held_out(judge, scores, plain, share) for share in SHARES}

    share = _least_as_good(held_out, {s: float(judge.one(way)[0]) for s, way in ways.items()})
    told = {"share": share, "drawn_held_out": float(held_out[share].mean())}
    return ways[share], {**overfitting(scores), **told}


def drawn(plain: Ensemble, best: Ensemble, share: float) -> Ensemble:
    """The way that lies ``share`` of the distance from ``plain`` to ``best`` in what is tuned."""
    if share in (0, 1):
        return best if share else plain

    def between(low: float, high: float) -> float:
        return round(low + share * (high - low), 6)

    weights = {name: between(low, best.weights[name]) for name, low in plain.weights.items()}
    limits: dict[str, Any] = {
        field.name: between(getattr(plain, field.name), getattr(best, field.name))
        for field in fields(Ensemble)
        if field.name not in ("weights", "cells")
    }
    shares = {name: one / sum(weights.values()) for name, one in weights.items()}
    return replace(plain, weights=shares, **limits)


def _held_out(judge: Judge, scores: Scores, plain: Ensemble, share: float) -> np.ndarray:
    """The score on each half of the way that is drawn from what its other half finds best."""
    known: dict[tuple[int, ...], np.ndarray] = {}
    found = []
    for subset in range(1, scores.values.shape[-1]):
        place = scores.best(subset)
        if place not in known:
            known[place] = judge.one(drawn(plain, scores.way(place), share))
        found.append(known[place][_other(subset)])
    return np.array(found)


def _least_as_good(held_out: Mapping[float, np.ndarray], on_all: Mapping[float, float]) -> float:
    """The smallest share within one standard error of the best.

    ``held_out`` has a share's scores on the halves, ``on_all`` its score on everybody, which
    decides where the halves cannot. The error of a difference is its standard deviation over the
    halves: a half drawn without replacement strays from all as all do from their population.
    Source: Breiman et al., "Classification and Regression Trees", 1984, section 3.4.3.
    """

    def merit(share: float) -> tuple[float, float, float]:
        return round(float(held_out[share].mean()), 9), round(on_all[share], 9), -share

    best = max(held_out, key=merit)
    loss = {share: held_out[best] - scores for share, scores in held_out.items()}
    told = {share: lost for share, lost in loss.items() if np.abs(lost).max() > 1e-9}
    as_good = [share for share, lost in told.items() if lost.mean() <= lost.std()]
    return min([*as_good, best])


def _other(subset: int) -> int:
    """The half of the people that is not in ``subset``: they stand in pairs, after the whole."""
    return subset + 1 if subset % 2 else subset - 1


def overfitting(scores: Scores) -> dict[str, float]:
    """Mean scores over halves of the people, each tuned on and then judged on the other half.

    ``ways``: ways tried; ``tuned``: the best way on the half it was chosen on; ``held_out``: the
    same way on the other half; ``plain_held_out``: the untuned way there; ``overfit``: tuned less
    held out, the luck in the score on validation; ``gain``: held out less plain, what tuning is
    worth on new people, and the share of halves on which it is above 0.
    """
    rows = []
    for subset in range(1, scores.values.shape[-1]):
        best, other = scores.best(subset), _other(subset)
        rows.append(
            (scores.values[best][subset], scores.values[best][other], scores.values[PLAIN][other])
        )
    tuned, held_out, untuned = np.array(rows).T
    return {
        "ways": int(np.prod(scores.values.shape[:-1])),
        "tuned": float(tuned.mean()),
        "held_out": float(held_out.mean()),
        "plain_held_out": float(untuned.mean()),
        "overfit": float((tuned - held_out).mean()),
        "gain": float((held_out - untuned).mean()),
        "gain_above_0": float((held_out > untuned).mean()),
    }


def plain_way(weights: Mapping[str, float], boxes: "BoxesSettings") -> Ensemble:
    """The way without tuning: these weights, and the first of each of the settings' lists."""
    return Ensemble(
        dict(weights),
        boxes.thresholds[0],
        boxes.gates[0],
        boxes.minimum_areas_px[0],
        boxes.shrinks[0],
        boxes.shrinks[0],
    )
