"""A folder of photos with people's captions. Reads `images/` and annotation files, writes nothing."""

import os
from collections.abc import Sequence
from dataclasses import dataclass, replace
from pathlib import Path, PurePosixPath

from retrieval.captioned_dataset.coco import read_coco
from retrieval.captioned_dataset.entry import Entry, merge_entries
from retrieval.captioned_dataset.flickr import read_flickr
from retrieval.captioned_dataset.json_lines import read_json_lines
from retrieval.captioned_dataset.karpathy import read_karpathy
from retrieval.errors import DatasetError
from retrieval.naming import name_first
from retrieval.printable import make_printable
from retrieval.store.files import hash_bytes, hash_file

_EXPECTED = "images/ and one of dataset_*.json, captions_*.json, *.token.txt, captions.jsonl"


@dataclass(frozen=True, slots=True)
class CaptionedPhoto:
    """One photo: where it is, what people wrote of it, and the words of each caption."""

    path: Path
    captions: tuple[str, ...]
    tokens: tuple[tuple[str, ...], ...]
    split: str


@dataclass(frozen=True, slots=True)
class CaptionedDataset:
    """Photos in the order of the annotation files, which are `sources`: one, or COCO's one for each split.

    `left_out` names photos that a file lists, that were never published, and that are absent (`flickr.py`).
    """

    name: str
    photos: tuple[CaptionedPhoto, ...]
    sources: tuple[Path, ...]
    left_out: tuple[str, ...] = ()

    @property
    def file_names(self) -> str:
        """Those of the annotation files, for a person to read."""
        return make_printable(", ".join(path.name for path in self.sources))

    def hash_captions(self) -> str:
        """The annotation file's SHA-256 in hex; of several, that of all their hashes and names."""
        hashes = [hash_file(path) for path in self.sources]
        if len(hashes) == 1:
            return hashes[0]
        return hash_bytes(f"{self.file_names} {' '.join(hashes)}".encode())

    def hash_photos(self) -> str:
        """SHA-256 in hex of the photos' names and sizes; what is in them is not read."""
        parts = [f"{photo.path.name}\0{photo.path.stat().st_size}\0" for photo in self.photos]
        return hash_bytes(os.fsencode("".join(parts)))

    @property
    def splits(self) -> tuple[str, ...]:
        """The names of the splits, in the order found."""
        return tuple(dict.fromkeys(photo.split for photo in self.photos))

    def split(self, name: str) -> list[CaptionedPhoto]:
        """The photos of one split; `DatasetError` naming the known ones where there is no such split."""
        if name not in self.splits:
            known = ", ".join(self.splits)
            raise DatasetError(
                f"split {name!r} is not in {self.file_names}; it has: {known}, expected one of "
                "these; name one of them"
            )
        return [photo for photo in self.photos if photo.split == name]

    def first(self, count: int) -> "CaptionedDataset":
        """The first `count` photos of each split."""
        photos = [photo for name in self.splits for photo in self.split(name)[:count]]
        return replace(self, photos=tuple(photos))


def read_captioned_dataset(folder: Path) -> CaptionedDataset:
    """The dataset in `folder`.

    Of several annotation files the first of `dataset_*.json`, `captions_*.json`, `*.token.txt` and
    `captions.jsonl` counts. Without splits every photo is in the split "test". Photos that the file doesn't
    list are ignored.

    Raises:
        DatasetError: the folder holds no known form, or a listed photo has no file, no captions or an empty
            one.
    """
    images = folder / "images"
    if not images.is_dir():
        found = "no folder images/ in it" if folder.is_dir() else "not a folder"
        raise DatasetError(f"{folder}: {found}; a captioned dataset is a folder holding {_EXPECTED}")
    name, sources, entries = _read_annotations(folder)
    source = sources[0]
    entries = merge_entries(entries, source.name)
    if not entries:
        raise DatasetError(f"{source.name}: lists no photos; expected at least one with captions")
    _refuse_captionless(entries, source)
    _refuse_partial_splits(entries, source)
    photos, left_out = _find_photos(entries, images, source)
    name = make_printable(name or folder.resolve().name)
    return CaptionedDataset(name, tuple(photos), sources, left_out)


def _read_annotations(folder: Path) -> tuple[str, tuple[Path, ...], list[Entry]]:
    """The dataset's own name ("" for none), the files (of COCO's all, else the first), what they list."""
    if paths := sorted(folder.glob("dataset_*.json")):
        name, entries = read_karpathy(paths[0])
        return name, (paths[0],), entries
    if paths := sorted(folder.glob("captions_*.json")):
        return "", tuple(paths), read_coco(paths)
    # Flickr8k is published with `Flickr8k.lemma.token.txt` beside the captions as written.
    if paths := sorted(path for path in folder.glob("*.token.txt") if ".lemma." not in path.name):
        return "", (paths[0],), read_flickr(paths[0])
    if (path := folder / "captions.jsonl").is_file():
        return "", (path,), read_json_lines(path)
    raise DatasetError(
        f"{folder}: no file of captions in it; a captioned dataset is a folder holding {_EXPECTED}"
    )


def _refuse_captionless(entries: Sequence[Entry], source: Path) -> None:
    without = [
        entry.name for entry in entries if not all(s.text for s in entry.sentences) or not entry.sentences
    ]
    if without:
        raise DatasetError(
            f"{source.name}: {len(without)} of {len(entries)} photos have no caption or an empty one "
            f"({name_first(without)}); give each a caption or remove it from the file"
        )


def _refuse_partial_splits(entries: Sequence[Entry], source: Path) -> None:
    without = [entry.name for entry in entries if entry.split is None]
    if 0 < len(without) < len(entries):
        raise DatasetError(
            f"{source.name}: {len(without)} of {len(entries)} photos have no split ({name_first(without)}); "
            "give every photo a split, or none"
        )


def _find_photos(
    entries: Sequence[Entry], images: Path, source: Path
) -> tuple[list[CaptionedPhoto], tuple[str, ...]]:
    photos: list[CaptionedPhoto] = []
    missing: list[str] = []
    left_out: list[str] = []
    for entry in entries:
        if (path := _find_photo(entry, images)) is not None:
            captions = tuple(sentence.text for sentence in entry.sentences)
            tokens = tuple(sentence.tokens for sentence in entry.sentences)
            photos.append(CaptionedPhoto(path, captions, tokens, entry.split or "test"))
        elif entry.withdrawn:
            left_out.append(entry.name)
        else:
            missing.append(entry.name)
    if missing:
        raise DatasetError(
            f"{images}: {len(missing)} of the {len(entries)} photos that {source.name} lists are not there "
            f"({name_first(missing)}); put them there, or remove them from the file"
        )
    return photos, tuple(left_out)


def _find_photo(entry: Entry, images: Path) -> Path | None:
    """COCO's photos may lie in the subfolder that Karpathy names, or all in one."""
    for name in (PurePosixPath(entry.folder, entry.name), PurePosixPath(entry.name)):
        if name.is_absolute() or ".." in name.parts:
            raise DatasetError(
                f"the photo name {str(name)!r} leads out of {images}; expected a name inside it"
            )
        if (path := images / name).is_file():
            return path
    return None
