"""How well image-level probabilities tell radiographs with an opacity from those without.

Every measure takes ``score`` ``(n,)`` in [0, 1], ``target`` bool ``(n,)``, and ``draws``
``(resamples, n)``, how often each radiograph counts, and returns float64 ``(resamples,)``: scores
are sorted once, and resamples are rows of one running sum. NaN stands where a resample has one
class only.

Source: Fawcett, "An introduction to ROC analysis", Pattern Recognition Letters 27 (2006).
"""

from collections.abc import Iterator

import numpy as np

SPECIFICITIES = (0.90, 0.95)
BINS = 10
ROWS_AT_ONCE = 64
WIGGLE = 1e-12


def image_measures(
    score: np.ndarray, target: np.ndarray, draws: np.ndarray
) -> dict[str, np.ndarray]:
    """``auroc``, ``auprc``, ``sensitivity_at_90`` and ``_95`` (% specificity), and ``brier``."""
    blocks = []
    for hit, false in _curves(score, target, draws):
        measured = {"auroc": _area(hit, false), "auprc": _average_precision(hit, false)}
        for wanted in SPECIFICITIES:
            measured[f"sensitivity_at_{wanted * 100:.0f}"] = _sensitivity(hit, false, wanted)
        blocks.append(measured)
    joined = {name: np.concatenate([block[name] for block in blocks]) for name in blocks[0]}
    return joined | {"brier": brier(score, target, draws)}


def auroc(score: np.ndarray, target: np.ndarray, draws: np.ndarray) -> np.ndarray:
    """Area under the ROC curve, ties counted half."""
    return np.concatenate([_area(*curve) for curve in _curves(score, target, draws)])


def brier(score: np.ndarray, target: np.ndarray, draws: np.ndarray) -> np.ndarray:
    """Mean squared distance of the probability from what was there (Brier, 1950)."""
    return _ratio(draws @ (score - target) ** 2, draws.sum(axis=1))


def calibration(score: np.ndarray, target: np.ndarray, draws: np.ndarray) -> list[dict]:
    """Up to ``BINS`` bins with as many radiographs each, from low to high probability.

    Each has ``images``, ``predicted`` (mean probability) and ``observed``: the share with an
    opacity in each of ``draws``, ``(resamples,)``.
    """
    edges = np.unique(np.quantile(score, np.linspace(0, 1, BINS + 1)))
    place = np.clip(np.searchsorted(edges, score, side="left") - 1, 0, max(0, len(edges) - 2))
    bins = []
    for number in np.unique(place):
        inside = place == number
        part = draws[:, inside]
        observed = _ratio(part @ target[inside].astype(float), part.sum(axis=1))
        mean = float(score[inside].mean())
        bins.append({"images": int(inside.sum()), "predicted": mean, "observed": observed})
    return bins


def curve_points(score: np.ndarray, target: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """Positive and healthy radiographs called at each distinct probability, falling; from 0."""
    hit, false = next(_curves(score, target, np.ones((1, len(score)))))
    return hit[0], false[0]


def _curves(
    score: np.ndarray, target: np.ndarray, draws: np.ndarray
) -> Iterator[tuple[np.ndarray, np.ndarray]]:
    """Blocks of resamples: running counts of positive and of healthy, ``(rows, 1 + points)``."""
    order = np.argsort(-score, kind="stable")
    last = np.append(np.diff(score[order]) != 0, True)[: len(order)]
    positive = target[order].astype(bool)
    for start in range(0, len(draws), ROWS_AT_ONCE):
        counted = draws[start : start + ROWS_AT_ONCE, order].astype(float)
        zero = np.zeros((len(counted), 1))
        hit = np.cumsum(counted * positive, axis=1)[:, last]
        false = np.cumsum(counted * ~positive, axis=1)[:, last]
        yield np.hstack([zero, hit]), np.hstack([zero, false])


def _area(hit: np.ndarray, false: np.ndarray) -> np.ndarray:
    pairs = (np.diff(false, axis=1) * (hit[:, 1:] + hit[:, :-1]) / 2).sum(axis=1)
    return _ratio(pairs, hit[:, -1] * false[:, -1])


def _average_precision(hit: np.ndarray, false: np.ndarray) -> np.ndarray:
    precision = _ratio(hit[:, 1:], hit[:, 1:] + false[:, 1:])
    gained = np.where(np.diff(hit, axis=1) > 0, precision * np.diff(hit, axis=1), 0)
    both = (hit[:, -1] > 0) & (false[:, -1] > 0)
    return np.where(both, _ratio(gained.sum(axis=1), hit[:, -1]), np.nan)


def _sensitivity(hit: np.ndarray, false: np.ndarray, specificity: float) -> np.ndarray:
    """The highest sensitivity whose specificity is still at least ``specificity``."""
    allowed = false <= (1 - specificity) * false[:, -1:] + WIGGLE
    best = np.where(allowed, hit, 0).max(axis=1)
    both = (hit[:, -1] > 0) & (false[:, -1] > 0)
    return np.where(both, _ratio(best, hit[:, -1]), np.nan)


def _ratio(part: np.ndarray, whole: np.ndarray) -> np.ndarray:
    return np.divide(part, whole, out=np.full(np.shape(part), np.nan), where=whole > 0)
