"""A captioned dataset as a test collection: corpus, queries, right answers.

Reads the photos' bytes. A photo is known by its content (`image_id`), as in the index. Dataset photos
of the same content are one photo of the corpus, with the captions of all of them; it is the one right answer
to each of those captions.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from urllib.parse import quote

import numpy as np

from retrieval.captioned_dataset import CaptionedDataset, CaptionedPhoto
from retrieval.errors import DatasetError
from retrieval.naming import name_first
from retrieval.progress import Progress, no_progress
from retrieval.store.files import hash_file


@dataclass(frozen=True, slots=True)
class CorpusPhoto:
    """One distinct content: all its files in the dataset, and the words of all people's captions of it.

    `names` are those of the `paths` under `images/`: in two folders a file's own name may be the same.
    """

    image_id: str
    names: tuple[str, ...]
    paths: tuple[Path, ...]
    references: tuple[tuple[str, ...], ...]


@dataclass(frozen=True, slots=True)
class EvalQuery:
    """One caption as a query: `photo` is the number in the corpus of the photo that it was written for.

    `name` is free of white space, as TREC files need it: the photo's name under `images/`, "#", and
    the number of the caption from 0.
    """

    name: str
    text: str
    photo: int


@dataclass(frozen=True, slots=True)
class Collection:
    """The corpus and the queries of one split, in the dataset's order."""

    dataset: str
    split: str
    photos: tuple[CorpusPhoto, ...]
    queries: tuple[EvalQuery, ...]

    @property
    def files(self) -> dict[str, Path]:
        """Every file of every photo, by its name under `images/`."""
        return {
            name: path for photo in self.photos for name, path in zip(photo.names, photo.paths, strict=True)
        }

    @property
    def right_photos(self) -> np.ndarray:
        """int64 (queries,): the number of the photo that answers each query."""
        return np.array([query.photo for query in self.queries], dtype=np.int64)


def make_collection(dataset: CaptionedDataset, split: str, progress: Progress = no_progress) -> Collection:
    """The test collection of a split; `DatasetError` where the split or a photo's file is missing."""
    images = dataset.sources[0].parent / "images"
    photos = dataset.split(split)
    by_content: dict[str, list[CaptionedPhoto]] = {}
    queries: list[EvalQuery] = []
    for done, photo in enumerate(photos, start=1):
        by_content.setdefault(_hash_photo(photo.path), []).append(photo)
        progress("Reading photos", done, len(photos))
    for number, same in enumerate(by_content.values()):
        for photo in same:
            name = quote(_name_photo(photo, images))
            queries += [EvalQuery(f"{name}#{n}", caption, number) for n, caption in enumerate(photo.captions)]
    corpus = tuple(_merge_photos(image_id, same, images) for image_id, same in by_content.items())
    return Collection(dataset.name, split, corpus, tuple(queries))


def locate_photos(collection: Collection, image_ids: Sequence[str]) -> np.ndarray:
    """int64 (photos,): the place of each photo of the collection among the index's `image_ids`.

    `DatasetError` naming the first photos that the index lacks: they would be misses that no search can find.
    """
    places = {image_id: place for place, image_id in enumerate(image_ids)}
    missing = [photo.names[0] for photo in collection.photos if photo.image_id not in places]
    if missing:
        raise DatasetError(
            f"the index lacks {len(missing)} of the {len(collection.photos)} photos of split "
            f"{collection.split!r} ({name_first(missing)}); index all of them, as they are there, and try "
            "again"
        )
    return np.array([places[photo.image_id] for photo in collection.photos], dtype=np.int64)


def _merge_photos(image_id: str, photos: Sequence[CaptionedPhoto], images: Path) -> CorpusPhoto:
    return CorpusPhoto(
        image_id=image_id,
        names=tuple(_name_photo(photo, images) for photo in photos),
        paths=tuple(photo.path for photo in photos),
        references=tuple(tokens for photo in photos for tokens in photo.tokens),
    )


def _name_photo(photo: CaptionedPhoto, images: Path) -> str:
    return photo.path.relative_to(images).as_posix()


def _hash_photo(path: Path) -> str:
    try:
        return hash_file(path)
    except OSError as error:
        raise DatasetError(f"{path}: {error.strerror}; expected a readable photo") from None
