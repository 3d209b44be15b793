"""An encoder that came with weights: frozen at first, then let go at its own pace."""

import keras
import numpy as np
import pytest

from pneumo.nets.encoders import ENCODERS
from pneumo.training._encoder import EncoderAdam, LetGo
from pneumo.training.batches import Batches
from pneumo.training.checkpoints import Checkpoints, KeepGoing
from pneumo.training.fitting import finished, make_trainer
from tests.stages.test_train import SETTINGS

RATE = 0.01


def adam_by_hand(gradients, rate, warmup=1):
    """A weight that begins at 0 and follows Kingma and Ba's algorithm 1, its rate from 0 up."""
    weight = m = v = 0.0
    for step, gradient in enumerate(gradients, start=1):
        m, v = 0.9 * m + 0.1 * gradient, 0.999 * v + 0.001 * gradient**2
        warm = min(1, step / warmup)
        weight -= rate * warm * (m / (1 - 0.9**step)) / (np.sqrt(v / (1 - 0.999**step)) + 1e-7)
    return weight


@pytest.mark.parametrize(
    ("rate", "frozen", "warmup"),
    [(0.1, 0, 0), (1.0, 3, 1), (0.25, 7, 0), (0.1, 4, 4), (1.0, 2, 40)],
)
def test_what_is_set_apart_steps_as_if_its_training_began_when_it_is_let_go(rate, frozen, warmup):
    apart, rest = keras.Variable([0.0]), keras.Variable([0.0])
    adam = EncoderAdam(RATE)
    adam.build([apart, rest])
    adam.set_apart([apart], rate=rate, frozen_steps=frozen, warmup_steps=warmup)
    gradients = np.random.default_rng(1).normal(1, 0.5, 12)
    for step, gradient in enumerate(gradients):
        value = np.array([gradient], np.float32)
        adam.apply([None if step < frozen else value, value], [apart, rest])
        if step < frozen:
            assert float(np.asarray(apart)[0]) == 0.0
    expected = adam_by_hand(gradients[frozen:], rate * RATE, max(1, warmup))
    assert float(np.asarray(apart)[0]) == pytest.approx(expected, rel=1e-4)
    assert float(np.asarray(rest)[0]) == pytest.approx(adam_by_hand(gradients, RATE), rel=1e-4)


@pytest.fixture(scope="module")
def folder(tmp_path_factory):
    """A folder with weights of DenseNet121 alone, their statistics moved away from 0 and 1."""
    folder = tmp_path_factory.mktemp("encoders")
    encoder = ENCODERS["densenet121"]["small"](32, momentum=0.9)
    for layer in encoder.layers:
        if isinstance(layer, keras.layers.BatchNormalization):
            layer.moving_mean.assign(layer.moving_mean - 0.25)
    encoder.save_weights(folder / "densenet121.weights.h5")
    return folder


def steps_of(trainer, batches, epoch):
    """One step in ``epoch``, as ``fit`` takes it; what changed, by layer."""
    before = {v.path: np.asarray(v).copy() for v in trainer.network.variables}
    letting_go = LetGo(trainer.frozen_epochs)
    letting_go.set_model(trainer)
    letting_go.on_epoch_begin(epoch)
    trainer.train_on_batch(*batches[0])
    return {v.path: np.asarray(v) - before[v.path] for v in trainer.network.variables}


def is_encoders(path):
    return not path.startswith(("decoder", "head", "image_head"))


@pytest.mark.usefixtures("eager")
def test_a_frozen_encoder_keeps_weights_and_statistics_until_it_is_let_go(radiographs, folder):
    chosen = {"encoder_weights": str(folder), "frozen_epochs": 1, "encoder_rate": 0.1}
    wanted = SETTINGS.model_copy(update={**chosen, "image_head": True, "image_head_weight": 0.2})
    trainer = make_trainer("unet_densenet121", 32, wanted, steps=1, augmented=False)
    batches = Batches(radiographs[0][..., 0], radiographs[1][..., 1], np.arange(4), 4)
    frozen = steps_of(trainer, batches, epoch=0)
    assert all((change == 0).all() for path, change in frozen.items() if is_encoders(path))
    assert frozen["decoder1_1_conv/kernel"].any()
    assert frozen["decoder1_1_bn/moving_mean"].any()
    free = steps_of(trainer, batches, epoch=1)
    moved = np.abs(free["conv1_conv/kernel"])
    assert moved.max() == pytest.approx(0.1 * wanted.learning_rate, rel=0.01)


@pytest.mark.usefixtures("eager")
def test_an_encoder_that_is_let_go_warms_up_as_the_rest_did(radiographs, folder):
    chosen = {"encoder_weights": str(folder), "frozen_epochs": 1, "encoder_rate": 0.1}
    chosen |= {"schedule": "cosine", "warmup_epochs": 1.0, "epochs": 4}
    wanted = SETTINGS.model_copy(update=chosen)
    trainer = make_trainer("unet_densenet121", 32, wanted, steps=2, augmented=False)
    batches = Batches(radiographs[0][..., 0], radiographs[1][..., 1], np.arange(4), 4)
    for _ in range(2):
        steps_of(trainer, batches, epoch=0)
    moved = [np.abs(steps_of(trainer, batches, epoch=1)["conv1_conv/kernel"]) for _ in range(2)]
    first, second = 0.1 * wanted.learning_rate * np.array([1, (1 + np.cos(np.pi / 6)) / 2])
    assert moved[0].max() == pytest.approx(first / 2, rel=0.01)
    assert moved[1].max() == pytest.approx(second, rel=0.05)


@pytest.mark.usefixtures("eager")
@pytest.mark.parametrize("precision", ["float32", "bfloat16"])
def test_an_encoder_that_was_frozen_normalises_as_its_weights_did_also_once_it_is_let_go(
    precision, radiographs, folder
):
    chosen = {"encoder_weights": str(folder), "frozen_epochs": 1, "encoder_rate": 0.1}
    chosen |= {"precision": precision, "reestimate_batch_norm": True, "flip_average": False}
    wanted = SETTINGS.model_copy(update=chosen)
    trainer = make_trainer("unet_densenet121", 32, wanted, steps=1, augmented=False)
    began = {v.path: np.asarray(v).copy() for v in trainer.network.variables}
    batches = Batches(radiographs[0][..., 0], radiographs[1][..., 1], np.arange(4), 4, seed=1)
    encoder = ENCODERS["densenet121"]["small"](32, momentum=0.9)
    encoder.load_weights(folder / "densenet121.weights.h5")
    pixels = batches[0][0]["pixels"]
    used = keras.Model(trainer.network.input, trainer.network.get_layer("relu").output)
    in_use, in_training = encoder(pixels)[-1], used(pixels, training=True)
    error = 1e-5 if precision == "float32" else 0.1
    assert np.asarray(in_use).max() > 1
    np.testing.assert_allclose(
        keras.ops.cast(in_training, "float32"), np.asarray(in_use), rtol=error, atol=error
    )
    for epoch in range(2):
        steps_of(trainer, batches, epoch)
    network = finished(trainer, "unet_densenet121", 32, wanted, batches)
    changed = {v.path: (np.asarray(v) != began[v.path]).any() for v in network.variables}
    norms = {path for path in changed if is_encoders(path) and "bn/" in path}
    assert len(norms) > 20
    assert not any(changed[path] for path in norms)
    assert changed["conv1_conv/kernel"]
    assert changed["decoder1_1_bn/moving_mean"]


@pytest.mark.usefixtures("eager")
@pytest.mark.parametrize("weights", ["none", "given"])
def test_an_encoder_that_was_never_frozen_has_the_statistics_of_what_it_is_shown(
    weights, radiographs, folder
):
    chosen = {"encoder_weights": "none" if weights == "none" else str(folder), "frozen_epochs": 0}
    wanted = SETTINGS.model_copy(update=chosen)
    trainer = make_trainer("unet_densenet121", 32, wanted, steps=1, augmented=False)
    batches = Batches(radiographs[0][..., 0], radiographs[1][..., 1], np.arange(4), 4)
    moved = steps_of(trainer, batches, epoch=0)
    assert moved["conv1_bn/moving_mean"].any()
    assert moved["conv1_bn/gamma"].any()


@pytest.mark.parametrize("precision", ["float32", "bfloat16"])
def test_an_encoder_that_is_frozen_for_all_epochs_is_never_changed(precision, radiographs, folder):
    chosen = {"encoder_weights": str(folder), "frozen_epochs": 3, "epochs": 3}
    chosen |= {"precision": precision, "reestimate_batch_norm": True, "flip_average": False}
    wanted = SETTINGS.model_copy(update=chosen)
    trainer = make_trainer("unet_densenet121", 32, wanted, steps=1, augmented=False)
    began = {v.path: np.asarray(v).copy() for v in trainer.network.variables}
    assert not any(map(is_encoders, [v.path for v in trainer.trainable_variables]))
    batches = Batches(radiographs[0][..., 0], radiographs[1][..., 1], np.arange(4), 4, seed=1)
    trainer.train_on_batch(*batches[0])
    network = finished(trainer, "unet_densenet121", 32, wanted, batches)
    changed = {v.path: (np.asarray(v) != began[v.path]).any() for v in network.variables}
    assert not any(change for path, change in changed.items() if is_encoders(path))
    assert changed["decoder1_1_conv/kernel"]
    assert changed["decoder1_1_bn/moving_mean"]


@pytest.mark.usefixtures("eager")
@pytest.mark.parametrize("weights", ["none", "of others"])
def test_an_encoder_without_weights_learns_from_the_first_step(weights, radiographs, folder):
    weights = str(folder) if weights == "of others" else weights
    chosen = {"encoder_weights": weights, "frozen_epochs": 1, "encoder_rate": 0.1}
    wanted = SETTINGS.model_copy(update=chosen)
    trainer = make_trainer("unet_vgg19", 32, wanted, steps=1, augmented=False)
    batches = Batches(radiographs[0][..., 0], radiographs[1][..., 1], np.arange(4), 4)
    moved = np.abs(steps_of(trainer, batches, epoch=0)["block1_conv1/kernel"])
    assert moved.max() == pytest.approx(wanted.learning_rate, rel=0.01)


def test_patience_begins_when_the_encoder_is_let_go(tmp_path):
    rows = [{"epoch": 1, "val_loss": 0.5}]
    keep = KeepGoing(Checkpoints(tmp_path, "key"), rows, patience=2, after=3)
    ends = []
    for epoch in range(2, 7):
        rows.append({"epoch": epoch, "val_loss": 0.6})
        ends.append(keep.is_over())
    assert ends == [False, False, False, True, True]
