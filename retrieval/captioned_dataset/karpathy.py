"""Reads Karpathy's `dataset_*.json` (Karpathy and Fei-Fei 2015): splits, and captions with their tokens."""

from pathlib import Path

from pydantic import BaseModel, ValidationError

from retrieval.captioned_dataset.entry import Entry, describe_invalid, make_sentence


class _Sentence(BaseModel):
    raw: str
    tokens: list[str] | None = None


class _Image(BaseModel):
    filename: str
    filepath: str = ""
    split: str | None = None
    sentences: list[_Sentence]


class _File(BaseModel):
    dataset: str = ""
    images: list[_Image]


def read_karpathy(path: Path) -> tuple[str, list[Entry]]:
    """The dataset's own name ("" where it has none) and its photos."""
    try:
        content = _File.model_validate_json(path.read_bytes())
    except ValidationError as error:
        expected = '{"images": [{"filename": …, "split": …, "sentences": [{"raw": …, "tokens": […]}]}]}'
        raise describe_invalid(path.name, expected, error) from None
    entries = [
        Entry(
            name=image.filename,
            sentences=tuple(make_sentence(sentence.raw, sentence.tokens) for sentence in image.sentences),
            split=image.split,
            folder=image.filepath,
        )
        for image in content.images
    ]
    return content.dataset, entries
