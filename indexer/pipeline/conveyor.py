"""Stages that work at once, each on a batch of its own. Reads and writes nothing itself."""

from collections import deque
from collections.abc import Callable, Iterator, Sequence
from concurrent.futures import Future, ThreadPoolExecutor
from typing import Any, Generic, TypeVar

Batch = TypeVar("Batch")
Stage = Callable[[Any], Any]


class Conveyor(Generic[Batch]):
    """Takes batches through all stages and gives them back in their order, each with what was made of it.

    At most one batch more than there are stages is under way, whatever takes how long: when a batch comes out
    depends on how many were put in after it, so that the same batches come out in the same places. A single
    stage runs in the caller's thread, where an interrupt stops it at once.
    """

    def __init__(self, stages: Sequence[Stage]) -> None:
        self._stages = stages
        self._threads = [ThreadPoolExecutor(1, "stage") for _ in stages] if len(stages) > 1 else []
        self._under_way: deque[tuple[Batch, Future[Any]]] = deque()

    def put(self, batch: Batch, value: Any) -> Iterator[tuple[Batch, Any]]:
        """Send `value` through the stages; yields what comes out meanwhile, or raises what a stage raised."""
        if not self._threads:
            (stage,) = self._stages
            yield batch, stage(value)
            return
        future: Future[Any] = Future()
        future.set_result(value)
        for stage, thread in zip(self._stages, self._threads, strict=True):
            future = thread.submit(_go_on, stage, future)
        self._under_way.append((batch, future))
        if len(self._under_way) > len(self._stages):
            yield self._take()

    def empty(self) -> Iterator[tuple[Batch, Any]]:
        """What is still under way, as it comes out."""
        while self._under_way:
            yield self._take()

    def close(self) -> None:
        """Drop what is under way; returns when every stage has ended the batch that it is at."""
        for thread in self._threads:
            thread.shutdown(wait=False, cancel_futures=True)
        for thread in self._threads:
            thread.shutdown()

    def _take(self) -> tuple[Batch, Any]:
        batch, future = self._under_way.popleft()
        return batch, future.result()


def _go_on(stage: Stage, before: "Future[Any]") -> Any:
    return stage(before.result())
