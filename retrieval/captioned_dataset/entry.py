"""What an annotation file says of one photo, before the photos are looked for. Writes nothing."""

from collections.abc import Iterable
from dataclasses import dataclass

from pydantic import ValidationError

from retrieval.captioned_dataset.tokenize import tokenize
from retrieval.config import describe_first
from retrieval.errors import DatasetError


@dataclass(frozen=True, slots=True)
class Sentence:
    """A caption as written, its white space made single, and its words."""

    text: str
    tokens: tuple[str, ...]


@dataclass(frozen=True, slots=True)
class Entry:
    """One photo of an annotation file: `name` is relative to `images/`, `folder` a subfolder it may be in.

    `split` is None where the file knows no splits. `withdrawn` marks an entry that may lack its photo
    (see `flickr.py`).
    """

    name: str
    sentences: tuple[Sentence, ...]
    split: str | None = None
    folder: str = ""
    withdrawn: bool = False


def make_sentence(text: str, tokens: Iterable[str] | None = None) -> Sentence:
    """A sentence with the given tokens, or else those of `tokenize`."""
    return Sentence(" ".join(text.split()), tokenize(text) if tokens is None else tuple(tokens))


def merge_entries(entries: Iterable[Entry], source: str) -> list[Entry]:
    """One entry per photo, captions in the order found; `DatasetError` where a photo is in two splits."""
    merged: dict[tuple[str, str], Entry] = {}
    for entry in entries:
        key = (entry.folder, entry.name)
        if (known := merged.get(key)) is None:
            merged[key] = entry
        elif known.split != entry.split:
            raise DatasetError(
                f"{source}: {entry.name!r} is in split {known.split!r} and in split {entry.split!r}; "
                "put each photo in one split"
            )
        else:
            withdrawn = known.withdrawn or entry.withdrawn
            sentences = known.sentences + entry.sentences
            merged[key] = Entry(entry.name, sentences, entry.split, entry.folder, withdrawn)
    return list(merged.values())


def describe_invalid(source: str, expected: str, error: ValidationError) -> DatasetError:
    """The first thing that is wrong with a JSON file, in one line."""
    return DatasetError(f"{source}: {describe_first(error)}; expected {expected}")
