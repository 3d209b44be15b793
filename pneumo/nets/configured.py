"""Keras as this product sets it, whatever ``keras.json`` in the home of who runs it says.

That file changes precision, epsilon, order of axes and backend of all programs that load Keras.
Here networks compute in float32 with channels last, unless their own configuration says otherwise;
the backend is what ``KERAS_BACKEND`` names, else TensorFlow, or JAX where that alone is installed.
"""

import os

from pneumo.base.backends import keras_backend
from pneumo.base.errors import PneumoError
from pneumo.base.quiet import without_foreign_lines

os.environ["KERAS_BACKEND"] = keras_backend()
os.environ.setdefault("KERAS_NNX_ENABLED", "false")
os.environ.setdefault("TF_CPP_MIN_LOG_LEVEL", "3")
try:
    with without_foreign_lines():
        import keras
except (ValueError, AttributeError) as error:  # Keras refuses the file itself
    home = os.environ.get("KERAS_HOME", "~/.keras")
    reason = str(error).splitlines()[0]
    raise PneumoError(f"{home}/keras.json: Keras cannot read it ({reason}); delete it") from None

keras.config.set_floatx("float32")
keras.config.set_epsilon(1e-7)
keras.config.set_image_data_format("channels_last")
keras.config.set_dtype_policy("float32")

__all__ = ["keras"]
