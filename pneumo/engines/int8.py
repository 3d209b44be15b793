"""The graph of an ensemble in 8 bits: made at a promotion, by NNCF, and read by who scores.

A graph that comes from a registry is data, and looked at before it is compiled: its operations are
those of a quantised ensemble, and no value of it is larger than the networks' own may be.
"""

import hashlib
from collections.abc import Sequence
from importlib.metadata import version
from importlib.util import find_spec
from pathlib import Path

import numpy as np

from pneumo.base.code import code_sum
from pneumo.base.errors import PneumoError, RegistryError
from pneumo.base.files import sha256_of
from pneumo.detection.ensemble import GRID
from pneumo.engines import _silence, cache  # noqa: F401
from pneumo.engines.graphs import graph
from pneumo.engines.package import INT8, Package

import openvino  # isort: skip  # after silence

PICTURES = 300
"""Radiographs from which the ranges of all layers' values are learnt; NNCF's own default."""

SMOOTHING = 0.6
"""SmoothQuant's alpha: the exponent of a channel's largest value, where that of its largest weight
is 1 less this (Xiao et al., ICML 2023)."""

RULE = 2
"""Of how a graph is quantised; one that did not agree may, quantised by a later rule."""

OPERATIONS = frozenset(
    {
        "Add", "AvgPool", "BatchNormInference", "Broadcast", "Concat", "Constant", "Convert",
        "Convolution", "FakeQuantize", "Gather", "Interpolate", "MatMul", "MaxPool", "Multiply",
        "Pad", "Parameter", "ReduceMax", "ReduceMean", "Relu", "Reshape", "Result", "Reverse",
        "Round", "Sigmoid", "Slice", "Softmax", "Sqrt", "Squeeze", "StridedSlice", "Subtract",
        "Transpose", "Unsqueeze",
    }
)  # fmt: skip
CHANNELS, PLANES = 3, 2
"""A network repeats a picture to three channels; its map has background and opacity, its image head
gives one value."""

LARGEST_GRAPH_BYTES = 64 * 2**20
WIDEST = 4096
"""Planes of the networks' input size that a value may have, for one radiograph."""


def is_offered() -> bool:
    """Whether this machine has what quantises."""
    return find_spec("nncf") is not None


def require() -> None:
    """Raise PneumoError when what quantises is not installed."""
    if not is_offered():
        raise PneumoError(
            "int8 needs NNCF where ensembles are promoted or quantised; install pneumo[int8], "
            "or choose auto, float32, mixed or bfloat16"
        )


def quantised(package: Package, pictures: np.ndarray) -> Path:
    """The folder with the package's graph in 8 bits, made anew unless the cache has it.

    ``pictures``, uint8 ``(n, size_px, size_px)``, are radiographs that nothing is judged on.
    """
    require()
    chosen = np.ascontiguousarray(pictures[:: max(1, -(-len(pictures) // PICTURES))])
    float32 = graph(package)
    facts = [float32.parent.name, version("nncf"), code_sum(__name__)]
    facts += [hashlib.sha256(chosen.tobytes()).hexdigest()]
    return cache.kept("quantised", sha256_of(facts), lambda a: _quantise(float32, chosen, a))


def _quantise(float32: Path, pictures: np.ndarray, aside: Path) -> None:
    """In 8 bits are convolutions, but the first and last layers of a network: little work, where
    rounding costs boxes. Sums, products and means are in float32, as NNCF leaves them in what it
    takes for a transformer; rounding them costs most boxes, and saves no time. Where a skip meets a
    decoder, channels differ a hundredfold in size, and one step for all leaves the small ones
    nothing: SmoothQuant divides channels by about their size, and multiplies weights by it.
    """
    import nncf

    nncf.set_log_level("ERROR")
    model = openvino.Core().read_model(float32)
    model.reshape([1, *pictures.shape[1:]])
    found = nncf.quantize(
        model,
        nncf.Dataset(list(pictures[:, None])),
        preset=nncf.QuantizationPreset.MIXED,
        subset_size=len(pictures),
        model_type=nncf.ModelType.TRANSFORMER,
        ignored_scope=nncf.IgnoredScope(names=outermost(model), validate=False),
        advanced_parameters=nncf.AdvancedQuantizationParameters(
            smooth_quant_alphas=nncf.AdvancedSmoothQuantParameters(
                convolution=SMOOTHING, matmul=SMOOTHING
            ),
        ),
    )
    found.reshape(openvino.PartialShape([-1, *pictures.shape[1:]]))
    openvino.save_model(found, aside / INT8[0], compress_to_fp16=False)


def outermost(model: "openvino.Model") -> list[str]:
    """The names of convolutions of a picture's ``CHANNELS``, and to ``PLANES`` or one at the end:
    of a map, and of the image head.
    """
    return [
        node.get_friendly_name()
        for node in model.get_ops()
        if node.get_type_name() == "Convolution" and _is_outermost(node.input_value(1).shape)
    ]


def _is_outermost(weights: Sequence[int]) -> bool:
    planes, taken = weights[:2]
    return planes <= PLANES or taken == CHANNELS


def read(package: Package, folder: Path) -> "openvino.Model":
    """The graph in ``folder``, whose sums hold, for the ensemble ``package``. RegistryError."""
    path, weights = (folder / name for name in INT8)
    where = f"{package.where}: its graph in int8"
    largest = sum((package.folder / f"{name}.keras").stat().st_size for name in package.networks)
    if path.stat().st_size > LARGEST_GRAPH_BYTES or weights.stat().st_size > largest:
        raise RegistryError(f"{where} is larger than its networks; not loaded")
    if b"<!" in path.read_bytes():
        raise RegistryError(f"{where} declares what no graph needs; not loaded")
    try:
        model = openvino.Core().read_model(path, weights)
    except RuntimeError as error:
        raise RegistryError(
            f"{where} cannot be read ({str(error).splitlines()[0][:200]})"
        ) from None
    if fault := fault_of(model):
        raise RegistryError(f"{where} {fault}; not loaded")
    return model


def fault_of(model: "openvino.Model") -> str:
    """Why a graph is not compiled, as the end of a sentence; blank for one that may be."""
    if len(model.inputs) != 1 or not 1 <= len(model.outputs) <= 2:  # of before: the blend alone
        return "has other inputs and outputs than an ensemble"
    taken = model.inputs[0]
    shape = list(taken.partial_shape) if taken.partial_shape.rank.is_static else []
    if len(shape) != 3 or shape[1].is_dynamic or shape[1] != shape[2]:
        return "takes no square pictures"
    size_px = shape[1].get_length()
    kinds = {given.element_type for given in model.outputs}
    if taken.element_type != openvino.Type.u8 or kinds != {openvino.Type.f32}:
        return "has other inputs and outputs than an ensemble"
    if unknown := {node.get_type_name() for node in model.get_ops()} - OPERATIONS:
        return f"computes {sorted(unknown)[0]}, which no ensemble does"
    model.reshape([1, size_px, size_px])
    expected = [(1, size_px, size_px), (1, GRID, GRID)]
    for given, wanted in zip(model.outputs, expected, strict=False):
        if given.partial_shape.is_dynamic or tuple(given.shape) != wanted:
            return "has other inputs and outputs than an ensemble"
    for node in model.get_ops():
        for output in node.outputs():
            shape = output.partial_shape
            if node.get_type_name() == "Constant":  # they lie in the file
                continue
            if shape.is_dynamic or np.prod(shape.to_shape(), dtype=float) > WIDEST * size_px**2:
                return "computes values that are larger than a network's"
    return ""
