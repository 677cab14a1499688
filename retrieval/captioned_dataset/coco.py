"""Reads COCO's `captions_*.json` (Lin et al. 2014). One file knows no splits; of several, each is a split."""

from collections.abc import Sequence
from pathlib import Path

from pydantic import BaseModel, ValidationError

from retrieval.captioned_dataset.entry import Entry, describe_invalid, make_sentence
from retrieval.errors import DatasetError
from retrieval.naming import name_first


class _Image(BaseModel):
    id: int | str
    file_name: str


class _Annotation(BaseModel):
    image_id: int | str
    caption: str


class _File(BaseModel):
    images: list[_Image]
    annotations: list[_Annotation]


def read_coco(paths: Sequence[Path]) -> list[Entry]:
    """The photos of all files. Of several files, `captions_val2014.json` is the split "val"."""
    entries: list[Entry] = []
    for path in paths:
        entries += _read_file(path, split=_split_name(path) if len(paths) > 1 else None)
    return entries


def _split_name(path: Path) -> str:
    return path.stem.removeprefix("captions_").rstrip("0123456789")


def _read_file(path: Path, split: str | None) -> list[Entry]:
    try:
        content = _File.model_validate_json(path.read_bytes())
    except ValidationError as error:
        expected = '{"images": [{"id": …, "file_name": …}], "annotations": [{"image_id": …, "caption": …}]}'
        raise describe_invalid(path.name, expected, error) from None
    captions: dict[int | str, list[str]] = {image.id: [] for image in content.images}
    unknown = [str(each.image_id) for each in content.annotations if each.image_id not in captions]
    if unknown:
        raise DatasetError(
            f"{path.name}: {len(unknown)} of {len(content.annotations)} captions are of an image_id that is "
            f"none of the file's images ({name_first(unknown)}); expected every caption to belong to one"
        )
    for annotation in content.annotations:
        captions[annotation.image_id].append(annotation.caption)
    return [
        Entry(image.file_name, tuple(make_sentence(caption) for caption in captions[image.id]), split)
        for image in content.images
    ]
