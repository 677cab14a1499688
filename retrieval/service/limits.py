"""How much is taken on. Reads a request; passes it on, or answers 413 or 503."""

from starlette.responses import JSONResponse
from starlette.types import ASGIApp, Message, Receive, Scope, Send

MOST_BODY = 16 * 2**10
API = "/api/"


class Admission:
    """Lets `concurrency` requests of the API in at once; the others are asked to come again.

    What waits longer than a person would is better refused at once: the queue stays as short as that.
    """

    def __init__(self, app: ASGIApp, concurrency: int) -> None:
        self._app = app
        self._concurrency = concurrency
        self._inside = 0

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Answer one request."""
        if scope["type"] != "http" or not scope["path"].startswith(API):
            await self._app(scope, receive, send)
            return
        if self._inside >= self._concurrency:
            detail = f"found {self._inside} requests being worked on, expected fewer; try again in a second"
            busy = JSONResponse({"detail": detail}, 503, {"retry-after": "1"})
            await busy(scope, receive, send)
            return
        self._inside += 1
        try:
            await self._app(scope, receive, send)
        finally:
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
