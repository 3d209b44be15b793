"""Which checkpoints are written, what they keep, and which weights count as the best."""

import keras
import numpy as np
import pytest

from pneumo.base.errors import TransientError
from pneumo.training import checkpoints
from pneumo.training.checkpoints import WRITING_SHARE, Checkpoints, KeepGoing, best_row

LOSSES = (0.9, 0.5, 0.7, 0.3, 0.6, 0.8)


class Trained(keras.Model):
    """A network of one weight, which is the number of the epoch."""

    def __init__(self):
        super().__init__()
        self.network = keras.Sequential([keras.Input((1,)), keras.layers.Dense(1, use_bias=False)])
        self.compile(keras.optimizers.SGD())
        self.optimizer.build(self.network.trainable_variables)

    def call(self, x):
        return self.network(x)

    def after(self, epoch):
        self.network.variables[0].assign([[float(epoch)]])
        return self

    def weight(self):
        return float(np.asarray(self.network.variables[0])[0, 0])


def history(epochs):
    return [{"epoch": n, "val_loss": loss} for n, loss in enumerate(LOSSES[:epochs], start=1)]


@pytest.fixture
def kept(tmp_path):
    return Checkpoints(tmp_path, "key")


def names(folder):
    return sorted(path.stem for path in folder.iterdir())


def test_the_best_epoch_is_the_first_with_the_lowest_validation_loss():
    rows = [{"epoch": n, "val_loss": loss} for n, loss in enumerate((0.5, 0.3, 0.3), start=1)]
    assert best_row(rows)["epoch"] == 2


def test_what_is_held_is_the_best_although_training_went_on(kept, tmp_path):
    trainer = Trained()
    for epoch in range(1, 7):
        kept.hold(trainer.after(epoch), history(epoch))
    assert names(tmp_path) == []
    kept.load_best(trainer, history(6))
    assert trainer.weight() == 4.0


def test_a_checkpoint_brings_the_best_of_the_epochs_that_were_held_before_it(kept, tmp_path):
    trainer = Trained()
    kept.save(trainer.after(1), history(1))
    for epoch in (2, 3, 4, 5):
        kept.hold(trainer.after(epoch), history(epoch))
    kept.save(trainer.after(6), history(6))
    assert names(tmp_path) == ["best-00001", "best-00004", "epoch-00001", "epoch-00006"]
    other, again = Trained(), Checkpoints(tmp_path, "key")
    assert again.restore(other) == history(6)
    assert other.weight() == 6.0
    again.load_best(other, history(6))
    assert other.weight() == 4.0


def test_the_last_that_were_written_are_kept_with_the_best_of_each(kept, tmp_path):
    trainer = Trained()
    for epoch in (1, 2, 3, 4):
        kept.save(trainer.after(epoch), history(epoch))
    assert names(tmp_path) == ["best-00002", "best-00004", "epoch-00003", "epoch-00004"]


def test_those_of_another_key_give_way(kept, tmp_path):
    trainer = Trained()
    for epoch in (1, 2, 3, 4):
        kept.save(trainer.after(epoch), history(epoch))
    other = Checkpoints(tmp_path, "another key")
    assert other.restore(trainer) == []
    assert names(tmp_path) == []
    other.save(trainer.after(1), history(1))
    assert names(tmp_path) == ["best-00001", "epoch-00001"]
    assert Checkpoints(tmp_path, "another key").restore(trainer) == history(1)


def test_after_a_torn_one_what_comes_is_kept_anew(kept, tmp_path):
    trainer = Trained()
    for epoch in (1, 2, 3, 4):
        kept.save(trainer.after(epoch), history(epoch))
    (tmp_path / "epoch-00004.npz").write_bytes(b"torn")
    again = Checkpoints(tmp_path, "key")
    assert again.restore(trainer) == history(3)
    again.save(trainer.after(40), history(4))  # on a GPU the same epoch ends a little elsewhere
    last = Checkpoints(tmp_path, "key")
    assert last.restore(trainer) == history(4)
    last.load_best(trainer, history(4))
    assert trainer.weight() == 40.0


def test_writing_takes_no_more_than_its_share_of_the_time(monkeypatch):
    clock, did = [0.0], []

    class Slow:
        def save(self, trainer, rows):
            did.append("save")
            clock[0] += 1.0

        def hold(self, trainer, rows):
            did.append("hold")

    monkeypatch.setattr(checkpoints.time, "monotonic", lambda: clock[0])
    rows = []
    keep = KeepGoing(Slow(), rows, patience=100)
    keep.set_model(Trained())
    for epoch in range(45):
        clock[0] += 0.5
        rows.append({"epoch": epoch + 1, "val_loss": 1.0})
        keep.on_epoch_end(epoch)
    assert did[:2] == ["save", "hold"]
    assert did.count("save") == 1 + int(WRITING_SHARE * clock[0])


def test_a_checkpoint_of_other_code_settings_or_first_weights_is_not_taken_up(
    tmp_path, monkeypatch
):
    first = Trained().after(0).network
    key = checkpoints.key_of(first, "pneumo.stages.train", {"epochs": 6})
    other_weights = checkpoints.key_of(Trained().after(1).network, "pneumo.stages.train", {})
    other_settings = checkpoints.key_of(first, "pneumo.stages.train", {"epochs": 7})
    monkeypatch.setattr(checkpoints, "code_sum", lambda module: f"another of {module}")
    other_code = checkpoints.key_of(first, "pneumo.stages.train", {"epochs": 6})
    assert len({key, other_weights, other_settings, other_code}) == 4
    for other in (other_weights, other_settings, other_code):
        Checkpoints(tmp_path, key).save(Trained().after(1), history(1))
        assert Checkpoints(tmp_path, other).restore(Trained()) == []
    Checkpoints(tmp_path, key).save(Trained().after(1), history(1))
    assert Checkpoints(tmp_path, key).restore(Trained()) == history(1)


def test_a_checkpoint_that_cannot_be_read_now_is_kept(kept, tmp_path, monkeypatch):
    kept.save(Trained().after(1), history(1))
    before = names(tmp_path)

    def refuse(*_):
        raise OSError(5, "Input/output error")

    with monkeypatch.context() as broken:
        broken.setattr(checkpoints.zipfile, "ZipFile", refuse)
        with pytest.raises(TransientError, match="Input/output error"):
            Checkpoints(tmp_path, "key").restore(Trained())
    assert names(tmp_path) == before
    assert Checkpoints(tmp_path, "key").restore(Trained()) == history(1)
