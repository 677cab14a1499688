"""A failure that nobody foresaw is answered as others are. Reads and writes nothing."""

from starlette.responses import JSONResponse
from starlette.types import ASGIApp, Message, Receive, Scope, Send

from retrieval.service.answers import Refusal

_DETAIL = "found a defect of the service, expected none; its log says which"


class Defects:
    """Answers 500 where an answer has not begun; the error goes on to the server, which logs it."""

    def __init__(self, app: ASGIApp) -> None:
        self._app = app

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Answer one request."""
        begun = False

        async def send_watched(message: Message) -> None:
            nonlocal begun
            begun = True
            await send(message)

        try:
            await self._app(scope, receive, send_watched)
        except Exception:
            if not begun:
                answer = JSONResponse(Refusal(detail=_DETAIL).model_dump(), 500)
                await answer(scope, receive, send)
            raise
