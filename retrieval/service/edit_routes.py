"""Editing: a person's caption for a photo, and its undoing. Writes an index by way of `set_caption`."""

from collections.abc import Callable
from pathlib import Path

from fastapi import APIRouter, HTTPException, Response
from pydantic import BaseModel, Field

from retrieval.generations.human_caption import MOST_CHARACTERS, set_caption, unset_caption
from retrieval.printable import make_printable
from retrieval.service.answers import CaptionAnswer, Refusal
from retrieval.service.desk import Desk, find_photo
from retrieval.service.search_routes import REFUSALS
from retrieval.store.manifest import Manifest

BODY_REFUSALS: dict[int | str, dict[str, object]] = {
    400: {"model": Refusal, "description": "The body is not JSON in UTF-8, or too deep."},
    413: {"model": Refusal},
}
_REFUSALS: dict[int | str, dict[str, object]] = {
    **REFUSALS,
    **BODY_REFUSALS,
    409: {
        "model": Refusal,
        "description": "Another program is writing the index; try again when it is done.",
    },
    507: {"model": Refusal, "description": "The index cannot be written: its disk is full, or read-only."},
}


class CaptionText(BaseModel):
    """What a person says that a photo shows."""

    text: str = Field(min_length=1, max_length=MOST_CHARACTERS)


def make_edit_routes(desk: Desk) -> APIRouter:
    """The routes of one service."""
    routes = APIRouter(prefix="/api/photos", responses=_REFUSALS, tags=["edit"])

    def edit(image_id: str, write: Callable[[], Manifest]) -> Response:
        find_photo(desk.engine, image_id)
        try:
            written = write()
        except OSError as error:
            raise _refuse_unwritten(desk.index, error) from None
        engine = desk.engine
        if engine.generation < written.generation:
            raise _refuse_unseen(written)
        facts = find_photo(engine, image_id)
        answer = CaptionAnswer(
            image_id=image_id,
            caption=facts.caption,
            provenance=facts.provenance,
            generation=engine.generation,
        )
        return Response(answer.model_dump_json(), media_type="application/json")

    @routes.put("/{image_id}/caption", response_model=CaptionAnswer)
    async def write_caption(image_id: str, caption: CaptionText) -> Response:
        """Say what a photo shows; the next search knows."""

        def write() -> Manifest:
            return set_caption(desk.index, image_id, caption.text, desk.engine.text_encoder)

        return await desk.write(lambda: edit(image_id, write))

    @routes.delete("/{image_id}/caption", response_model=CaptionAnswer)
    async def undo_caption(image_id: str) -> Response:
        """Let the photo have the caption again that it had before people wrote one."""

        def write() -> Manifest:
            return unset_caption(desk.index, image_id, desk.engine.text_encoder)

        return await desk.write(lambda: edit(image_id, write))

    return routes


def _refuse_unseen(written: Manifest) -> HTTPException:
    return HTTPException(
        500,
        f"found generation {written.generation} with the caption, but not to be opened, expected to show it; "
        "the service's log says why, and it is seen as soon as that is mended",
    )


def _refuse_unwritten(index: Path, error: OSError) -> HTTPException:
    return HTTPException(
        507,
        f"found {make_printable(str(index))} not to be written ({error.strerror or error}), expected to "
        "keep a caption there; free some space or let the service write, then try again",
    )
