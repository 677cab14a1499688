"""What every caption score takes: hypotheses, and references of the same photos. Writes nothing."""

from collections.abc import Iterable, Sequence
from itertools import chain
from typing import TypeAlias

from retrieval.errors import DatasetError, UsageError

Tokens: TypeAlias = Sequence[str]


def check_pairs(hypotheses: Sequence[Tokens], references: Sequence[Sequence[Tokens]]) -> None:
    """`DatasetError` unless there are photos, one hypothesis for each, and references for each.

    `UsageError` where one is a text instead of its tokens, which would be taken letter by letter.
    """
    _refuse_texts(hypotheses)
    if len(hypotheses) != len(references):
        raise DatasetError(
            f"{len(hypotheses)} captions for {len(references)} photos' references; expected one each"
        )
    check_references(references)


def check_references(references: Sequence[Sequence[Tokens]]) -> None:
    """`DatasetError` unless there are photos and each has a reference; `UsageError` as `check_pairs`."""
    _refuse_texts(chain(references, *references))
    if not references:
        raise DatasetError("no photos to score captions of; expected at least one with references")
    if (first := next((i for i, of_photo in enumerate(references) if not of_photo), None)) is not None:
        raise DatasetError(f"photo number {first} has no references; expected at least one for every photo")


def _refuse_texts(captions: Iterable[object]) -> None:
    if (text := next((each for each in captions if isinstance(each, str)), None)) is not None:
        raise UsageError(f"found the text {text!r}, expected its tokens; tokenize it")
