"""One OpenVINO graph from the networks of an ensemble: ``python -m pneumo.engines.convert``.

It runs in a process of its own with ``KERAS_BACKEND=openvino``, so that scoring loads neither Keras
nor TensorFlow. Arguments: the package's folder, the words that name it in messages, its digest, and
the ``.xml`` file to write.
"""

import sys
from functools import reduce
from pathlib import Path
from typing import Any

from pneumo.base.errors import PneumoError
from pneumo.detection.ensemble import GRID
from pneumo.engines import _silence  # noqa: F401
from pneumo.engines.package import Package

BATCH = 16


UNUSED = frozenset({"tensorflow", "jax", "matplotlib", "pandas"})
"""What Keras loads just to see whether it is there: longer than all of the conversion."""


class Without:
    """Says of packages that they are not there."""

    def find_spec(self, name: str, path: object = None, target: object = None) -> None:
        """Raise ModuleNotFoundError for ``UNUSED``; leave others to other finders."""
        if name.partition(".")[0] in UNUSED:
            raise ModuleNotFoundError(name)


def convert(package: Package, path: Path) -> None:
    """Write the package's networks as one OpenVINO model, weights in float32 beside.

    Input: uint8 ``(n, size_px, size_px)``; outputs: the blend, float32 of the same shape, and the
    means of the networks' spread over cells, float32 ``(n, GRID, GRID)``. Weights are folded
    (transposed, batch norms taken in), which a compilation would do again at every start.
    """
    import numpy as np
    import openvino
    import openvino.opset16 as op
    from openvino._offline_transformations import apply_moc_transformations

    from pneumo.engines._channels import OpenVINOKerasTensor, channels_first
    from pneumo.engines.keras import load

    networks: list[tuple[Any, float]] = []
    blended = pictures = planes = None
    opacity = op.constant(np.int32(1))
    for name, weight in package.networks.items():
        network = load(package, name)
        if pictures is None:
            side = int(network.input_shape[1])
            pictures = op.parameter([BATCH, side, side], openvino.Type.u8, name="pictures")
            planes = OpenVINOKerasTensor(op.unsqueeze(pictures, opacity).output(0))
        maps = channels_first(network)(planes, training=False).output
        networks.append((maps, weight))
        share = op.multiply(op.gather(maps, opacity, opacity), op.constant(np.float32(weight)))
        blended = share if blended is None else op.add(blended, share)
    results = [op.result(blended), op.result(_cells_apart(networks))]
    model = openvino.Model(results, [pictures], "ensemble")
    model.reshape(openvino.PartialShape([-1, side, side]))
    apply_moc_transformations(model, cf=True)
    openvino.save_model(model, path, compress_to_fp16=False)


def _cells_apart(networks: list[tuple[Any, float]]) -> Any:
    """``detection.disagreement.spread``, averaged over cells, from maps of both planes and weights.

    It is told from the background's planes, which are as far apart: a second use of those of
    opacity changes how OpenVINO fuses the blend, and with it the last bit of probabilities.
    """
    import numpy as np
    import openvino.opset16 as op

    background, axis = op.constant(np.int32(0)), op.constant(np.int32(1))
    planes = [op.gather(maps, background, axis) for maps, _ in networks]
    weights = [op.constant(np.float32(weight)) for _, weight in networks]
    mean = reduce(op.add, map(op.multiply, planes, weights))
    gaps = [op.subtract(plane, mean) for plane in planes]
    total = reduce(op.add, map(op.multiply, map(op.multiply, gaps, gaps), weights))
    side = total.output(0).partial_shape[-1].get_length() // GRID
    parts = op.constant(np.array([0, GRID, side, GRID, side], np.int64))  # 0: as many as there are
    return op.reduce_mean(
        op.reshape(op.sqrt(total), parts, special_zero=True),
        op.constant(np.array([2, 4], np.int64)),
    )


def main() -> None:
    """Convert what the arguments name; a PneumoError ends with its line and exit code 2."""
    folder, where, digest, path = sys.argv[1:]
    sys.meta_path.insert(0, Without())
    try:
        convert(Package(Path(folder), where, digest), Path(path))
    except PneumoError as error:
        print(error, file=sys.stderr)
        raise SystemExit(error.exit_code) from None


if __name__ == "__main__":
    main()
