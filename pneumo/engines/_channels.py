"""A network with its channels first, as OpenVINO computes: no transposing around each layer.

The networks are built with channels last. Converted as they are, 30 to 45 % of the time goes into
transposing maps (OpenVINO 2026.4, four full networks at 128 px).
"""

from typing import Any

import numpy as np
import openvino.opset16 as op

from pneumo.base.errors import PneumoError
from pneumo.nets.configured import keras

from keras.src.backend.openvino.core import OpenVINOKerasTensor  # isort: skip  # once it is set

PLAIN = {"Activation", "Add", "Average", "Conv2D", "Multiply", "ReLU", "Softmax"}
SPATIAL = {
    "AveragePooling2D", "GlobalAveragePooling2D", "GlobalMaxPooling2D", "MaxPooling2D",
    "ZeroPadding2D",
}  # fmt: skip
TURNED_AXES = {1: 2, 2: 3, 3: 1}
WITH_AXIS = {"BatchNormalization", "Concatenate", "Max", "Mean"}


class Enlarge(keras.layers.UpSampling2D):
    """UpSampling2D, nearest neighbour, as one operation; Keras gathers rows, then columns."""

    def call(self, inputs: Any) -> Any:
        """``(batch, channels, height, width)``, height and width times ``size``."""
        if self.interpolation != "nearest":
            return super().call(inputs)
        scales = op.constant(np.array(self.size, np.float32))
        axes = op.constant(np.array([2, 3], np.int32))
        resized = op.interpolate(
            inputs.output, scales, "nearest", "scales", axes=axes, nearest_mode="floor",
            coordinate_transformation_mode="asymmetric",
        )  # fmt: skip
        return OpenVINOKerasTensor(resized.output(0))


def channels_first(network: keras.Model) -> keras.Model:
    """The same network for ``(batch, channels, height, width)``, with the same weights.

    Raises PneumoError for a layer that is not known here.
    """
    config = network.get_config()
    for layer in config["layers"]:
        _turn(layer)
    turned = keras.Model.from_config(config, custom_objects={"Enlarge": Enlarge})
    turned.set_weights(network.get_weights())
    return turned


def _turn(layer: dict[str, Any]) -> None:
    kind, config = layer["class_name"], layer["config"]
    layer.pop("build_config", None)
    if "kernel_initializer" in config:  # weights follow: drawing random ones takes longer
        config["kernel_initializer"] = "zeros"
    if "data_format" in config:
        config["data_format"] = "channels_first"
    if kind == "InputLayer":
        batch, *sides, channels = config["batch_shape"]
        config["batch_shape"] = [batch, channels, *sides]
    elif kind in WITH_AXIS:
        config["axis"] = 1
    elif kind == "Rescaling":
        config |= {name: _upright(config[name]) for name in ("scale", "offset")}
    elif kind == "UpSampling2D":
        layer |= {"class_name": "Enlarge", "module": None, "registered_name": "Enlarge"}
    elif kind == "Activation" and config["activation"] == "softmax":
        layer["class_name"] = layer["registered_name"] = "Softmax"
        config["axis"] = 1
        del config["activation"]
    elif kind == "Functional":
        for inner in config["layers"]:
            _turn(inner)
    elif kind == "Flip":
        config["axis"] = TURNED_AXES[config["axis"]]
    elif kind not in PLAIN | SPATIAL or config.get("activation") == "softmax":
        raise PneumoError(f"layer {layer['name']}: {kind} is unknown to the conversion to OpenVINO")


def _upright(values: Any) -> Any:
    return [[[value]] for value in values] if isinstance(values, list | tuple) else values
