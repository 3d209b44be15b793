import time

import keras
import numpy as np
import pytest

from pneumo.base.errors import PneumoError
from pneumo.training._diverging import BATCHES, FACTOR
from pneumo.training.batches import Batches
from pneumo.training.watch import Watch

SHOWN = Batches(np.zeros((4, 8, 8)), np.zeros((4, 8, 8)), np.arange(4), 4)


def watching(epochs=3):
    sent = []
    return Watch("net", epochs, lambda *said: sent.append(said), SHOWN), sent


def follow(target, epochs=3):
    watch, sent = watching(epochs)
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


def test_times_are_sent_but_not_kept():
    watch, sent = follow(2.0)
    times = {"seconds", "images_per_second", "waiting_share"}
    assert times <= set(sent[0][1])
    assert not times & set(watch.history[0])


def taught(losses, first=1.0):
    """A watch that has seen an epoch of loss ``first`` and then batches of ``losses``."""
    watch, _ = watching()
    watch.set_model(keras.Sequential([keras.Input((1,)), keras.layers.Dense(1)]))
    watch.model.compile("sgd", "mse")
    watch.resume([{"epoch": 1, "loss": first, "val_loss": 1.0}])
    watch.on_epoch_begin(1)
    for number in range(len(losses)):
        mean = sum(losses[: number + 1]) / (number + 1)  # as Keras tells it
        watch.on_train_batch_begin(number)
        watch.on_train_batch_end(number, {"loss": mean, "iou": 0.5})
    watch.on_test_begin()
    return watch


def test_a_loss_that_stays_far_above_the_first_epoch_ends_the_training():
    expected = (
        rf"net: the loss diverges: 4\.01 over the last {BATCHES} batches, up to batch 21 of epoch "
        r"2, against 1 in the first epoch; a lower train\.learning_rate would do"
    )
    with pytest.raises(PneumoError, match=expected):
        taught([0.5] * 3 + [1.1 * FACTOR] * BATCHES)


@pytest.mark.parametrize(
    "losses",
    [
        [0.9 * FACTOR] * 3 * BATCHES,  # bad, but not out of reach
        ([1.0] * (BATCHES - 1) + [2.0 * FACTOR]) * 3,  # a bad batch now and then
        [1.1 * FACTOR] * (BATCHES - 1),  # not long enough to tell
    ],
)
def test_a_training_that_may_recover_goes_on(losses):
    taught(losses)


def test_a_loss_that_is_not_finite_ends_the_training_and_names_the_batch():
    expected = r"net: loss is nan in batch 1 of epoch 1; a lower train\.learning"
    with pytest.raises(PneumoError, match=expected):
        follow(float("nan"))


class _Unfinished:
    """A loss of a step that the device still computes."""

    def __init__(self):
        self.looked_at = False

    def __float__(self):
        self.looked_at = True
        return 0.5


def test_a_loss_is_looked_at_when_the_next_step_is_under_way():
    watch = taught([])
    steps = [_Unfinished(), _Unfinished(), _Unfinished()]
    seen = []
    for number, loss in enumerate(steps):
        watch.on_train_batch_begin(number)
        watch.on_train_batch_end(number, {"loss": loss, "iou": 0.5})
        seen.append([step.looked_at for step in steps])
    assert seen == [[False] * 3, [True, False, False], [True, True, False]]
    watch.on_test_begin()
    assert steps[2].looked_at


def test_another_figure_that_is_not_finite_names_the_epoch():
    watch, _ = watching()
    watch.set_model(keras.Sequential([keras.Input((1,)), keras.layers.Dense(1)]))
    watch.model.compile("sgd", "mse")
    watch.on_epoch_begin(1)
    with pytest.raises(PneumoError, match=r"net: val_loss is inf in epoch 2;"):
        watch.on_epoch_end(1, {"loss": 1.0, "val_loss": float("inf")})


def test_a_training_that_goes_on_sends_what_it_had():
    watch, sent = watching()
    assert watch.resume([{"epoch": 1, "loss": 0.5}]) == 1
    assert sent == [(1, {"loss": 0.5})]
    assert watch.history == [{"epoch": 1, "loss": 0.5}]


def test_only_the_time_until_a_batch_was_there_counts_as_waiting(monkeypatch):
    clock = iter([0, 0, 10, 10, 20, 20, 30, 35])  # an epoch begins, three steps, it ends
    watch, sent = watching()
    watch.set_model(keras.Sequential([keras.Input((1,)), keras.layers.Dense(1)]))
    watch.model.compile("sgd", "mse")
    monkeypatch.setattr(time, "monotonic", lambda: float(next(clock)))
    watch.on_epoch_begin(0)
    waits = {
        0: (3.0, 7.0),  # asked for in the middle of its step: what came before was not a wait
        1: (5.0, 9.0),  # there before its step began
        2: (9.0, 22.0),  # asked for before it, and 2 s late
    }
    monkeypatch.setattr(SHOWN, "waits", waits)
    for number in range(3):
        watch.on_train_batch_begin(number)
        watch.on_train_batch_end(number, {"loss": 1.0, "iou": 0.5})
    watch.on_epoch_end(0, {"loss": 1.0, "val_loss": 1.0, "val_iou": 0.5})
    [(_, figures)] = sent
    assert figures["waiting_share"] == 6 / 30
    assert figures["images_per_second"] == 12 / 30
    assert figures["seconds"] == 35
