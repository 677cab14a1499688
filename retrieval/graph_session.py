"""Runs ONNX graphs on the CPU, by ONNX Runtime or OpenVINO. Reads the weights they name; writes nothing."""

import os
import sys
from collections.abc import Mapping, Sequence
from functools import partial
from pathlib import Path
from threading import Lock
from typing import TYPE_CHECKING, Any, Protocol

import numpy as np

from retrieval.device import count_cores
from retrieval.runtime import Runtime

if TYPE_CHECKING:
    from onnx import ModelProto

_ERRORS_ONLY = 3

Inputs = Mapping[str, np.ndarray]


class GraphSession(Protocol):
    """A graph that is ready to run. Implementations: `OnnxSession`, `OpenVinoSession`."""

    def run(self, batches: Sequence[Inputs]) -> list[np.ndarray]:
        """The graph's only output for each of the batches, float32."""
        ...


def open_session(runtime: Runtime, graph: "ModelProto", weights: Path | None = None) -> GraphSession:
    """A session of `OPENVINO`, or else of `ONNXRUNTIME`; `weights` is the folder of what the graph lacks.

    Neither library has exceptions of one tree for a graph that it cannot run.
    """
    return OpenVinoSession(graph, weights) if runtime is Runtime.OPENVINO else OnnxSession(graph, weights)


class OnnxSession:
    """One batch at a time on all cores, in float32. Weights outside the graph are mapped where they lie."""

    def __init__(self, graph: "ModelProto", weights: Path | None = None) -> None:
        # From 1.32 on it reports its use over the network, unless told not to before it is imported.
        os.environ["ORT_DISABLE_TELEMETRY"] = "1"
        from onnxruntime import InferenceSession, SessionOptions

        options = SessionOptions()
        options.log_severity_level = _ERRORS_ONLY
        options.intra_op_num_threads = count_cores()
        # Threads that wait for the next batch would take the core from whatever else runs.
        options.add_session_config_entry("session.intra_op.allow_spinning", "0")
        if weights is not None:
            folder = "session.model_external_initializers_file_folder_path"
            options.add_session_config_entry(folder, str(weights))
        providers = ["CPUExecutionProvider"]
        self._session = InferenceSession(graph.SerializeToString(), options, providers=providers)

    def run(self, batches: Sequence[Inputs]) -> list[np.ndarray]:
        """As `GraphSession.run`."""
        return [np.asarray(self._session.run(None, dict(batch))[0]) for batch in batches]


def import_openvino() -> Any:
    """The package, which reports its use over the network: it goes without where that part is missing."""
    sys.modules.setdefault("openvino_telemetry", None)  # type: ignore[arg-type]
    import openvino

    return openvino


class OpenVinoSession:
    """As many batches at a time as suit the cores; in bfloat16 where the processor multiplies it natively."""

    def __init__(self, graph: "ModelProto", weights: Path | None = None) -> None:
        from onnx.external_data_helper import load_external_data_for_model

        openvino = import_openvino()
        if weights is not None:
            load_external_data_for_model(graph, str(weights))
        core = openvino.Core()
        native = "BF16" in core.get_property("CPU", "OPTIMIZATION_CAPABILITIES")
        model = core.compile_model(
            core.read_model(graph.SerializeToString()),
            "CPU",
            {
                "PERFORMANCE_HINT": "THROUGHPUT",
                "INFERENCE_PRECISION_HINT": "bf16" if native else "f32",
                "INFERENCE_NUM_THREADS": count_cores(),
            },
        )
        self._outputs: dict[int, np.ndarray] = {}
        self._queue = openvino.AsyncInferQueue(model)
        self._running = Lock()
        # Not a method: the queue would hold this session, which holds the queue, and both for good.
        self._queue.set_callback(partial(_keep, self._outputs))

    def run(self, batches: Sequence[Inputs]) -> list[np.ndarray]:
        """As `GraphSession.run`; threads take turns."""
        with self._running:
            for number, batch in enumerate(batches):
                self._queue.start_async(dict(batch), number)
            self._queue.wait_all()
            return [self._outputs.pop(number) for number in range(len(batches))]


def _keep(outputs: dict[int, np.ndarray], request: Any, number: int) -> None:
    outputs[number] = request.get_output_tensor().data.copy()
