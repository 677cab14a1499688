"""Runs the service. Reads and writes a socket."""

import gc
import socket
import sys
from collections.abc import Callable

import uvicorn
from fastapi import FastAPI

from retrieval.device import one_blas_thread
from retrieval.errors import UsageError
from retrieval.service.protocol import ClockedProtocol
from retrieval.service.settings import ServiceSettings

# 8,000 characters of a query, each of three bytes in UTF-8 that a URL writes with three characters.
_MOST_HEADER_BYTES = 96 * 2**10
_SECONDS_IDLE = 5
_SECONDS_TO_STOP = 3
# A search lets go of the interpreter's lock a hundred times for arithmetic: it must get it back soon, also
# while the event loop is busy turning requests away.
_SECONDS_TO_SWITCH = 0.00005


def bind(host: str, port: int) -> socket.socket:
    """A socket that listens; port 0 takes any that is free.

    Raises:
        UsageError: there is no such host here, or the port is taken or not for everyone.
    """
    try:
        family, kind, protocol, _, address = socket.getaddrinfo(host, port, type=socket.SOCK_STREAM)[0]
        listening = socket.socket(family, kind, protocol)
    except (OSError, UnicodeError) as error:  # The latter for what cannot be a name, such as a..b.
        reason = error.strerror if isinstance(error, OSError) else error
        raise UsageError(f"found no host {host!r} ({reason}), expected an address of this machine") from None
    try:
        listening.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        listening.bind(address)
        listening.listen(512)
    except OSError as error:
        listening.close()
        raise UsageError(
            f"cannot serve at {host}, port {port}: {error.strerror}; choose another with --port or --host"
        ) from None
    return listening


def run_server(
    app: FastAPI, listening: socket.socket, settings: ServiceSettings, started: Callable[[], None]
) -> None:
    """Answer until the process is told to stop; calls `started` when requests are taken."""
    sys.setswitchinterval(_SECONDS_TO_SWITCH)
    # What was loaded stays. To look through half a million objects for garbage would hold up everyone.
    gc.collect()
    gc.freeze()
    protocol = type("Protocol", (ClockedProtocol,), {"seconds": settings.seconds, "gate": app.state.gate})
    config = uvicorn.Config(
        app,
        http=protocol,
        ws="none",
        lifespan="off",
        log_config=None,
        access_log=False,
        server_header=False,
        proxy_headers=False,
        timeout_keep_alive=_SECONDS_IDLE,
        timeout_graceful_shutdown=_SECONDS_TO_STOP,
        h11_max_incomplete_event_size=_MOST_HEADER_BYTES,
    )
    with one_blas_thread():
        _Server(config, started).run([listening])


class _Server(uvicorn.Server):
    def __init__(self, config: uvicorn.Config, started: Callable[[], None]) -> None:
        super().__init__(config)
        self._started = started

    async def startup(self, sockets: list[socket.socket] | None = None) -> None:
        await super().startup(sockets)
        self._started()
