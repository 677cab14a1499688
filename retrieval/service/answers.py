"""What the service answers, as JSON has it. Reads what the engine gives; writes nothing."""

from typing import Annotated

from pydantic import BaseModel, Field

from retrieval.printable import make_printable
from retrieval.search.explanation import Explanation
from retrieval.search.hit import ChannelHit, Hit
from retrieval.search.results import Results
from retrieval.store.photo_table import PhotoFacts
from retrieval.store.schema import Provenance

ImageId = Annotated[str, Field(description="What a photo goes by: 64 hexadecimal digits.")]


class SearchAnswer(BaseModel):
    """The best photos, and what they were chosen from: `allowed` of the index's `photos` pass the filters.

    `matches_well` says whether any of them is likely to be what was asked for; null where unknown. `waiting`
    counts the photos of a run that has not ended: nobody finds them yet.
    """

    hits: list[Hit]
    photos: int
    allowed: int
    matches_well: bool | None
    generation: int
    waiting: int


class WordAnswer(BaseModel):
    """A word of the caption; `attention` is rows of numbers from 0 to 1, over the whole photo, or null."""

    word: str
    matched: bool
    attention: list[list[float]] | None


class ExplainAnswer(BaseModel):
    """Why a photo came up; `query` is what was understood, `paths` everywhere that the photo was found.

    `also` are its other captions and tags that have words of the query which its caption lacks. `unseen` is
    what it gained where the first photos were looked at again and it could not be read, or null.
    """

    query: str
    image_id: ImageId
    path: str
    paths: tuple[str, ...]
    caption: str
    provenance: Provenance
    width: int
    height: int
    taken: str | None
    camera: str | None
    tags: tuple[str, ...]
    score: float
    probability: float | None
    channels: dict[str, ChannelHit]
    words: list[WordAnswer]
    generation: int
    also: tuple[str, ...]
    unseen: float | None


class CaptionAnswer(BaseModel):
    """A photo's caption as it is now, and who wrote it."""

    image_id: ImageId
    caption: str
    provenance: Provenance
    generation: int


class AboutAnswer(BaseModel):
    """What is served."""

    photos: int
    channels: tuple[str, ...]
    generation: int


class HealthAnswer(BaseModel):
    """The service is up."""

    status: str = "ok"


class Refusal(BaseModel):
    """Why a request was not answered: what was found, what was expected and what to do.

    Where a query cannot be read, `field` names the parameter and `position` the character, from 0.
    """

    detail: str
    field: str | None = None
    position: int | None = None


def describe_results(results: Results) -> SearchAnswer:
    """A search's results."""
    return SearchAnswer(
        hits=results,
        photos=results.photos,
        allowed=results.allowed,
        matches_well=results.matches_well,
        generation=results.generation,
        waiting=results.waiting,
    )


def describe_explanation(explanation: Explanation, facts: PhotoFacts) -> ExplainAnswer:
    """An explanation with what else is known of the photo."""
    return ExplainAnswer(
        **explanation.to_dict(),
        paths=tuple(make_printable(str(path)) for path in facts.paths),
        taken=facts.taken.isoformat(sep=" ", timespec="minutes") if facts.taken else None,
        camera=make_printable(facts.camera) if facts.camera else None,
        tags=facts.tags,
    )
