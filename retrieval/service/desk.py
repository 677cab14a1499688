"""What every route needs: the engine of now, the photos' files, and threads to work in. Reads an index."""

import asyncio
import sys
from collections.abc import Awaitable, Callable, Sequence
from functools import cache
from pathlib import Path
from typing import TypeVar
from weakref import ref

from anyio import CapacityLimiter, to_thread
from starlette.exceptions import HTTPException

from retrieval.cache import Cache
from retrieval.errors import UsageError
from retrieval.pictures.verified_photos import VerifiedPhotos
from retrieval.search.engine import SearchEngine
from retrieval.search.live_engine import LiveEngine
from retrieval.search.reranking import Reranker
from retrieval.service.batches import Batches
from retrieval.service.guard import Sessions
from retrieval.service.limits import Gate, Turns, refuse_gone
from retrieval.service.metrics import Metrics
from retrieval.service.searches import Question, answer_alike, answer_questions
from retrieval.service.settings import ServiceSettings
from retrieval.store.photo_table import PhotoFacts

T = TypeVar("T")

_MOST_ANSWER_BYTES = 32 * 2**20
# What an answer is remembered with, beside its question's texts.
_ENTRY_BYTES = 400


class Desk:
    """One index that is being served, and what is shared by its requests.

    It keeps the bytes of answers by engine and question: the same question is asked again when a person goes
    back, deletes a word, or has the page open twice. Not by generation: an index made anew in its place
    begins with the first one again.
    """

    def __init__(
        self, index: Path, live: LiveEngine, settings: ServiceSettings, load_reranker: Callable[[], Reranker]
    ) -> None:
        """`load_reranker` is called when somebody first asks for it: that takes seconds, and memory."""
        self.index = index
        self.sessions = Sessions(settings)
        self.files = VerifiedPhotos()
        self._answers: Cache[tuple[ref[SearchEngine], Question], bytes] = Cache(_MOST_ANSWER_BYTES, _weigh)
        self.metrics = Metrics()
        self._live = live
        self._answering = Batches(self._answer_together)
        self._computing = Turns(settings.workers)
        self.gate = Gate(
            lambda: self._answering.usual_seconds,
            lambda: self.metrics.count("/api/search", "GET", 503),
        )
        self._drawing = asyncio.Semaphore(settings.workers)
        self._drawers = CapacityLimiter(settings.workers)
        self._writing = CapacityLimiter(1)
        self._reranking = Turns(1, next_ones=0, usual_seconds=3.0)
        self._load_reranker = cache(load_reranker)
        self.metrics.watch("retrieve_photos", "Photos that can be found.", lambda: self.engine.photos)
        self.metrics.watch("retrieve_generation", "The index's generation.", lambda: self.engine.generation)
        self.metrics.watch(
            "retrieve_thumbnail_bytes",
            "Memory that thumbnails take.",
            lambda: self.files.thumbnail_bytes,
        )

    @property
    def engine(self) -> SearchEngine:
        """The engine of the current generation; takes a moment where that is new."""
        return self._live.engine

    def recall(self, question: Question) -> bytes | None:
        """The answer to a question of the current generation, if it is remembered; takes no time."""
        engine = self._live.opened
        return None if engine is None else self._answers.get((ref(engine), question))

    async def answer(self, question: Question) -> bytes:
        """The answer to a question, as JSON; together with those to others that wait.

        Raises:
            HTTPException: 503, as `Batches.ask`.
            FieldError: it cannot be read.
            UsageError: as `SearchEngine.search`.
        """
        return await self._answering.ask(question)

    async def look_again(self, question: Question, is_gone: Callable[[], Awaitable[bool]]) -> bytes:
        """The same, of a question for photos that are ranked again; `is_gone` as in `rerank`."""

        def work(reranker: Reranker) -> bytes:
            engine = self.engine
            (answer,) = answer_alike(engine, [question], reranker)
            self._answers.keep((ref(engine), question), answer)
            return answer

        return await self.rerank(work, is_gone)

    def _answer_together(self, questions: Sequence[Question]) -> Sequence[bytes | Exception]:
        engine = self.engine
        answers = answer_questions(engine, questions)
        for question, answer in zip(questions, answers, strict=True):
            if isinstance(answer, bytes):
                self._answers.keep((ref(engine), question), answer)
        return answers

    async def compute(self, work: Callable[[], T]) -> T:
        """What `work` returns, from a thread beside the one that searches: the event loop goes on meanwhile.

        Raises:
            HTTPException: 503, as `Turns.run`.
        """
        return await self._computing.run(work)

    async def rerank(self, work: Callable[[Reranker], T], is_gone: Callable[[], Awaitable[bool]]) -> T:
        """What `work` returns, one at a time: to rank again takes as long as a hundred searches do.

        Whoever types on is gone from one search to the next: nothing is ranked again for nobody.

        Raises:
            HTTPException: 503, as `Turns.run`.
        """
        return await self._reranking.run(lambda: work(self._load_reranker()), is_gone)

    async def draw(self, work: Callable[[], T], is_gone: Callable[[], Awaitable[bool]] | None = None) -> T:
        """What `work` returns, for thumbnails and files, of which a page full must not hold up a search.

        Each waits for as long as it takes; none is done for who `is_gone` when the turn comes.

        Raises:
            HTTPException: 499, which nobody reads.
        """
        async with self._drawing:
            if is_gone is not None and await is_gone():
                raise refuse_gone()
            return await to_thread.run_sync(work, limiter=self._drawers)

    async def write(self, work: Callable[[], T]) -> T:
        """What `work` returns, which writes to the index: one after the other, for as long as it takes."""
        return await to_thread.run_sync(work, limiter=self._writing)


def _weigh(key: tuple[ref[SearchEngine], Question], answer: bytes) -> int:
    """How much memory an answer takes, in bytes, with the question under which it is kept."""
    _, question = key
    return len(answer) + sys.getsizeof(question.q) + sys.getsizeof(question.where) + _ENTRY_BYTES


def find_photo(engine: SearchEngine, image_id: str) -> PhotoFacts:
    """What is known of a photo.

    Raises:
        HTTPException: 404, there is no such photo.
    """
    try:
        return engine.facts(image_id)
    except UsageError as error:
        raise HTTPException(404, str(error)) from None
