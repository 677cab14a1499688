"""The service as one ASGI application. Reads an index and its photos; writes what people edit."""

from collections.abc import Callable
from importlib.metadata import version
from pathlib import Path
from typing import Any

from fastapi import APIRouter, FastAPI, HTTPException, Request, Response, Security
from fastapi.exceptions import RequestValidationError
from fastapi.security import HTTPBearer
from pydantic import BaseModel, Field
from starlette.middleware import Middleware
from starlette.responses import JSONResponse, PlainTextResponse

from retrieval.errors import IndexBusyError, PhotoError, RetrievalError, UsageError
from retrieval.printable import make_printable
from retrieval.search.live_engine import LiveEngine
from retrieval.search.reranking import Reranker
from retrieval.service.answers import HealthAnswer, Refusal
from retrieval.service.defects import Defects
from retrieval.service.desk import Desk
from retrieval.service.edit_routes import BODY_REFUSALS, make_edit_routes
from retrieval.service.etags import IfNoneMatch, is_held
from retrieval.service.guard import Guard
from retrieval.service.limits import Admission, BodyLimit
from retrieval.service.metrics import CONTENT_TYPE, Measured
from retrieval.service.page_files import PageFile, read_page
from retrieval.service.photo_routes import make_photo_routes
from retrieval.service.search_routes import REFUSALS, make_search_routes
from retrieval.service.searches import FieldError
from retrieval.service.settings import MOST_TOKEN, ServiceSettings

# What the document says of the token; `Guard` asks for it.
_TOKEN = Security(HTTPBearer(scheme_name="token", auto_error=False))
_SESSION_REFUSALS = {status: REFUSALS[status] for status in (401, 403, 422, 503)} | BODY_REFUSALS


class Token(BaseModel):
    """What the service was started with."""

    token: str = Field(max_length=MOST_TOKEN)


def build_app(
    index: Path, live: LiveEngine, settings: ServiceSettings, load_reranker: Callable[[], Reranker]
) -> FastAPI:
    """The application that serves the index at `index`, which `live` has opened."""
    desk = Desk(index, live, settings, load_reranker)
    page = read_page()
    app = FastAPI(
        title="Retrieve",
        summary="Search your own photographs with a sentence, and be shown why each one came up.",
        version=version("retrieve"),
        docs_url=None,  # Its scripts would come from elsewhere.
        redoc_url=None,
        redirect_slashes=False,
        middleware=[
            Middleware(Measured, metrics=desk.metrics),
            Middleware(Guard, settings=settings, sessions=desk.sessions, page=page.keys()),
            Middleware(Defects),
            Middleware(Admission, concurrency=settings.concurrency),
            Middleware(BodyLimit),
        ],
    )
    app.state.gate = desk.gate
    closed = [] if settings.token is None else [_TOKEN]
    for routes in (make_search_routes(desk), make_photo_routes(desk), make_edit_routes(desk)):
        app.include_router(routes, dependencies=closed)
    app.include_router(_make_metrics_route(desk), dependencies=closed)
    app.include_router(_make_open_routes(desk))
    app.include_router(_make_page_routes(page))
    _say_what_is_wrong(app)
    return app


def _make_metrics_route(desk: Desk) -> APIRouter:
    routes = APIRouter(tags=["care"])

    @routes.head("/metrics", include_in_schema=False)
    @routes.get(
        "/metrics",
        response_class=PlainTextResponse,
        responses={status: REFUSALS[status] for status in (401, 403, 500, 503)},
    )
    async def metrics() -> Response:
        """What the service has been doing, for Prometheus."""
        return Response(await desk.compute(desk.metrics.write), media_type=CONTENT_TYPE)

    return routes


def _make_open_routes(desk: Desk) -> APIRouter:
    routes = APIRouter(tags=["care"])

    @routes.head("/health", include_in_schema=False)
    @routes.get("/health", response_model=HealthAnswer, responses={403: REFUSALS[403]})
    async def health() -> Response:
        """Whether the service is up; does nothing else."""
        return JSONResponse({"status": "ok"})

    @routes.post("/api/session", status_code=204, responses=_SESSION_REFUSALS)
    async def session(token: Token) -> Response:
        """Give the token once; the browser then holds a cookie for as long as the service runs."""
        secret = desk.sessions.accept_token(token.token)
        if secret is None:
            raise HTTPException(
                401, "found another token, expected the one that the service was started with"
            )
        response = Response(status_code=204)
        response.set_cookie(desk.sessions.cookie, secret, path="/", httponly=True, samesite="strict")
        return response

    return routes


def _make_page_routes(page: dict[str, PageFile]) -> APIRouter:
    routes = APIRouter(include_in_schema=False)
    for path, file in page.items():
        _serve_file(routes, path, file)
    return routes


def _serve_file(routes: APIRouter, path: str, file: PageFile) -> None:
    headers = {"etag": file.etag, "cache-control": "no-cache"}

    @routes.head(path, response_model=None)
    @routes.get(path, response_model=None)
    async def page(if_none_match: IfNoneMatch = None) -> Response:
        if is_held(file.etag, if_none_match):
            return Response(status_code=304, headers=headers)
        return Response(file.data, media_type=file.kind, headers=headers)


def _say_what_is_wrong(app: FastAPI) -> None:
    """Every refusal is one line of what was found and expected, as the command says it."""

    @app.exception_handler(RequestValidationError)
    async def refuse_parameter(_request: Request, error: RequestValidationError) -> Response:
        return _refuse(422, _describe(error.errors()[0]))

    @app.exception_handler(400)
    async def refuse_body(_request: Request, _error: Exception) -> Response:
        return _refuse(400, "the body: found no JSON in UTF-8, or too deep a one, expected a JSON object")

    @app.exception_handler(FieldError)
    async def refuse_query(_request: Request, error: FieldError) -> Response:
        return _refuse(422, str(error.error), field=error.field, position=error.error.position)

    @app.exception_handler(UsageError)
    async def refuse_usage(_request: Request, error: UsageError) -> Response:
        return _refuse(422, str(error))

    @app.exception_handler(PhotoError)
    async def refuse_photo(_request: Request, error: PhotoError) -> Response:
        return _refuse(404, str(error))

    @app.exception_handler(IndexBusyError)
    async def refuse_edit(_request: Request, error: IndexBusyError) -> Response:
        return _refuse(409, str(error), {"retry-after": "5"})

    @app.exception_handler(RetrievalError)
    async def fail(_request: Request, error: RetrievalError) -> Response:
        return _refuse(500, str(error))

    @app.exception_handler(OSError)
    async def fail_to_read(_request: Request, error: OSError) -> Response:
        reason = f"{error.strerror or error}: {error.filename}" if error.filename else str(error)
        return _refuse(
            500,
            f"found a file that cannot be read ({make_printable(reason)}), expected one of the index's or of "
            "the models'; see to its disk, then try again",
        )


def _describe(error: dict[str, Any]) -> str:
    """Where a request is wrong, and what is wrong there."""
    if error["type"] == "json_invalid":
        return f"the body: {error['ctx']['error']} at character {error['loc'][-1]}"
    where = ".".join(str(part) for part in error["loc"][1:])
    if error["type"] == "model_attributes_type" and not where:
        return "the body: found no JSON object, expected one, with the content type application/json"
    return f"{where or 'the body'}: {error['msg']}"


def _refuse(
    status: int,
    detail: str,
    headers: dict[str, str] | None = None,
    *,
    field: str | None = None,
    position: int | None = None,
) -> Response:
    refusal = Refusal(detail=detail, field=field, position=position)
    return Response(refusal.model_dump_json(), status, headers, "application/json")
