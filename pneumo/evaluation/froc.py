"""Free-response ROC: how many opacities are found at how many false calls per radiograph.

The rule: calls are matched in falling confidence, each to the free true box it overlaps most, and
hit where their IoU is above ``HIT_IOU``; every other call is false, a second one on the same
opacity too. False calls are counted over all radiographs, healthy or not.

Source: Chakraborty and Winter, Radiology 174 (1990); the seven rates are those of the LUNA16 score
(Setio et al., Medical Image Analysis 42, 2017).
"""

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass

import numpy as np

from pneumo.detection.frame import Box
from pneumo.detection.matching import hits_of, table_of

HIT_IOU = 0.40
RATES = (0.125, 0.25, 0.5, 1.0, 2.0, 4.0, 8.0)
ROWS_AT_ONCE = 64


@dataclass(frozen=True)
class Calls:
    """All calls on a set of radiographs, most confident first, and how many true boxes each has.

    ``image`` (place of the radiograph), ``confidence`` and ``hit`` are ``(calls,)``; ``truths`` is
    ``(n,)``.
    """

    image: np.ndarray
    confidence: np.ndarray
    hit: np.ndarray
    truths: np.ndarray


def pool_calls(truth: Mapping[str, Sequence[Box]], found: Mapping[str, Sequence[Box]]) -> Calls:
    """Pool the calls (most confident first) of all radiographs, in the order of ``truth``."""
    calls = [found[name] for name in truth]
    hit = np.concatenate([*hits_of(list(truth.values()), calls, HIT_IOU), np.zeros(0, bool)])
    table = table_of(calls, ranked=False)
    order = np.argsort(-table.confidence, kind="stable")
    truths = np.array([len(boxes) for boxes in truth.values()])
    return Calls(table.image[order], table.confidence[order], hit[order], truths)


def sensitivity_at_rates(calls: Calls, draws: np.ndarray) -> np.ndarray:
    """Share of true boxes hit at each of ``RATES``: float64 ``(resamples, 7)``.

    ``draws`` is ``(resamples, n)``: how often each radiograph counts. NaN where a resample has no
    true box.
    """
    return np.vstack([_at_rates(*curve) for curve in _curves(calls, draws)])


def froc_curve(calls: Calls) -> tuple[np.ndarray, np.ndarray]:
    """False calls per radiograph and share of true boxes hit, from the strictest point on."""
    false, hit = next(_curves(calls, np.ones((1, len(calls.truths)))))
    return false[0], hit[0]


def _curves(calls: Calls, draws: np.ndarray) -> Iterator[tuple[np.ndarray, np.ndarray]]:
    """Blocks of resamples: false calls per radiograph, and sensitivity, ``(rows, 1 + points)``."""
    last = np.append(np.diff(calls.confidence) != 0, True) if len(calls.hit) else np.zeros(0, bool)
    for start in range(0, len(draws), ROWS_AT_ONCE):
        block = draws[start : start + ROWS_AT_ONCE].astype(float)
        counted = block[:, calls.image]
        images = np.maximum(block.sum(axis=1, keepdims=True), 1)
        truths = block @ calls.truths.astype(float)[:, None]
        false = np.cumsum(counted * ~calls.hit, axis=1)[:, last] / images
        hits = np.cumsum(counted * calls.hit, axis=1)[:, last]
        share = np.divide(hits, truths, out=np.full(hits.shape, np.nan), where=truths > 0)
        start_at = np.where(truths > 0, 0.0, np.nan)
        yield np.hstack([np.zeros_like(images), false]), np.hstack([start_at, share])


def _at_rates(false: np.ndarray, share: np.ndarray) -> np.ndarray:
    """The last point of each row whose false calls are within each rate."""
    columns = [(false <= rate).sum(axis=1, keepdims=True) - 1 for rate in RATES]
    return np.hstack([np.take_along_axis(share, column, axis=1) for column in columns])
