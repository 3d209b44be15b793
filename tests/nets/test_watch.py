import keras
import numpy as np
import pytest

from pneumo.errors import PneumoError
from pneumo.nets.watch import Watch


def follow(target, epochs=3):
    sent = []
    watch = Watch("net", epochs, lambda number, figures: sent.append((number, figures)))
    x = keras.Input((1,))
    model = keras.Model(x, keras.layers.Dense(1)(x))
    model.compile("sgd", "mse", metrics=[keras.metrics.MeanAbsoluteError("iou")])
    ones, truth = np.ones((4, 1), "float32"), np.full((4, 1), target, "float32")
    model.fit(
        ones, truth, epochs=epochs, validation_data=(ones, truth), callbacks=[watch], verbose=0
    )
    return watch, sent


def test_every_epoch_is_kept_sent_and_shown(capsys):
    watch, sent = follow(2.0)
    assert [row["epoch"] for row in watch.history] == [1, 2, 3]
    assert [number for number, _ in sent] == [1, 2, 3]
    assert [line[:13] for line in capsys.readouterr().out.splitlines()] == [
        "net epoch 1/3",
        "net epoch 2/3",
        "net epoch 3/3",
    ]


def test_seconds_are_sent_but_not_kept():
    watch, sent = follow(2.0)
    assert "seconds" in sent[0][1]
    assert "seconds" not in watch.history[0]


def test_the_best_epoch_is_the_first_with_the_lowest_validation_loss():
    watch, _ = follow(2.0)
    losses = (0.5, 0.3, 0.3)
    watch.history = [{"epoch": n, "val_loss": loss} for n, loss in enumerate(losses, start=1)]
    assert watch.best()["epoch"] == 2


def test_a_figure_that_is_not_finite_ends_the_training_and_names_the_epoch():
    with pytest.raises(PneumoError, match=r"net: iou is nan in epoch 1; a lower train\.learning"):
        follow(float("nan"))
