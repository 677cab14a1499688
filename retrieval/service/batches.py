"""Questions that wait are answered together. Has a thread; reads and writes nothing."""

import asyncio
import time
from collections import deque
from collections.abc import Callable, Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from typing import Generic, TypeVar

from retrieval.channels.searcher import FEW
from retrieval.service.limits import follow, refuse_late, seconds_to_wait

Q = TypeVar("Q")
A = TypeVar("A")

MOST = FEW
"""Questions that are answered together, at most: as few as get the answers that they would get alone."""


@dataclass(frozen=True, slots=True, eq=False)
class _Waiting(Generic[Q, A]):
    question: Q
    since: float
    answer: asyncio.Future[A]

    def tell(self, answer: A | BaseException) -> None:
        if self.answer.done():  # Who asked has gone away.
            return
        if isinstance(answer, BaseException):
            self.answer.set_exception(answer)
        else:
            self.answer.set_result(answer)


class Batches(Generic[Q, A]):
    """Has a thread answer questions: at once where it is idle, else together with those that wait as well.

    The next `MOST` in line are never turned away. Of those behind, who has waited for as long as `Turns` lets
    anyone wait when the thread begins again is asked to come again.
    """

    def __init__(self, answer: Callable[[Sequence[Q]], Sequence[A | Exception]]) -> None:
        """`answer` is called in the thread, with as many questions as it gives answers, or errors."""
        self._answer = answer
        self.usual_seconds = 0.0
        self._line: deque[_Waiting[Q, A]] = deque()
        self._is_working = False
        self._thread = ThreadPoolExecutor(1, thread_name_prefix="batches")

    async def ask(self, question: Q) -> A:
        """The answer.

        Raises:
            HTTPException: 503, its turn did not come in time.
            Exception: what stands in its answer's place.
        """
        waiting: _Waiting[Q, A] = _Waiting(
            question, time.perf_counter(), asyncio.get_running_loop().create_future()
        )
        self._line.append(waiting)
        if not self._is_working:
            self._begin()
        return await waiting.answer

    def _begin(self) -> None:
        batch = [self._line.popleft() for _ in range(min(MOST, len(self._line)))]
        self._is_working = False
        if not batch:
            return
        questions = [waiting.question for waiting in batch]
        done = asyncio.get_running_loop().run_in_executor(self._thread, self._time, questions)
        done.add_done_callback(lambda done: self._go_on(batch, done.result()))
        # Not before: where there is no room for a thread, who asks next tries again.
        self._is_working = True
        self._turn_away()

    def _go_on(self, batch: Sequence[_Waiting[Q, A]], answers: Sequence[A | BaseException]) -> None:
        # The thread is not to be idle while these answers are sent.
        self._begin()
        for waiting, answer in zip(batch, answers, strict=True):
            waiting.tell(answer)

    def _turn_away(self) -> None:
        now, patience = time.perf_counter(), seconds_to_wait(self.usual_seconds)
        while len(self._line) > MOST and now - self._line[MOST].since > patience:
            self._line[MOST].tell(refuse_late())
            del self._line[MOST]

    def _time(self, questions: Sequence[Q]) -> Sequence[A | BaseException]:
        start = time.perf_counter()
        try:
            return self._answer(questions)
        except BaseException as error:  # So that the line goes on: what panics in Rust is no Exception.
            return [error] * len(questions)
        finally:
            each = (time.perf_counter() - start) / len(questions)
            self.usual_seconds = follow(self.usual_seconds, each)
