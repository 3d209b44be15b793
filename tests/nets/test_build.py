import keras
import numpy as np
import pytest

from pneumo.base.catalogue import facts_of
from pneumo.base.errors import PneumoError
from pneumo.nets.archive import save_network
from pneumo.nets.build import MODELS, build
from pneumo.training._losses import OpacityIou, segmentation_loss

pytestmark = pytest.mark.slow

FULL_PARAMETERS = {
    "unet_resnet152": 67_385_890,
    "unet_densenet121": 13_693_154,
    "unet_vgg19": 23_945_600,
    "aspp_resnet152": 52_613_698,
}


def network(model, size_px=32, encoder="small"):
    return build(model, size_px, encoder=encoder, encoder_weights="none", batch_norm_momentum=0.9)


def learns_by_heart(learner, batch, **how):
    """Whether at most 60 steps teach a network the opacities of a batch."""
    learner.compile(metrics=[OpacityIou()], **how)
    learner.optimizer.build(learner.trainable_variables)  # else the step is traced twice
    for _ in range(60):
        learner.reset_metrics()
        if learner.train_on_batch(*batch, return_dict=True)["iou"] > 0.8:
            return True
    return False


@pytest.mark.parametrize("model", MODELS)
@pytest.mark.parametrize("size_px", [32, 96])
def test_every_pixel_gets_two_probabilities_that_sum_to_one(model, size_px):
    images = np.random.default_rng(0).integers(0, 256, (2, size_px, size_px, 1), np.uint8)
    found = np.asarray(network(model, size_px)(images))
    assert found.shape == (2, size_px, size_px, 2)
    assert found.dtype == np.float32
    assert np.allclose(found.sum(-1), 1, atol=1e-6)


@pytest.mark.parametrize("model", MODELS)
def test_a_saved_network_loads_in_safe_mode_and_answers_bit_for_bit(model, tmp_path, radiographs):
    images, _ = radiographs
    before = network(model)
    save_network(before, tmp_path / "model.keras")
    after = keras.saving.load_model(tmp_path / "model.keras", safe_mode=True)
    assert (before.predict_on_batch(images) == after.predict_on_batch(images)).all()
    assert not after.compiled


@pytest.mark.parametrize("model", MODELS)
def test_one_batch_can_be_learnt_by_heart(model, radiographs):
    loss = segmentation_loss(0.5, "opacity")
    adam = keras.optimizers.Adam(3e-3)
    assert learns_by_heart(network(model), radiographs, optimizer=adam, loss=loss)


@pytest.mark.parametrize("model", MODELS)
def test_layers_hold_no_lambda_and_nothing_of_our_own(model):
    modules = {type(layer).__module__.split(".")[0] for layer in network(model).layers}
    assert modules == {"keras"}
    assert not any(isinstance(layer, keras.layers.Lambda) for layer in network(model).layers)


def test_vgg_attends_to_the_bridge_and_every_skip():
    names = {layer.name for layer in network("unet_vgg19").layers}
    maps = {f"decoder{step}_attention_map" for step in range(1, 5)} | {"bridge_attention_map"}
    assert maps <= names


def test_an_unknown_network_is_named_with_those_there_are():
    with pytest.raises(PneumoError, match="unet_vgg16: no such network; there are unet_resnet152"):
        network("unet_vgg16")


def test_aspp_at_128_px_sees_a_map_of_8_px_at_rates_that_fit():
    layers = network("aspp_resnet152", 128).layers
    dilated = {n.name: n for n in layers if getattr(n, "dilation_rate", (1, 1)) != (1, 1)}
    assert [layer.dilation_rate for layer in dilated.values()] == [(2, 2), (3, 3), (5, 5)]
    assert {layer.input.shape[1:3] for layer in dilated.values()} == {(8, 8)}


@pytest.fixture
def radiographs_64(radiographs):
    """One of ``radiographs`` with an opacity and one without, twice as large."""
    images, masks = radiographs
    return tuple(array[[0, 2]].repeat(2, axis=1).repeat(2, axis=2) for array in (images, masks))


@pytest.mark.parametrize("model", MODELS)
def test_the_full_networks_have_as_many_parameters_as_documented(model):
    facts = facts_of(model, 128, "full", image_head=False)  # as built: tests/base/test_catalogue.py
    assert facts.parameters == FULL_PARAMETERS[model]


def test_a_full_network_learns_a_batch_and_is_saved_bit_for_bit(radiographs_64, tmp_path):
    images, _ = radiographs_64
    full = network("unet_vgg19", 64, "full")  # unet_densenet121: tests/training/test_learning.py
    loss = segmentation_loss(0.5, "both")
    adam = keras.optimizers.Adam(1e-3)
    assert learns_by_heart(full, radiographs_64, optimizer=adam, loss=loss, jit_compile=False)
    save_network(full, tmp_path / "model.keras")
    loaded = keras.saving.load_model(tmp_path / "model.keras", safe_mode=True)
    assert (loaded.predict_on_batch(images) == full.predict_on_batch(images)).all()


@pytest.mark.parametrize("model", MODELS)
def test_the_image_head_normalises_what_its_encoder_does_not(model):
    settings = {"encoder": "small", "encoder_weights": "none", "batch_norm_momentum": 0.9}
    names = {layer.name for layer in build(model, 32, **settings, image_head=True).layers}
    assert ("image_head_bn" in names) == (model == "unet_vgg19")
