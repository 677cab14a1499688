"""Searching: `search`, `similar`, `explain`. Reads an index; answers JSON."""

from typing import Annotated

from fastapi import APIRouter, Query, Request, Response

from retrieval.search.reranking import Reranker
from retrieval.service.answers import (
    AboutAnswer,
    ExplainAnswer,
    Refusal,
    SearchAnswer,
    describe_explanation,
    describe_results,
)
from retrieval.service.desk import Desk, find_photo
from retrieval.service.searches import Question, read_query, say_field

# A thousand words, within what a request's head may hold.
_MOST_CHARACTERS = 8000
_MOST_FILTER_CHARACTERS = 1000
_MOST_HITS = 300

Sentence = Annotated[
    str,
    Query(
        max_length=_MOST_CHARACTERS,
        description="What the photo shows. Without it, the newest photos come first.",
    ),
]
Where = Annotated[
    str,
    Query(
        max_length=_MOST_FILTER_CHARACTERS, description="Filters, such as `taken:2019..2021 camera:canon`."
    ),
]
Count = Annotated[int, Query(ge=1, le=_MOST_HITS, description="How many photos to answer, at most.")]
Channel = Annotated[str | None, Query(max_length=40, description="Search this channel alone.")]
Probability = Annotated[float, Query(ge=0, le=1, description="Leave out what is less likely relevant.")]
Fold = Annotated[bool, Query(description="Show near-duplicates once.")]
Rerank = Annotated[
    bool, Query(description="Look at the first photos again: better, and slower; of all channels together.")
]

REFUSALS: dict[int | str, dict[str, object]] = {
    401: {"model": Refusal},
    403: {"model": Refusal},
    404: {"model": Refusal},
    422: {"model": Refusal},
    500: {"model": Refusal, "description": "The index is damaged, or its disk cannot be read."},
    503: {"model": Refusal, "description": "Too much to do; try again after the seconds of Retry-After."},
}


def make_search_routes(desk: Desk) -> APIRouter:
    """The routes of one service."""
    routes = APIRouter(prefix="/api", responses=REFUSALS, tags=["search"])

    @routes.head("/about", include_in_schema=False)
    @routes.get("/about", response_model=AboutAnswer)
    async def about() -> Response:
        """What is served."""
        return _json(await desk.compute(lambda: _describe(desk)))

    @routes.head("/search", include_in_schema=False)
    @routes.get("/search", response_model=SearchAnswer)
    async def search(
        request: Request,
        q: Sentence = "",
        where: Where = "",
        k: Count = 30,
        channel: Channel = None,
        min_probability: Probability = 0.0,
        fold: Fold = True,
        rerank: Rerank = False,
    ) -> Response:
        """The photos that answer a sentence, best first."""
        question = Question(q, where, k, channel, min_probability, fold, rerank)
        answer = desk.recall(question)
        if answer is None:
            is_gone = request.is_disconnected
            answer = await (desk.look_again(question, is_gone) if rerank else desk.answer(question))
        return _json(answer)

    @routes.head("/photos/{image_id}/similar", include_in_schema=False)
    @routes.get("/photos/{image_id}/similar", response_model=SearchAnswer)
    async def similar(image_id: str, k: Count = 30, where: Where = "", fold: Fold = True) -> Response:
        """The photos that look most like one of the index."""

        def work() -> bytes:
            engine = desk.engine
            find_photo(engine, image_id)
            with say_field("where"):
                results = engine.similar(image_id, k, where=where, fold=fold)
            return describe_results(results).model_dump_json().encode()

        return _json(await desk.compute(work))

    @routes.head("/photos/{image_id}/explain", include_in_schema=False)
    @routes.get("/photos/{image_id}/explain", response_model=ExplainAnswer)
    async def explain(
        request: Request,
        image_id: str,
        q: Sentence = "",
        where: Where = "",
        channel: Channel = None,
        rerank: Rerank = False,
    ) -> Response:
        """Why a photo comes up for a sentence: its places, and where the model looked at each word."""

        def work(reranker: Reranker | None = None) -> bytes:
            engine = desk.engine
            facts = find_photo(engine, image_id)
            query = read_query(q)
            with say_field("where"):
                explanation = engine.explain(query, image_id, channel, where=where, reranker=reranker)
            return describe_explanation(explanation, facts).model_dump_json().encode()

        return _json(await (desk.rerank(work, request.is_disconnected) if rerank else desk.compute(work)))

    return routes


def _describe(desk: Desk) -> bytes:
    engine = desk.engine
    about = AboutAnswer(photos=engine.photos, channels=engine.channels, generation=engine.generation)
    return about.model_dump_json().encode()


def _json(document: bytes) -> Response:
    return Response(document, media_type="application/json", headers={"cache-control": "no-store"})
