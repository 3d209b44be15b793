"""What the maps of an encoder tell of a whole radiograph, by linear probes on folds of people.

    python bench/probe.py PREPARED --weights ENCODERS

PREPARED is a folder of ``pneumo prepare``, or of a fold of ``pneumo crossval``; ENCODERS is what
``train.encoder_weights`` may be. Mean and peak of each map are what a logistic regression learns
from, on each radiograph and its mirror image, on three of five folds; the last one judges. The
image head of an encoder that stays frozen sees the last map alone.
"""

import argparse
from collections.abc import Iterator
from pathlib import Path

import numpy as np
import pandas as pd
from rich.console import Console
from rich.table import Table
from sklearn.linear_model import LogisticRegression
from sklearn.pipeline import make_pipeline
from sklearn.preprocessing import StandardScaler

from pneumo.evaluation.bootstrap import draw_people, estimate, with_all
from pneumo.evaluation.roc import auroc
from pneumo.experiments._folds import folds
from pneumo.nets.configured import keras
from pneumo.nets.encoders import ENCODERS
from pneumo.nets.weights import load_encoder_weights
from pneumo.prepared.format import Prepared, load_prepared

FOLDS, SEED, RESAMPLES, BATCH = 5, 1, 2000, 16
REGULARISATION = 1e-4
"""Inverse strength of the penalty; ten times as much or as little moves an AUROC by about 0.01."""

MAPS = {"last": [4], "last two": [3, 4], "last three": [2, 3, 4], "all five": [0, 1, 2, 3, 4]}


def main() -> None:
    """Print a table per encoder."""
    words = argparse.ArgumentParser(description=__doc__)
    words.add_argument("prepared", type=Path)
    words.add_argument("--weights", default="none", help="none, imagenet, or a folder")
    words.add_argument("--encoders", default="resnet152,vgg19")
    chosen = words.parse_args()
    data = load_prepared(chosen.prepared)
    for name in chosen.encoders.split(","):
        table = Table(title=f"{name}, {chosen.weights}, {data.size_px} px", box=None)
        for column in ("maps", "AUROC", "over the last", "within AP", "within PA"):
            table.add_column(column, justify="left" if column == "maps" else "right")
        for row in probed(data, pooled(data, name, chosen.weights)):
            table.add_row(*row)
        Console(width=140).print(table)


def pooled(data: Prepared, name: str, weights: str) -> list[np.ndarray]:
    """Mean and peak of each map: per map, float32 ``(2, n, 2 * channels)``, images and mirrored."""
    keras.utils.set_random_seed(SEED)
    encoder = ENCODERS[name]["full"](data.size_px, momentum=0.9)
    load_encoder_weights(encoder, weights)
    ends = [
        keras.layers.Concatenate()(
            [keras.layers.GlobalAveragePooling2D()(m), keras.layers.GlobalMaxPooling2D()(m)]
        )
        for m in encoder.outputs
    ]
    network = keras.Model(encoder.input, ends)
    pixels = np.concatenate([data.images, data.images[:, :, ::-1]])[..., np.newaxis]
    found = network.predict(pixels, batch_size=BATCH, verbose=0)
    return [one.reshape(2, len(data.images), -1) for one in found]


def probed(data: Prepared, maps: list[np.ndarray]) -> Iterator[tuple[str, ...]]:
    """A line per choice of maps, and one of views that weigh alike within each class."""
    index = data.index
    target, view = index["target"].to_numpy() == 1, index["view"].to_numpy(object)
    draws = with_all(draw_people(index["person"].to_numpy(), RESAMPLES, SEED))
    fold_of = folds(index, FOLDS, SEED)
    plain = np.ones(len(index))
    choices = {name: (places, plain) for name, places in MAPS.items()}
    choices["last three, views balanced"] = MAPS["last three"], _balanced(index)
    last: np.ndarray | None = None
    for name, (places, weights) in choices.items():
        score = _scores(np.concatenate([maps[n] for n in places], -1), target, fold_of, weights)
        area = auroc(score, target, draws)
        last = area if last is None else last
        within = [
            auroc(score[view == v], target[view == v], draws[:, view == v]) for v in ("AP", "PA")
        ]
        yield name, _shown(area), _shown(area - last), *(_shown(one) for one in within)


def _balanced(index: pd.DataFrame) -> np.ndarray:
    """Weights with which each view has the same share of each class."""
    cells = index.groupby(["view", "target"], dropna=False)["target"].transform("size")
    return (len(index) / cells).to_numpy(float)


def _scores(
    values: np.ndarray, target: np.ndarray, fold_of: np.ndarray, weights: np.ndarray
) -> np.ndarray:
    """The logit of each radiograph by a probe that saw nobody of its fold, nor of the next."""
    scores = np.zeros(len(target))
    for fold in range(FOLDS):
        shown = ~np.isin(fold_of, [fold, (fold + 1) % FOLDS])
        probe = make_pipeline(
            StandardScaler(), LogisticRegression(C=REGULARISATION, max_iter=300, random_state=SEED)
        )
        probe.fit(
            np.concatenate([values[0, shown], values[1, shown]]),
            np.tile(target[shown], 2),
            logisticregression__sample_weight=np.tile(weights[shown] / weights[shown].mean(), 2),
        )
        judged = fold_of == fold
        scores[judged] = (
            probe.decision_function(values[0, judged]) + probe.decision_function(values[1, judged])
        ) / 2
    return scores


def _shown(values: np.ndarray) -> str:
    found = estimate(values)
    if found["value"] is None:
        return "-"
    return f"{found['value']:.3f} ({found['low']:.3f} to {found['high']:.3f})"


if __name__ == "__main__":
    main()
