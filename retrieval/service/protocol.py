"""HTTP with a clock on every connection. Reads and writes sockets, by way of uvicorn and h11.

uvicorn closes connections that are idle between two requests, and waits for ever for a request that is
trickling in or an answer that is not being read.
"""

import asyncio
from collections.abc import Callable

from uvicorn.protocols.http.h11_impl import H11Protocol

_MOST_CONNECTIONS = 512
_SECONDS_TO_READ = 20.0
_FULL = (
    b"HTTP/1.1 503 Service Unavailable\r\nretry-after: 1\r\ncontent-length: 0\r\nconnection: close\r\n\r\n"
)


class ClockedProtocol(H11Protocol):
    """A connection is closed where a request takes longer to arrive, or an answer stays unread.

    `seconds` to arrive, headers and body, from the first byte (or from the connection's beginning).
    """

    seconds = 6.0

    def connection_made(self, transport: asyncio.Transport) -> None:  # type: ignore[override]
        """Start the clock; turn the connection away where there are too many."""
        super().connection_made(transport)
        self._arrival = _Clock(self.loop, self.seconds, transport.abort)
        self._reading = _Clock(self.loop, _SECONDS_TO_READ, transport.abort)
        self._arrival.start()
        if len(self.connections) > _MOST_CONNECTIONS:
            transport.write(_FULL)
            transport.close()

    def data_received(self, data: bytes) -> None:
        """Stop the clock where the request has arrived as a whole."""
        super().data_received(data)
        if self.cycle is not None and not self.cycle.response_complete and not self.cycle.more_body:
            self._arrival.stop()
        else:
            self._arrival.start()

    def pause_writing(self) -> None:
        """The client reads slower than it is sent to: give it a while."""
        super().pause_writing()
        self._reading.start()

    def resume_writing(self) -> None:
        """The client has read on."""
        super().resume_writing()
        self._reading.stop()

    def connection_lost(self, exc: Exception | None) -> None:
        """Stop both clocks."""
        super().connection_lost(exc)
        self._arrival.stop()
        self._reading.stop()


class _Clock:
    """Rings once, `seconds` after it was started, unless it is stopped; starting it again changes nothing."""

    def __init__(self, loop: asyncio.AbstractEventLoop, seconds: float, ring: Callable[[], None]) -> None:
        self._loop = loop
        self._seconds = seconds
        self._ring = ring
        self._timer: asyncio.TimerHandle | None = None

    def start(self) -> None:
        if self._timer is None:
            self._timer = self._loop.call_later(self._seconds, self._ring)

    def stop(self) -> None:
        if self._timer is not None:
            self._timer.cancel()
            self._timer = None
