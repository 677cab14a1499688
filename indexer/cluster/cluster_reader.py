"""Files → rows on all nodes of a Ray cluster, in order. Reads nothing itself; writes nothing."""

from collections import deque
from collections.abc import Callable, Generator, Iterable
from typing import Any

from indexer.cluster.block import Block, split_blocks
from indexer.cluster.node_pool import NodePool, NodeWorker
from indexer.cluster.ray_cluster import ClusterError
from indexer.describing.describer import Describer
from indexer.pixels.decode_pool import DecodeSettings, ReadPhoto
from retrieval.errors import RetrievalError

# So many batches make a block: while one is described the next ones are decoded.
_BATCHES = 4
_MOST_LOSSES = 3
# Blocks that are done wait for those before them: so many for each node at most.
_AHEAD = 8


class ClusterReader:
    """Does on a cluster what `decode_photos` does here, and what comes of it, rows and all.

    A node that goes away costs what it was working on, which is done again elsewhere.
    """

    def __init__(
        self, load: Callable[[], Describer], models_sha256: tuple[str, str], batch_photos: int
    ) -> None:
        """`load` makes on each node the describer whose `models_sha256` are these here."""
        self._load = load
        self._models_sha256 = models_sha256
        self._batch_photos = batch_photos

    def read_photos(
        self, paths: Iterable[bytes], wanted: Callable[[str], bool], settings: DecodeSettings
    ) -> Generator[ReadPhoto, None, None]:
        """As `decode_photos`, with the rows of the photos in place of their pixels.

        Raises:
            ClusterError: no node is left, none gets ready, one block was lost again and again, or a node
                failed otherwise.
            RetrievalError: a node's models are not those of this machine, or cannot be loaded.
        """
        blocks = split_blocks(paths, _BATCHES * self._batch_photos)
        pool = NodePool(self._load, settings, self._batch_photos)
        run = _Run(blocks, pool, wanted, self._models_sha256)
        try:
            while (block := run.next_done()) is not None:
                yield from block.reads.values()
        finally:
            pool.end()


class _Run:
    """The blocks of one run: which are waiting, at which node, and done."""

    def __init__(
        self,
        blocks: Iterable[Block],
        pool: NodePool,
        wanted: Callable[[str], bool],
        models_sha256: tuple[str, str],
    ) -> None:
        self._blocks = iter(blocks)
        self._pool = pool
        self._wanted = wanted
        self._models_sha256 = models_sha256
        self._again: deque[Block] = deque()
        self._asked: dict[Any, tuple[NodeWorker, Block | None]] = {}
        self._done: dict[int, Block] = {}
        self._given = self._taken = 0
        self._all_given = False

    def next_done(self) -> Block | None:
        """The next block in order, once it is done; None after the last."""
        while self._taken not in self._done:
            self._hand_out()
            # A node may still be waiting to start.
            if self._all_given and self._taken == self._given:
                return None
            self._collect()
        self._taken += 1
        return self._done.pop(self._taken - 1)

    def _hand_out(self) -> None:
        for worker in self._pool.find_new():
            self._asked[worker.actor.open.remote()] = (worker, None)
        for worker in self._pool.workers:
            while worker.is_free and (block := self._pick()) is not None:
                worker.blocks.append(block)
                self._ask(worker, block)

    def _pick(self) -> Block | None:
        if self._again:
            return self._again.popleft()
        if self._given - self._taken >= _AHEAD * len(self._pool.workers):
            return None
        block = next(self._blocks, None)
        self._all_given = block is None
        self._given += block is not None
        return block

    def _ask(self, worker: NodeWorker, block: Block) -> None:
        if block.wanted is None:
            answer = worker.actor.identify.remote(block.paths)
        else:
            answer = worker.actor.describe.remote(block.wanted)
        self._asked[answer] = (worker, block)

    def _collect(self) -> None:
        import ray
        from ray.exceptions import RayError, RayTaskError

        ready, _ = ray.wait(list(self._asked), timeout=1.0)
        for answer in ready:
            worker, block = self._asked.pop(answer)
            if worker not in self._pool.workers:
                continue
            try:
                self._take(worker, block, ray.get(answer))
            except RayTaskError as error:
                raise _to_error_here(error.cause) from error
            except RayError as error:
                self._lose(worker, _take_reason(error))

    def _take(self, worker: NodeWorker, block: Block | None, answer: Any) -> None:
        if block is None:
            if answer != self._models_sha256:
                raise RetrievalError(
                    f"found models on a node of the Ray cluster ({_name(answer)}) that are not those of this "
                    f"machine ({_name(self._models_sha256)}); install the same version and models there"
                )
            worker.is_open = True
            return
        block.take(answer, self._wanted)
        if not block.is_done:
            self._ask(worker, block)
            return
        worker.blocks.remove(block)
        self._done[block.number] = block

    def _lose(self, worker: NodeWorker, reason: str) -> None:
        """The node, or the process on it, is gone: others do again what it was working on."""
        self._pool.drop(worker, reason)
        for block in worker.blocks:
            block.lost += 1
            if block.lost >= _MOST_LOSSES:
                raise ClusterError(
                    f"found {_MOST_LOSSES} nodes gone while they worked on the same {len(block.paths)} "
                    f"photos, expected them to stay (the last: {reason}); give them more memory or smaller "
                    "batches (batch_photos), then index again, which carries on"
                )
        self._again.extend(worker.blocks)


def _name(models_sha256: tuple[str, str]) -> str:
    captioner, text_encoder = models_sha256
    return f"captioner {captioner[:12]}…, text encoder {text_encoder[:12]}…"


def _to_error_here(cause: Exception) -> RetrievalError:
    if isinstance(cause, RetrievalError):
        return type(cause)(f"on a node of the Ray cluster: {cause}")
    reason = (str(cause).strip() or "without a word").splitlines()[0]
    return ClusterError(
        f"found a node of the Ray cluster that failed ({type(cause).__name__}: {reason}), expected rows; see "
        "that it has the same version and packages as this machine, then index again, which carries on"
    )


def _take_reason(error: Exception) -> str:
    """Why a worker is gone, in a line.

    Ray tells first who it was, and of an error the traceback; of too little memory last what to read of it.
    """
    from ray.exceptions import OutOfMemoryError

    lines = [line.strip() for line in str(error).splitlines() if line.strip()] or [type(error).__name__]
    return lines[0 if isinstance(error, OutOfMemoryError) else -1]
