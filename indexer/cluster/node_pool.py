"""One worker on each node that has a CPU, those that join later included. Starts and ends Ray actors."""

import time
from collections.abc import Callable
from dataclasses import dataclass, field
from typing import Any

from indexer.cluster.block import Block
from indexer.cluster.block_worker import BlockWorker
from indexer.cluster.ray_cluster import ClusterError
from indexer.decode_pool import DecodeSettings
from indexer.describer import Describer

# One block is worked on while the next is waiting on the node.
_BLOCKS_AHEAD = 2
_SECONDS_BETWEEN_LOOKS = 5.0


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
        self.workers: list[NodeWorker] = []

    def find_new(self) -> list[NodeWorker]:
        """Workers on the nodes that have none yet; looks at most every few seconds.

        Raises:
            ClusterError: there is no node to work on.
        """
        if time.monotonic() - self._looked < _SECONDS_BETWEEN_LOOKS and self.workers:
            return []
        self._looked = time.monotonic()
        import ray

        nodes = {node["NodeID"]: node["Resources"] for node in ray.nodes() if node["Alive"]}
        taken = {worker.node for worker in self.workers}
        new = [
            NodeWorker(node, self._start(node, resources))
            for node, resources in nodes.items()
            if node not in taken and resources.get("CPU", 0) >= 1
        ]
        self.workers += new
        if not self.workers:
            raise ClusterError(
                "found no node with a CPU in the Ray cluster, expected one at least; start one and index "
                "again, which carries on"
            )
        return new

    def drop(self, worker: NodeWorker) -> None:
        """Forget a worker that is gone; its node gets another one if it is still there."""
        import ray

        ray.kill(worker.actor)
        self.workers.remove(worker)

    def end(self) -> None:
        """End all workers."""
        for worker in [*self.workers]:
            self.drop(worker)

    def _start(self, node: str, resources: dict[str, float]) -> Any:
        import ray
        from ray.util.scheduling_strategies import NodeAffinitySchedulingStrategy

        actor = ray.remote(BlockWorker).options(
            num_cpus=int(resources["CPU"]),
            num_gpus=int(resources.get("GPU", 0)),
            scheduling_strategy=NodeAffinitySchedulingStrategy(node, soft=False),
        )
        return actor.remote(*self._arguments)
