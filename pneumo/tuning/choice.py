"""The best way to make boxes, and how much of its score is luck: nested resampling over people."""

from collections.abc import Callable, Mapping, Sequence
from typing import TYPE_CHECKING

import numpy as np

from pneumo.detection.ensemble import Ensemble
from pneumo.tuning.search import Cases, Scores, score_all

if TYPE_CHECKING:
    from pneumo.base.settings import BoxesSettings

HALVINGS = 20
"""Of the people, each half tuned on once: their mean errs by a fifth of the spread between them."""

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
    """The way with the best score on all images, and what the same search gives on new people.

    The first of ``weightings`` is the plain one. Among equals the plainest wins. The figures
    are those of ``overfitting``.
    """
    split = halves(people, resamples, seed)
    subsets = np.vstack([np.ones((1, len(people)), bool), split])
    scores = score_all(cases, weightings, boxes, subsets, progress)
    return scores.way(scores.best(0)), overfitting(scores)


def plain_place(boxes: "BoxesSettings") -> tuple[int, ...]:
    """The way without tuning: equal weights, threshold near 0.5, least of all other limits."""
    return (
        0,
        int(np.argmin(np.abs(np.array(boxes.thresholds) - 0.5))),
        int(np.argmin(boxes.minimum_areas_px)),
        int(np.argmin(boxes.shrinks)),
        int(np.argmin(boxes.shrinks)),
        int(np.argmin(boxes.gates)),
    )


def overfitting(scores: Scores) -> dict[str, float]:
    """Mean scores over halves of the people, each tuned on and then judged on the other half.

    ``ways``: ways tried; ``tuned``: the best way on the half it was chosen on; ``held_out``: the
    same way on the other half; ``plain_held_out``: the untuned way there; ``overfit``: tuned less
    held out, the luck in the score on validation; ``gain``: held out less plain, what tuning is
    worth on new people, and the share of halves on which it is above 0.
    """
    plain = plain_place(scores.boxes)
    rows = []
    for subset in range(1, scores.values.shape[-1]):
        other = subset + 1 if subset % 2 else subset - 1
        best = scores.best(subset)
        rows.append(
            (scores.values[best][subset], scores.values[best][other], scores.values[plain][other])
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
    """The way at ``plain_place`` with equal ``weights``."""
    _, threshold, area, across, down, level = plain_place(boxes)
    return Ensemble(
        dict(weights),
        boxes.thresholds[threshold],
        boxes.gates[level],
        boxes.minimum_areas_px[area],
        boxes.shrinks[across],
        boxes.shrinks[down],
    )
