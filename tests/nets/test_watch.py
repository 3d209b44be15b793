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


def test_a_loss_that_is_not_finite_ends_the_training_and_names_the_batch():
    expected = r"net: loss is nan in batch 1 of epoch 1; a lower train\.learning"
    with pytest.raises(PneumoError, match=expected):
        follow(float("nan"))


def test_another_figure_that_is_not_finite_names_the_epoch():
    watch = Watch("net", 3, lambda number, figures: None)
    watch.set_model(keras.Sequential([keras.Input((1,)), keras.layers.Dense(1)]))
    watch.model.compile("sgd", "mse")
    watch.on_epoch_begin(1)
    with pytest.raises(PneumoError, match=r"net: val_loss is inf in epoch 2;"):
        watch.on_epoch_end(1, {"loss": 1.0, "val_loss": float("inf")})


def test_a_training_that_goes_on_sends_what_it_had():
    sent = []
    watch = Watch("net", 3, lambda number, figures: sent.append((number, figures)))
    assert watch.resume([{"epoch": 1, "loss": 0.5}]) == 1
    assert sent == [(1, {"loss": 0.5})]
    assert watch.history == [{"epoch": 1, "loss": 0.5}]
