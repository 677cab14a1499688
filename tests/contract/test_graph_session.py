"""Every runtime of graphs: batches come out in their order and exact, and nobody is told."""

import gc
import os
import subprocess
import sys
import weakref
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import numpy as np
import pytest
from onnx import ModelProto, TensorProto, helper, numpy_helper

from retrieval.graph_session import open_session
from retrieval.runtime import Runtime, is_installed

RUNTIMES = [
    pytest.param(runtime, marks=pytest.mark.skipif(not is_installed(runtime), reason=f"found no {runtime}"))
    for runtime in (Runtime.ONNXRUNTIME, Runtime.OPENVINO)
]


def double() -> ModelProto:
    """x float32 (B, 3) → 2x."""
    node = helper.make_node("Mul", ["x", "two"], ["y"])
    sides = [helper.make_tensor_value_info(name, TensorProto.FLOAT, ["B", 3]) for name in ("x", "y")]
    two = numpy_helper.from_array(np.array(2, dtype=np.float32), "two")
    graph = helper.make_graph([node], "double", sides[:1], sides[1:], [two])
    return helper.make_model(graph, opset_imports=[helper.make_opsetid("", 17)], ir_version=8)


@pytest.mark.parametrize("runtime", RUNTIMES)
def test_every_batch_has_its_own_output_in_order(runtime: Runtime) -> None:
    session = open_session(runtime, double())
    # Small whole numbers: exact in bfloat16.
    batches = [np.full((1 + number % 5, 3), number, dtype=np.float32) for number in range(64)]
    for _ in range(2):
        outputs = session.run([{"x": batch} for batch in batches])
        assert len(outputs) == 64
        for batch, output in zip(batches, outputs, strict=True):
            np.testing.assert_array_equal(output, 2 * batch)
    assert session.run([]) == []


@pytest.mark.parametrize("runtime", RUNTIMES)
def test_threads_get_the_outputs_of_their_own_batches(runtime: Runtime) -> None:
    session = open_session(runtime, double())

    def run(number: int) -> list[float]:
        batches = [np.full((1, 3), number, dtype=np.float32)] * (1 + number % 4)
        return [float(output[0, 0]) for output in session.run([{"x": batch} for batch in batches])]

    with ThreadPoolExecutor(4) as pool:
        for number, outputs in enumerate(pool.map(run, range(200))):
            assert outputs == [2 * number] * (1 + number % 4)


@pytest.mark.parametrize("runtime", RUNTIMES)
def test_a_session_that_nobody_needs_gives_its_memory_back(runtime: Runtime) -> None:
    session = open_session(runtime, double())
    session.run([{"x": np.ones((1, 3), np.float32)}])
    left = weakref.ref(session)
    del session
    gc.collect()
    assert left() is None


@pytest.mark.parametrize("runtime", RUNTIMES)
def test_no_runtime_leaves_anything_in_the_home_folder(runtime: Runtime, tmp_path: Path) -> None:
    code = (
        "from tests.contract.test_graph_session import double, np;"
        "from retrieval.graph_session import open_session; from retrieval.runtime import Runtime;"
        f"print(open_session(Runtime('{runtime}'), double()).run([{{'x': np.ones((1, 3), np.float32)}}]))"
    )
    environment = {**os.environ, "HOME": str(tmp_path), "PYTHONPATH": os.pathsep.join(["", *sys.path])}
    environment.pop("ORT_DISABLE_TELEMETRY", None)
    said = subprocess.run([sys.executable, "-c", code], env=environment, capture_output=True, text=True)
    assert "2." in said.stdout, said.stderr
    assert list(tmp_path.iterdir()) == []
