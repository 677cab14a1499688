"""HTTP with a clock on every connection, and a gate. Reads and writes sockets, by way of uvicorn and h11.

uvicorn closes connections that are idle between two requests, and waits for ever for a request that is
trickling in or an answer that is not being read. It reads a request in half a millisecond, be it only to
refuse it: where many more come than can be answered, that would be all that the service does.
"""

import asyncio
import json
import re
from collections.abc import Callable

import h11
from uvicorn.protocols.http.h11_impl import H11Protocol

from retrieval.service.limits import TOO_LATE, Gate

_MOST_CONNECTIONS = 512
_SECONDS_TO_READ = 20.0
_FULL = (
    b"HTTP/1.1 503 Service Unavailable\r\nretry-after: 1\r\ncontent-length: 0\r\nconnection: close\r\n\r\n"
)
_DETAIL = json.dumps({"detail": TOO_LATE}).encode()
_REFUSED = (
    b"HTTP/1.1 503 Service Unavailable\r\nretry-after: 1\r\ncontent-type: application/json\r\n"
    b"content-length: %d\r\n\r\n%s" % (len(_DETAIL), _DETAIL)
)
_SEARCH = b"GET /api/search"
# A body would follow, the connection is to be closed, or a second look has a queue of its own: not for the
# short way.
_NEEDS_READING = re.compile(
    rb" HTTP/1\.0\r|\n(content-length|transfer-encoding|connection:[ ]*close)|[?&]rerank=(1|t|y|on)", re.I
)


class ClockedProtocol(H11Protocol):
    """A connection is closed where a request takes longer to arrive, or an answer stays unread.

    `seconds` to arrive, headers and body, from the first byte (or from the connection's beginning). A search
    that the `gate` does not let in is refused unread.
    """

    seconds = 6.0
    gate: Gate
    _is_inside = False

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
        if self._is_whole_search(data):
            if not self.gate.enter():
                self._refuse()
                return
            self._is_inside = True
        super().data_received(data)
        if self.cycle is not None and not self.cycle.response_complete and not self.cycle.more_body:
            self._arrival.stop()
        else:
            self._arrival.start()

    def _is_whole_search(self, data: bytes) -> bool:
        """Whether this is one request for a search, nothing less and nothing more, on an idle connection."""
        return (
            data.startswith(_SEARCH)
            and data.find(b"\r\n\r\n") == len(data) - 4
            and not _NEEDS_READING.search(data)
            and self.conn.states == {h11.CLIENT: h11.IDLE, h11.SERVER: h11.IDLE}
            and self.conn.trailing_data == (b"", False)
            and not self.flow.write_paused
        )

    def _refuse(self) -> None:
        self._unset_keepalive_if_required()
        self.transport.write(_REFUSED)
        self._arrival.stop()
        self._arrival.start()

    def _leave(self) -> None:
        if self._is_inside:
            self._is_inside = False
            self.gate.leave()

    def on_response_complete(self) -> None:
        """Make room for another search; start the clock of a request that began behind this one."""
        self._leave()
        super().on_response_complete()
        if not self.cycle.response_complete and self.cycle.more_body:
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
        self._leave()
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
