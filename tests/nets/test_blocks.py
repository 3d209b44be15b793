import keras
import numpy as np

from pneumo.nets._blocks import head, spatial_attention, times_presence


def attending(shape):
    x = keras.Input(shape)
    return keras.Model(x, spatial_attention(x, momentum=0.9, name="attention"))


def attended(features, *, training=False):
    return np.asarray(attending(features.shape[1:])(features, training=training))


def test_attention_weighs_space_and_not_channels():
    features = np.random.default_rng(0).uniform(1, 2, (2, 8, 8, 6)).astype("float32")
    weights = attended(features) / features
    assert np.allclose(weights, weights[..., :1])
    assert weights[..., 0].std() > 0.001
    assert weights.min() >= 0
    assert weights.max() <= 1


def test_attention_has_one_7x7_kernel_over_mean_and_maximum_normalised():
    shapes = [tuple(weight.shape) for weight in attending((8, 8, 6)).weights]
    assert shapes == [(7, 7, 2, 1), *[(1,)] * 4]


def test_attention_is_undecided_at_first_however_large_the_maps():
    features = np.random.default_rng(0).uniform(100, 500, (4, 8, 8, 6)).astype("float32")
    weights = attended(features, training=True) / features
    assert 0.001 < weights.min() < weights.max() < 0.999


def test_the_image_head_is_undecided_at_first_however_large_the_maps():
    x, bridge = keras.Input((32, 32, 2)), keras.Input((2, 2, 6))
    product = times_presence(x, bridge, momentum=0.9, name="gate")
    maps = np.random.default_rng(0).uniform(0, 500, (8, 2, 2, 6)).astype("float32")
    found = keras.Model([x, bridge], product)([np.ones((8, 32, 32, 2)), maps], training=True)
    assert 0.01 < np.min(found[..., 1]) < np.max(found[..., 1]) < 0.99


def test_the_head_enlarges_a_coarse_map_and_sums_to_one():
    x = keras.Input((8, 8, 3))
    model = keras.Model(x, head(x, 32))
    features = np.random.default_rng(0).normal(0, 50, (1, 8, 8, 3)).astype("float32")
    found = model.predict_on_batch(features)
    assert found.shape == (1, 32, 32, 2)
    assert np.allclose(found.sum(-1), 1, atol=1e-6)
