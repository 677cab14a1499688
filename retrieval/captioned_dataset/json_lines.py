"""Reads `captions.jsonl`: lines `{"image": …, "captions": […], "split": …}`, split optional."""

from pathlib import Path

from pydantic import BaseModel, ConfigDict, ValidationError

from retrieval.captioned_dataset.entry import Entry, describe_invalid, make_sentence


class _Line(BaseModel):
    model_config = ConfigDict(extra="forbid")

    image: str
    captions: list[str]
    split: str | None = None


def read_json_lines(path: Path) -> list[Entry]:
    """One entry per line; the caller merges those of one photo."""
    entries: list[Entry] = []
    for number, line in enumerate(path.read_bytes().split(b"\n"), start=1):
        if not line.strip():
            continue
        try:
            content = _Line.model_validate_json(line)
        except ValidationError as error:
            expected = '{"image": "NAME", "captions": ["…"], "split": "NAME or nothing"}'
            raise describe_invalid(f"{path.name} line {number}", expected, error) from None
        sentences = tuple(make_sentence(caption) for caption in content.captions)
        entries.append(Entry(content.image, sentences, content.split))
    return entries
