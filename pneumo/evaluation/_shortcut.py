"""The shortcut audit: what a guess from view, sex and age reaches that never sees a pixel.

In the challenge's data AP radiographs, taken at the bedside, are four times as often positive as PA
ones; a network may learn the view instead of the lung (Zech et al., PLOS Medicine 15, 2018).
"""

from collections.abc import Sequence
from typing import Any

import numpy as np
import pandas as pd
from sklearn.linear_model import LogisticRegression

from pneumo.evaluation.bootstrap import estimate
from pneumo.evaluation.roc import auroc

FACTS = ("view", "sex", "age")
OLDEST_YEARS = 120


def audit(
    train: pd.DataFrame, test: pd.DataFrame, score: np.ndarray, draws: np.ndarray
) -> dict[str, Any]:
    """AUROC of metadata beside the model's, and the model's within each view; with intervals.

    ``train`` and ``test`` are rows of ``index.parquet``, ``score`` ``(n,)`` is what the model says
    to the test images, ``draws`` ``(1 + resamples, n)``. ``metadata`` has an entry per fact and one
    for ``all``; ``advantage`` is the model's AUROC less that of all metadata, in pairs.
    """
    target = test["target"].to_numpy() > 0
    model = auroc(score, target, draws)
    guesses = {name: guess(train, test, [name]) for name in FACTS}
    guesses["all"] = guess(train, test, FACTS)
    metadata = {name: auroc(values, target, draws) for name, values in guesses.items()}
    return {
        "model": estimate(model),
        "metadata": {name: estimate(values) for name, values in metadata.items()},
        "advantage": estimate(model - metadata["all"]),
        "within": {
            view: estimate(auroc(score[mask], target[mask], draws[:, mask]))
            for view in ("AP", "PA")
            for mask in [test["view"].to_numpy(object) == view]
        },
        "train_images": len(train),
    }


def guess(train: pd.DataFrame, test: pd.DataFrame, facts: Sequence[str]) -> np.ndarray:
    """Probability of an opacity from some of ``FACTS`` alone: float64 ``(n,)``.

    A logistic regression fitted on ``train``; the share of positives where there is one class.
    """
    target = train["target"].to_numpy() > 0
    if target.all() or not target.any():
        return np.full(len(test), float(target.all()))
    model = LogisticRegression(max_iter=1000).fit(_columns(train, facts), target)
    return model.predict_proba(_columns(test, facts))[:, 1]


def _columns(images: pd.DataFrame, facts: Sequence[str]) -> np.ndarray:
    """One column per known view and sex; age in centuries, its square, and whether it is known."""
    age = images["age"].to_numpy(float)
    known = (age >= 0) & (age <= OLDEST_YEARS)
    years = np.where(known, age, 0) / 100
    columns: dict[str, list] = {
        "view": [images["view"] == name for name in ("AP", "PA")],
        "sex": [images["sex"] == name for name in ("F", "M")],
        "age": [years, years**2, known],
    }
    return np.column_stack([column for fact in facts for column in columns[fact]]).astype(float)
