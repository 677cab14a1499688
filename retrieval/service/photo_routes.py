"""Photos: the file itself, and small versions of it. Reads photos; answers images."""

from contextlib import ExitStack
from enum import IntEnum
from io import BufferedReader
from pathlib import Path
from urllib.parse import quote

from fastapi import APIRouter, Request, Response
from starlette.background import BackgroundTask
from starlette.responses import StreamingResponse

from retrieval.pictures.verified_photos import find_kind, read_blocks
from retrieval.printable import make_printable
from retrieval.service.desk import Desk, find_photo
from retrieval.service.etags import IfNoneMatch, is_held
from retrieval.service.search_routes import REFUSALS


class Side(IntEnum):
    """The longer side of a small version, at most, in pixels: a tile, a tile on a dense screen, a window."""

    TILE = 480
    DENSE_TILE = 960
    WINDOW = 1600


_IMAGE: dict[int | str, dict[str, object]] = {
    200: {"content": {"image/*": {"schema": {"type": "string", "format": "binary"}}}},
    304: {"description": "The photo is the one that the client has."},
}


def make_photo_routes(desk: Desk) -> APIRouter:
    """The routes of one service."""
    routes = APIRouter(
        prefix="/api/photos", responses=REFUSALS | _IMAGE, tags=["photos"], default_response_class=Response
    )

    @routes.head("/{image_id}", include_in_schema=False)
    @routes.get("/{image_id}", response_model=None)
    async def photo(request: Request, image_id: str, if_none_match: IfNoneMatch = None) -> Response:
        """The photo's file, as long as it is the one that was indexed."""
        headers = _headers(image_id)

        def work() -> Response:
            with ExitStack() as opened:
                file = opened.enter_context(desk.files.open(image_id, _find_paths(desk, image_id)))
                if is_held(headers["etag"], if_none_match):
                    return Response(status_code=304, headers=headers)
                answer = StreamingResponse(
                    read_blocks(file),
                    media_type=find_kind(file),
                    headers=headers | {"content-disposition": _name(file)},
                    background=BackgroundTask(file.close),
                )
                opened.pop_all()
                return answer

        return await desk.draw(work, request.is_disconnected)

    @routes.head("/{image_id}/thumbnail", include_in_schema=False)
    @routes.get("/{image_id}/thumbnail", response_model=None)
    async def thumbnail(
        request: Request, image_id: str, side: Side = Side.TILE, if_none_match: IfNoneMatch = None
    ) -> Response:
        """The photo, upright and small, as JPEG; as long as its file is the one that was indexed."""
        headers = _headers(f"{image_id}-{side}")

        def work() -> Response:
            paths = _find_paths(desk, image_id)
            if is_held(headers["etag"], if_none_match):
                desk.files.open(image_id, paths).close()
                return Response(status_code=304, headers=headers)
            small = desk.files.thumbnail(image_id, paths, side)
            return Response(small, media_type="image/jpeg", headers=headers)

        return await desk.draw(work, request.is_disconnected)

    return routes


def _find_paths(desk: Desk, image_id: str) -> tuple[Path, ...]:
    return find_photo(desk.engine, image_id).paths


def _name(file: BufferedReader) -> str:
    """What a copy of the photo is called where it is kept (RFC 6266); it is shown all the same."""
    return f"inline; filename*=UTF-8''{quote(make_printable(Path(file.name).name), safe='')}"


def _headers(etag: str) -> dict[str, str]:
    # Asked for again each time, so that a photo that is gone from the disk is gone from the page.
    return {"etag": f'"{etag}"', "cache-control": "private, no-cache"}
