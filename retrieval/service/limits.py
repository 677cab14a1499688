"""How much is taken on. Reads a request; passes it on, or answers 413 or 503."""

import asyncio
import re
import time
from collections import Counter
from collections.abc import Awaitable, Callable
from concurrent.futures import ThreadPoolExecutor
from typing import TypeVar

from starlette.exceptions import HTTPException
from starlette.responses import JSONResponse
from starlette.types import ASGIApp, Message, Receive, Scope, Send

T = TypeVar("T")

MOST_BODY = 16 * 2**10
API = "/api/"
_PHOTO = re.compile(r"/api/photos/[^/]*(/thumbnail)?")
TOO_LATE = "found more to do than can be done in time, expected less; try again in a second"
_SECONDS_TO_WAIT = 0.1
# Searches that are let in, at most: the event loop has work with each, too, however fast it is computed.
_MOST_INSIDE = 24


class Admission:
    """Lets `concurrency` requests of the API in at once; the others are asked to come again.

    Those for photos are counted apart: the disk that they lie on may be slow, and no search needs it.
    """

    def __init__(self, app: ASGIApp, concurrency: int) -> None:
        self._app = app
        self._concurrency = concurrency
        self._inside = Counter[str]()

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Answer one request."""
        if scope["type"] != "http" or not scope["path"].startswith(API):
            await self._app(scope, receive, send)
            return
        kind = "photo" if _PHOTO.fullmatch(scope["path"]) else "other"
        inside = self._inside[kind]
        if inside >= self._concurrency:
            detail = f"found {inside} requests being worked on, expected fewer; try again in a second"
            busy = JSONResponse({"detail": detail}, 503, {"retry-after": "1"})
            await busy(scope, receive, send)
            return
        self._inside[kind] += 1
        try:
            await self._app(scope, receive, send)
        finally:
            self._inside[kind] -= 1


def seconds_to_wait(usual_seconds: float) -> float:
    """How long one waits for one's turn, at most, where a piece of work usually takes so long."""
    return max(_SECONDS_TO_WAIT, 4 * usual_seconds)


def follow(usual_seconds: float, seconds: float) -> float:
    """How long a piece of work usually takes, now that one took so long: an exponential moving average."""
    return usual_seconds + 0.1 * (seconds - usual_seconds)


def refuse_late() -> HTTPException:
    """What is said to one whose turn did not come in time."""
    return HTTPException(503, TOO_LATE, {"retry-after": "1"})


def refuse_gone() -> HTTPException:
    """What would be said to one who is gone when the turn comes."""
    return HTTPException(499, "found nobody who waits for the answer any more")


class Turns:
    """Has `workers` pieces of work done at once, in threads; the others wait for their turn.

    As many may wait for as long as it takes, the `next_ones`: the threads themselves go on to them. Of those
    behind, who has waited for 0.1 seconds, or where the work is long for as long as four pieces of it take,
    is asked to come again: it would be served late. `usual_seconds` is how long it takes at first.
    """

    def __init__(self, workers: int, next_ones: int | None = None, usual_seconds: float = 0.0) -> None:
        self.usual_seconds = usual_seconds
        self._turns = asyncio.Semaphore(workers + (workers if next_ones is None else next_ones))
        self._threads = ThreadPoolExecutor(workers, thread_name_prefix="turns")

    async def run(self, work: Callable[[], T], is_gone: Callable[[], Awaitable[bool]] | None = None) -> T:
        """What `work` returns; none is done for who `is_gone` when the turn comes.

        Raises:
            HTTPException: 503, its turn did not come in time; 499, which nobody reads, who asked is gone.
        """
        if self._turns.locked():
            await self._wait()
        else:
            await self._turns.acquire()
        try:
            if is_gone is not None and await is_gone():
                raise refuse_gone()
            return await asyncio.get_running_loop().run_in_executor(self._threads, self._time, work)
        finally:
            self._turns.release()

    async def _wait(self) -> None:
        try:
            async with asyncio.timeout(seconds_to_wait(self.usual_seconds)):
                await self._turns.acquire()
        except TimeoutError:
            raise refuse_late() from None

    def _time(self, work: Callable[[], T]) -> T:
        start = time.perf_counter()
        try:
            return work()
        finally:
            self.usual_seconds = follow(self.usual_seconds, time.perf_counter() - start)


class Gate:
    """Counts the searches that are inside, and says when another one would wait for too long.

    That is when they are work for more than 0.1 seconds, at the `usual_seconds()` that one takes of late;
    four are always let in, and never more than 24. Who asks before reading a request refuses it at hardly
    any cost.
    """

    def __init__(self, usual_seconds: Callable[[], float], count_refused: Callable[[], None]) -> None:
        self._usual_seconds = usual_seconds
        self._count_refused = count_refused
        self._inside = 0

    def enter(self) -> bool:
        """Whether another search may come in; whoever did has to leave."""
        in_time = _SECONDS_TO_WAIT / max(self._usual_seconds(), 1e-3)
        if self._inside >= max(4, min(in_time, _MOST_INSIDE)):
            self._count_refused()
            return False
        self._inside += 1
        return True

    def leave(self) -> None:
        """One that came in has been answered, or is gone."""
        self._inside -= 1


class BodyLimit:
    """Refuses bodies of more than `MOST_BODY` bytes, whatever length they claim to have."""

    def __init__(self, app: ASGIApp) -> None:
        self._app = app

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Answer one request."""
        if scope["type"] != "http" or not _has_body(scope):
            await self._app(scope, receive, send)
            return
        body = bytearray()
        more = True
        while more:
            message = await receive()
            if message["type"] != "http.request":
                return
            body += message.get("body", b"")
            more = message.get("more_body", False)
            if len(body) > MOST_BODY:
                refusal = JSONResponse(
                    {"detail": f"found a body of more than {MOST_BODY} bytes, expected at most that"},
                    413,
                    {"connection": "close"},
                )
                await refusal(scope, receive, send)
                return

        whole: list[Message] = [{"type": "http.request", "body": bytes(body), "more_body": False}]

        async def receive_whole() -> Message:
            return whole.pop() if whole else await receive()

        await self._app(scope, receive_whole, send)


def _has_body(scope: Scope) -> bool:
    return any(name in (b"content-length", b"transfer-encoding") for name, _ in scope["headers"])
