"""One step of one engine in a process of its own. Reads and writes arrays and JSON in a folder.

`python -m eval.bench.step_process` reads the job from stdin; what an engine prints is of no interest.
"""

import dataclasses
import importlib
import json
import os
import subprocess
import sys
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import numpy as np

from eval.bench import steps
from eval.bench.peers.peer import Peer
from retrieval.errors import RetrievalError

VECTORS, QUERIES, KTH = "vectors.npy", "queries.npy", "kth.npy"
"""The arrays of a comparison, in its folder: float32 (N, D), (Q, D) and the exact k-th scores (Q,)."""


def run_step(step: str, peer: type[Peer], data: Path, folder: Path, **settings: float) -> dict[str, Any]:
    """What `steps.build`, `search` or `open_cold` gives, as a document, measured in a new process.

    `data` holds the arrays, `folder` the engine's index.

    Raises:
        RetrievalError: the process failed; the last line it said is in the message.
    """
    where = {"module": peer.__module__, "class": peer.__qualname__, "data": str(data), "folder": str(folder)}
    result = folder.with_name(f"{folder.name}.json")
    job = {"step": step, "result": str(result), **where, **settings}
    command = [sys.executable, "-m", "eval.bench.step_process"]
    # As a library in a program of its own: how OpenMP's threads wait is what `retrieve` chose for itself.
    environment = {name: value for name, value in os.environ.items() if name != "GOMP_SPINCOUNT"}
    done = subprocess.run(
        command, input=json.dumps(job), text=True, capture_output=True, errors="replace", env=environment
    )
    if done.returncode:
        said = (done.stderr.strip() or f"exit code {done.returncode}").splitlines()[-1]
        raise RetrievalError(f"{peer.name} could not {step}: {said}")
    document: dict[str, Any] = json.loads(result.read_text())
    return document


def _run(job: Mapping[str, Any]) -> Any:
    peer: type[Peer] = getattr(importlib.import_module(job["module"]), job["class"])
    for package in peer.packages:
        importlib.import_module(package)
    data, folder = Path(job["data"]), Path(job["folder"])
    if job["step"] == "build":
        return steps.build(peer, read(data / VECTORS), folder)
    queries_QD = np.array(read(data / QUERIES))
    if job["step"] == "search":
        arrays = (read(data / VECTORS), queries_QD, read(data / KTH))
        return steps.search(peer, folder, *arrays, job["wanted"])
    return steps.open_cold(peer, folder, queries_QD, job["effort"])


def read(path: Path) -> np.ndarray:
    """An array, mapped into memory."""
    return np.lib.format.open_memmap(path, mode="r")


if __name__ == "__main__":
    asked = json.load(sys.stdin)
    Path(asked["result"]).write_text(json.dumps(dataclasses.asdict(_run(asked))))
