"""HTTP with a clock on every connection. Reads and writes sockets, by way of uvicorn and h11.

uvicorn closes connections that are idle between two requests, and waits for ever for a request that is
trickling in or an answer that is not being read.
"""

import asyncio
from typing import Any

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

    seconds = 8.0

    def __init__(self, *arguments: Any, **settings: Any) -> None:
        super().__init__(*arguments, **settings)
        self._arrival: asyncio.TimerHandle | None = None
        self._stall: asyncio.TimerHandle | None = None

    def connection_made(self, transport: asyncio.Transport) -> None:  # type: ignore[override]
        """Start the clock; turn the connection away where there are too many."""
        super().connection_made(transport)
        if len(self.connections) > _MOST_CONNECTIONS:
            transport.write(_FULL)
            transport.close()
            return
        self._arrival = self.loop.call_later(self.seconds, transport.abort)

    def data_received(self, data: bytes) -> None:
        """Stop the clock where the request has arrived as a whole."""
        super().data_received(data)
        if self._has_arrived():
            self._arrival = _cancel(self._arrival)
        elif self._arrival is None:
            self._arrival = self.loop.call_later(self.seconds, self.transport.abort)

    def pause_writing(self) -> None:
        """The client reads slower than it is sent to: give it a while."""
        super().pause_writing()
        self._stall = self.loop.call_later(_SECONDS_TO_READ, self.transport.abort)

    def resume_writing(self) -> None:
        """The client has read on."""
        super().resume_writing()
        self._stall = _cancel(self._stall)

    def connection_lost(self, exc: Exception | None) -> None:
        """Stop both clocks."""
        super().connection_lost(exc)
        self._arrival, self._stall = _cancel(self._arrival), _cancel(self._stall)

    def _has_arrived(self) -> bool:
        return self.cycle is not None and not self.cycle.response_complete and not self.cycle.more_body


def _cancel(timer: asyncio.TimerHandle | None) -> None:
    if timer is not None:
        timer.cancel()
