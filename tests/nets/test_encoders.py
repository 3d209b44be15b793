import keras
import numpy as np
import pytest

from pneumo.nets.encoders import ENCODERS

FULL_TAPS = {
    "resnet152": [
        "conv1_relu",
        "conv2_block3_out",
        "conv3_block8_out",
        "conv4_block36_out",
        "conv5_block3_out",
    ],
    "densenet121": ["conv1_relu", "pool2_relu", "pool3_relu", "pool4_relu", "relu"],
    "vgg19": ["block1_conv2", "block2_conv2", "block3_conv4", "block4_conv4", "block5_conv4"],
}
FULL_SHAPES_128 = {
    "resnet152": [(64, 64), (32, 256), (16, 512), (8, 1024), (4, 2048)],
    "densenet121": [(64, 64), (32, 256), (16, 512), (8, 1024), (4, 1024)],
    "vgg19": [(128, 64), (64, 128), (32, 256), (16, 512), (8, 512)],
}
"""Side and channels of each map at 128 px: tables of the papers, at that size."""

PUBLISHED = {
    "resnet152": keras.applications.ResNet152,
    "densenet121": keras.applications.DenseNet121,
    "vgg19": keras.applications.VGG19,
}
FINEST = {"resnet152": 2, "densenet121": 2, "vgg19": 1}
PREPROCESS = {
    "resnet152": keras.applications.resnet.preprocess_input,
    "densenet121": keras.applications.densenet.preprocess_input,
    "vgg19": keras.applications.vgg19.preprocess_input,
}


def small(name, size_px=64):
    return ENCODERS[name]["small"](size_px, momentum=0.9)


@pytest.mark.parametrize("name", ENCODERS)
def test_each_of_the_five_maps_has_half_the_side_of_the_one_before(name):
    sides = [tap.shape[1:3] for tap in small(name, 96).outputs]
    first = 96 // FINEST[name]
    assert sides == [(first >> step, first >> step) for step in range(5)]


@pytest.mark.parametrize("name", ENCODERS)
def test_pixels_are_normalised_as_the_imagenet_weights_expect(name):
    encoder = small(name, 32)
    grey = np.arange(256, dtype=np.uint8).reshape(1, 16, 16, 1).repeat(2, 1).repeat(2, 2)
    normalise = keras.Model(encoder.input, encoder.get_layer("normalise").output)
    expected = PREPROCESS[name](grey.repeat(3, axis=-1).astype("float32"))
    assert np.allclose(normalise.predict_on_batch(grey), expected, atol=1e-4)


@pytest.mark.parametrize("name", ENCODERS)
def test_the_momentum_reaches_every_batch_normalisation(name):
    momenta = {layer.momentum for layer in small(name).layers if hasattr(layer, "momentum")}
    assert momenta == (set() if name == "vgg19" else {0.9})


@pytest.mark.slow
@pytest.mark.parametrize("name", ENCODERS)
def test_the_full_encoder_has_the_layers_and_shapes_of_keras_applications(name):
    published = PUBLISHED[name](weights=None, include_top=False, input_shape=(128, 128, 3))
    encoder = ENCODERS[name]["full"](128, momentum=0.99)

    def shapes(model):
        return {
            layer.name: [tuple(weight.shape) for weight in layer.weights]
            for layer in model.layers
            if layer.weights
        }

    assert shapes(encoder) == shapes(published)
    assert encoder.count_params() == published.count_params()
    assert [tap._keras_history.operation.name for tap in encoder.outputs] == FULL_TAPS[name]
    assert [tap.shape[1:] for tap in encoder.outputs] == [
        (side, side, channels) for side, channels in FULL_SHAPES_128[name]
    ]


@pytest.mark.slow
@pytest.mark.parametrize("name", ENCODERS)
def test_the_full_encoder_computes_what_keras_applications_compute(name):
    published = PUBLISHED[name](weights=None, include_top=False, input_shape=(64, 64, 3))
    encoder = ENCODERS[name]["full"](64, momentum=0.99)
    for layer in published.layers:
        if layer.weights:
            encoder.get_layer(layer.name).set_weights(layer.get_weights())
    grey = np.random.default_rng(0).integers(0, 256, (2, 64, 64, 1), np.uint8)
    expected = keras.Model(published.input, published.get_layer(FULL_TAPS[name][-1]).output)(
        PREPROCESS[name](grey.repeat(3, axis=-1).astype("float32"))
    )
    found = encoder(grey)[-1]
    assert np.allclose(found, expected, rtol=1e-3, atol=1e-3 * np.abs(expected).max())
