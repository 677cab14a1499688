"""One worker on each node that has a CPU, those that join later included. Starts and ends Ray actors."""

import logging
import time
from collections import Counter
from collections.abc import Callable
from dataclasses import dataclass, field
from typing import Any

from indexer.cluster.block import Block
from indexer.cluster.block_worker import BlockWorker
from indexer.cluster.ray_cluster import ClusterError
from indexer.describing.describer import Describer
from indexer.pixels.decode_pool import DecodeSettings

# One block is worked on while the next is waiting on the node.
_BLOCKS_AHEAD = 2
_SECONDS_BETWEEN_LOOKS = 5.0
_MOST_FAILED_STARTS = 3
# Models are loaded within a minute.
_SECONDS_TO_OPEN = 300

logger = logging.getLogger(__name__)


@dataclass(slots=True, eq=False)
class NodeWorker:
    """The worker of a node; it takes blocks once it `is_open`."""

    node: str
    actor: Any
    is_open: bool = False
    blocks: list[Block] = field(default_factory=list)

    @property
    def is_free(self) -> bool:
        """Whether it can take another block."""
        return self.is_open and len(self.blocks) < _BLOCKS_AHEAD


class NodePool:
    """The workers of a cluster."""

    def __init__(self, load: Callable[[], Describer], settings: DecodeSettings, batch_photos: int) -> None:
        self._arguments = (load, settings, batch_photos)
        self._looked = -_SECONDS_BETWEEN_LOOKS
        self._last_open = time.monotonic()
        self._failed_starts: Counter[str] = Counter()
        self._last_reason = ""
        self.workers: list[NodeWorker] = []

    def find_new(self) -> list[NodeWorker]:
        """Workers on the nodes that have none yet; looks at most every few seconds.

        Raises:
            ClusterError: there is no node to work on, or none has loaded its models in time.
        """
        self._require_open()
        if time.monotonic() - self._looked < _SECONDS_BETWEEN_LOOKS and self.workers:
            return []
        self._looked = time.monotonic()
        import ray

        nodes = {node["NodeID"]: node["Resources"] for node in ray.nodes() if node["Alive"]}
        taken = {worker.node for worker in self.workers}
        usable = [node for node in nodes if nodes[node].get("CPU", 0) >= 1]
        new = [
            NodeWorker(node, self._start(node, nodes[node]))
            for node in usable
            if node not in taken and self._failed_starts[node] < _MOST_FAILED_STARTS
        ]
        self.workers += new
        if not self.workers:
            raise ClusterError(_explain_no_worker(len(usable), self._last_reason))
        return new

    def drop(self, worker: NodeWorker, reason: str) -> None:
        """Forget a worker that is gone for this reason.

        Its node gets another one if it is still there, but not where one after the other was gone before it
        had loaded its models.
        """
        import ray

        ray.kill(worker.actor)
        self.workers.remove(worker)
        self._last_reason = reason
        self._failed_starts[worker.node] = 0 if worker.is_open else self._failed_starts[worker.node] + 1
        if self._failed_starts[worker.node] == _MOST_FAILED_STARTS:
            logger.warning(
                "a node is left out, its worker died again and again as it started: %s (the last: %s)",
                worker.node,
                reason,
            )

    def end(self) -> None:
        """End all workers."""
        import ray

        while self.workers:
            ray.kill(self.workers.pop().actor)

    def _require_open(self) -> None:
        """Ray itself waits for ever for what another job holds."""
        if any(worker.is_open for worker in self.workers):
            self._last_open = time.monotonic()
        elif time.monotonic() - self._last_open > _SECONDS_TO_OPEN:
            raise ClusterError(
                f"found no node of the Ray cluster that loaded the models within {_SECONDS_TO_OPEN} seconds, "
                "expected one at least; see with `ray status` that no other job holds their CPUs and GPUs, "
                "then index again, which carries on"
            )

    def _start(self, node: str, resources: dict[str, float]) -> Any:
        import ray
        from ray.util.scheduling_strategies import NodeAffinitySchedulingStrategy

        actor = ray.remote(BlockWorker).options(
            num_cpus=int(resources["CPU"]),
            num_gpus=int(resources.get("GPU", 0)),
            scheduling_strategy=NodeAffinitySchedulingStrategy(node, soft=False),
        )
        return actor.remote(*self._arguments)


def _explain_no_worker(usable: int, reason: str) -> str:
    if not usable:
        return (
            "found no node with a CPU in the Ray cluster, expected one at least; start one and index again, "
            "which carries on"
        )
    return (
        "found no node of the Ray cluster that can load the models: on each the worker died "
        f"{_MOST_FAILED_STARTS} times as it started, expected one to stay (the last: {reason}); see that the "
        "nodes have the same version and packages as this machine, and the memory for the models, then index "
        "again, which carries on"
    )
