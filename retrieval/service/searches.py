"""Questions → their answers as JSON. Reads an index, by way of an engine; writes nothing."""

from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass

from retrieval.query.query_language import Query, QueryError, parse_query
from retrieval.search.engine import SearchEngine
from retrieval.search.reranking import Reranker
from retrieval.service.answers import describe_results


class FieldError(Exception):
    """What is wrong with one of the parameters that hold a query."""

    def __init__(self, field: str, error: QueryError) -> None:
        self.field = field
        self.error = error


@dataclass(frozen=True, slots=True)
class Question:
    """What is asked for: the parameters of a search."""

    q: str
    where: str
    k: int
    channel: str | None
    min_probability: float
    fold: bool
    rerank: bool

    @property
    def kind(self) -> tuple[object, ...]:
        """Questions of one kind can be answered together; those to be ranked again never are."""
        return self.where, self.k, self.channel, self.fold


def answer_questions(engine: SearchEngine, questions: Sequence[Question]) -> list[bytes | Exception]:
    """The answer to each question, or what is wrong with it. Those of one kind are searched together."""
    answers: dict[int, bytes | Exception] = {}
    kinds: dict[object, list[int]] = {}
    for number, question in enumerate(questions):
        kinds.setdefault(question.kind, []).append(number)
    for numbers in kinds.values():
        found = _answer_alike(engine, [questions[number] for number in numbers])
        answers |= zip(numbers, found, strict=True)
    return [answers[number] for number in range(len(questions))]


def _answer_alike(engine: SearchEngine, questions: Sequence[Question]) -> Sequence[bytes | Exception]:
    try:
        return answer_alike(engine, questions)
    except Exception as error:  # Of whatever kind: the others are not to suffer from it.
        if len(questions) == 1:
            return [error]
        return [answer for question in questions for answer in _answer_alike(engine, [question])]


def answer_alike(
    engine: SearchEngine, questions: Sequence[Question], reranker: Reranker | None = None
) -> list[bytes]:
    """The answers to questions of one kind.

    Raises:
        FieldError: one of them cannot be read.
        UsageError: as `SearchEngine.search`.
    """
    queries = [read_query(question.q) for question in questions]
    first = questions[0]
    with say_field("where"):
        found = engine.search_many(
            queries,
            first.k,
            first.channel,
            where=first.where,
            min_probability=[question.min_probability for question in questions],
            fold=first.fold,
            reranker=reranker,
        )
    return [describe_results(results).model_dump_json().encode() for results in found]


def read_query(text: str) -> Query:
    """The query of a text; an empty one lets all photos through.

    Raises:
        FieldError: it cannot be read.
    """
    with say_field("q"):
        return parse_query(text) if text.strip() else Query()


@contextmanager
def say_field(field: str) -> Iterator[None]:
    """Say which parameter it was that cannot be read."""
    try:
        yield
    except QueryError as error:
        raise FieldError(field, error) from None
