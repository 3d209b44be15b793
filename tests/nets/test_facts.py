import keras
import pytest

from pneumo.base import catalogue
from pneumo.nets.build import MODELS, build
from pneumo.nets.encoders import ENCODERS
from pneumo.nets.facts import TAPS, facts_of, flops


def test_the_cost_of_layers_by_hand():
    x = keras.Input((8, 8, 3))
    y = keras.layers.Conv2D(5, 3, padding="same", strides=2)(x)
    network = keras.Model(x, keras.layers.Conv2D(2, 1)(y))
    assert flops(network) == 2 * (3 * 3 * 3 * 5) * (4 * 4) + 2 * (5 * 2) * (4 * 4)


@pytest.mark.parametrize("model", MODELS)
def test_facts_are_those_of_the_network_that_is_built(model):
    found = facts_of(model, 32, "small", image_head=False)
    network = build(model, 32, encoder="small", encoder_weights="none", batch_norm_momentum=0.9)
    assert found.parameters == network.count_params()
    assert found.input == "32 x 32 x 1, uint8"
    assert ("Woo et al., ECCV 2018" in found.papers) == (model == "unet_vgg19")
    assert len(found.taps) == (2 if model.startswith("aspp") else 5)


@pytest.mark.parametrize("encoder", ENCODERS)
def test_the_taps_that_are_named_are_the_encoders_outputs(encoder):
    names = [t.node.operation.name if hasattr(t, "node") else t._keras_history.operation.name
             for t in ENCODERS[encoder]["small"](32, momentum=0.9).outputs]  # fmt: skip
    for tap, name in zip(TAPS[encoder], names, strict=True):
        first, _, last = tap.partition("*")
        assert name.startswith(first)
        assert name.endswith(last)


def test_the_full_networks_cost_what_is_documented():
    told = [catalogue.facts_of(model, 128, "full", image_head=False) for model in MODELS]
    costs = [facts.gflop for facts in told]  # as built: tests/base/test_catalogue.py
    assert costs == pytest.approx([10.0, 4.2, 18.8, 10.5], abs=0.1)
