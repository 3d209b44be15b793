"""How readers agree with each other and with the ensemble: kappa, boxes, the challenge's metric."""

from collections.abc import Iterable, Mapping, Sequence
from itertools import combinations
from typing import Any

import numpy as np
from scipy.optimize import linear_sum_assignment

from pneumo.dataset.rsna import precision_of
from pneumo.detection.boxes import Box
from pneumo.detection.matching import pairs_of, table_of
from pneumo.evaluation.bootstrap import draw_people, estimate, weighted_means, with_all
from pneumo.reading._images import Image
from pneumo.reading._readings import VERDICTS, Reading

OPACITY, CLEAR, UNSURE = VERDICTS
FEWEST = 10
"""Verdicts of a reader before the agreement with the answer is told: of fewer it would tell the
answer of each."""

Said = Mapping[str, tuple[bool, Sequence[Box]]]
"""Radiograph -> whether there is an opacity, and where."""


def agreement(rows: Iterable[Reading], images: Mapping[str, Image], key: str) -> dict[str, Any]:
    """Every two readers, and every reader and the ensemble, on what both have decided."""
    by_reader: dict[str, dict[str, Reading]] = {}
    people: dict[str, str] = {}
    for row in rows:
        name = getattr(row, key)
        if row.verdict:
            by_reader.setdefault(row.reader, {})[name] = row
            people[name] = row.person or name
    said = {reader: _said(mine.values(), key) for reader, mine in by_reader.items()}
    answers = {
        image.key: (bool(image.boxes), [Box(**box) for box in image.boxes])
        for image in images.values()
        if image.status == "scored"
    }
    return {
        "readers": [_counts(reader, mine.values()) for reader, mine in sorted(by_reader.items())],
        "pairs": [
            {"one": one, "other": other, **compared(said[one], said[other], people)}
            for one, other in combinations(sorted(said), 2)
        ],
        "answer": [
            {"reader": reader, **compared(mine, answers, people)}
            for reader, mine in sorted(said.items())
            if len(mine.keys() & answers.keys()) >= FEWEST
        ],
    }


def compared(one: Said, other: Said, people: Mapping[str, str]) -> dict[str, Any]:
    """Figures with 95 % intervals over people; ``truth`` names whose boxes the metric trusts."""
    names = sorted(one.keys() & other.keys())
    a = np.array([one[name][0] for name in names], bool)
    b = np.array([other[name][0] for name in names], bool)
    told: dict[str, Any] = {"images": len(names), "agree": int((a == b).sum())}
    told |= {"one_alone": int((a & ~b).sum()), "other_alone": int((b & ~a).sum())}
    told |= {"both_opacity": int((a & b).sum())}
    if not names:
        return told | dict.fromkeys(("kappa", "box_iou", "score_one_truth", "score_other_truth"))
    draws = with_all(draw_people([people.get(name, name) for name in names]))
    boxes = [one[name][1] for name in names], [other[name][1] for name in names]
    overlap = np.array([box_iou(*pair) for pair in zip(*boxes, strict=True)])
    return told | {
        "kappa": estimate(kappas(a, b, draws)),
        "box_iou": estimate(weighted_means(np.where(a & b, overlap, np.nan), draws)),
        "score_one_truth": _score(boxes[0], boxes[1], draws),
        "score_other_truth": _score(boxes[1], boxes[0], draws),
    }


def kappas(a: np.ndarray, b: np.ndarray, draws: np.ndarray) -> np.ndarray:
    """Cohen's kappa of two readers in each resample, NaN where both always say the same one thing.

    ``a``, ``b``: bool ``(n,)``; ``draws``: ``(resamples, n)``, how often each radiograph counts.
    """
    count = draws.sum(axis=1)
    same, of_a, of_b = (draws @ part.astype(float) / count for part in (a == b, a, b))
    chance = of_a * of_b + (1 - of_a) * (1 - of_b)
    return np.divide(
        same - chance, 1 - chance, out=np.full(len(draws), np.nan), where=chance < 1 - 1e-12
    )


def box_iou(one: Sequence[Box], other: Sequence[Box]) -> float:
    """Intersection over union of the best pairs, a box without a partner counting 0; NaN where
    either has none."""
    if not one or not other:
        return float("nan")
    pairs = pairs_of(table_of([one], ranked=False), table_of([other], ranked=False), above=0)
    overlaps = np.zeros((len(other), len(one)))
    overlaps[pairs.call, pairs.target] = pairs.overlap
    best = linear_sum_assignment(overlaps, maximize=True)
    return float(overlaps[best].sum() / max(len(one), len(other)))


def _score(
    truth: Sequence[Sequence[Box]], found: Sequence[Sequence[Box]], draws: np.ndarray
) -> dict[str, float | None]:
    return estimate(weighted_means(precision_of(truth, found).mean(axis=1), draws))


def _said(rows: Iterable[Reading], key: str) -> dict[str, tuple[bool, Sequence[Box]]]:
    return {
        getattr(row, key): (row.verdict == OPACITY, [Box(*box) for box in row.boxes])
        for row in rows
        if row.verdict != UNSURE
    }


def _counts(reader: str, rows: Iterable[Reading]) -> dict[str, Any]:
    verdicts = [row.verdict for row in rows]
    return {"reader": reader, **{word: verdicts.count(word) for word in VERDICTS}}
