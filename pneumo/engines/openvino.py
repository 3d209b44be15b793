"""The networks of an ensemble as one OpenVINO graph on a CPU; Keras and TensorFlow stay away."""

from pathlib import Path
from queue import SimpleQueue
from types import MappingProxyType

import numpy as np

from pneumo.base.errors import PneumoError
from pneumo.base.files import sha256_of
from pneumo.detection.disagreement import disagreement
from pneumo.dicom.process import usable_cores
from pneumo.engines import _silence, int8  # noqa: F401
from pneumo.engines.engine import Answers, Engine
from pneumo.engines.graphs import graph
from pneumo.engines.package import Package
from pneumo.engines.processor import processor, why_not_in

import openvino  # isort: skip  # after silence
from openvino import properties  # isort: skip
from openvino.properties import hint  # isort: skip

PRECISIONS = MappingProxyType(
    {"float32": openvino.Type.f32, "bfloat16": openvino.Type.bf16, "int8": openvino.Type.f32}
)
"""What the graph is computed in, where it is not quantised. OpenVINO takes bfloat16 by itself
where it is faster."""


MOST_FLOAT32 = 2
"""Pictures of a batch in float32: more are no faster on a CPU, and the first result waits for
its batch."""


class OpenVinoEngine(Engine):
    """One graph for all networks, its input uint8, two batches at a time."""

    name, streams = "openvino", 2

    def __init__(
        self,
        package: Package,
        batch_size: int = 16,
        precision: str = "float32",
        quantised: Path | None = None,
        *,
        pinned: bool = True,
    ) -> None:
        """Compile the package's graph, which is converted first unless it is in the cache.

        Batches are of ``batch_size`` pictures, in float32 of ``MOST_FLOAT32`` at most.
        For int8, ``quantised`` is the folder of its graph in 8 bits, whose sums hold. Streams
        that are ``pinned``, where OpenVINO does that, keep to cores of their own: they would share
        them with those of another engine that computes at the same time, while others idle.
        PneumoError for bfloat16 where the processor does not multiply in it: OpenVINO would take
        float32, or many slow steps, without a word.
        """
        if reason := why_not_in(precision):
            raise PneumoError(f"{reason}; take float32")
        if precision == "float32":
            batch_size = min(batch_size, MOST_FLOAT32)
        self.precision, self.batch_size = precision, batch_size
        options = {
            hint.performance_mode: hint.PerformanceMode.THROUGHPUT,
            hint.inference_precision: PRECISIONS[precision],
            properties.num_streams: self.streams,
            properties.inference_num_threads: usable_cores(),
        }
        if not pinned:
            options[hint.enable_cpu_pinning] = False
        core = openvino.Core()
        if precision == "int8":
            assert quantised, "int8 has a graph of its own"
            key, model = quantised.name, int8.read(package, quantised)
        else:
            path = graph(package)
            key, model = path.parent.name, core.read_model(path)
        self.size_px = model.inputs[0].partial_shape[1].get_length()
        model.reshape([batch_size, self.size_px, self.size_px])
        self.identity = sha256_of([key, precision, batch_size, processor()])
        self._compiled = core.compile_model(model, "CPU", options)
        # Loads what turns types into NumPy's, once and here: two threads that need it first at the
        # same time wait for each other for ever, one with Python's lock and one with C++'s.
        openvino.Type.u8.to_dtype()
        self._requests: SimpleQueue[openvino.InferRequest] = SimpleQueue()
        for _ in range(self.streams):
            self._requests.put(self._compiled.create_infer_request())

    def _answers(self, pictures: np.ndarray) -> Answers:
        batch = np.zeros((self.batch_size, self.size_px, self.size_px), np.uint8)
        batch[: len(pictures)] = pictures
        request = self._requests.get()
        try:
            answer = request.infer([batch], share_inputs=True)
            maps, *cells = (np.array(values[: len(pictures)]) for values in answer.to_tuple())
        finally:
            self._requests.put(request)
        apart = disagreement(cells[0]) if cells else np.full(len(maps), np.nan)
        return Answers(maps, apart)
