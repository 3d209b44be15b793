import keras
import numpy as np

from pneumo.nets.blocks import head, spatial_attention


def attended(features):
    x = keras.Input(features.shape[1:])
    return keras.Model(x, spatial_attention(x, name="attention")).predict_on_batch(features)


def test_attention_weighs_space_and_not_channels():
    features = np.random.default_rng(0).uniform(1, 2, (2, 8, 8, 6)).astype("float32")
    weights = attended(features) / features
    assert np.allclose(weights, weights[..., :1])
    assert weights[..., 0].std() > 0.001
    assert weights.min() >= 0
    assert weights.max() <= 1


def test_attention_has_one_7x7_kernel_over_mean_and_maximum():
    x = keras.Input((8, 8, 6))
    model = keras.Model(x, spatial_attention(x, name="attention"))
    assert [tuple(weight.shape) for weight in model.weights] == [(7, 7, 2, 1)]


def test_the_head_enlarges_a_coarse_map_and_sums_to_one():
    x = keras.Input((8, 8, 3))
    model = keras.Model(x, head(x, 32))
    features = np.random.default_rng(0).normal(0, 50, (1, 8, 8, 3)).astype("float32")
    found = model.predict_on_batch(features)
    assert found.shape == (1, 32, 32, 2)
    assert np.allclose(found.sum(-1), 1, atol=1e-6)
