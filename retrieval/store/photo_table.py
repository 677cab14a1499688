"""The searchable photos of one generation. Reads what the shards hold of them but vectors and attention."""

import bisect
import os
from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime
from functools import cached_property, lru_cache, partial
from pathlib import Path

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc

from retrieval.errors import IndexFormatError, UnknownPhotoError
from retrieval.normal_form import fold_letters, fold_text
from retrieval.printable import make_printable
from retrieval.store.manifest import Manifest
from retrieval.store.schema import Provenance, Status
from retrieval.store.shards import newest_with_status, read_columns

_COLUMNS = ["image_id", "status", "paths", "width", "height", "taken", "camera", "captions", "tags"]
# Photos of which what is shown is kept, half a kilobyte each.
_REMEMBERED = 20_000
_FACTS = ["width", "height", "taken", "camera", "tags"]


@dataclass(frozen=True, slots=True)
class PhotoFacts:
    """What is known of a photo: where it was found, and what its row says (see `schema`)."""

    paths: tuple[Path, ...]
    width: int
    height: int
    taken: datetime | None
    camera: str | None
    tags: tuple[str, ...]
    caption: str
    provenance: Provenance


@dataclass(frozen=True, slots=True)
class ShownPhoto:
    """What a list of photos shows of each; `path` is printable, the size that of the photo as it is shown."""

    path: str
    caption: str
    provenance: Provenance
    width: int
    height: int


@dataclass(frozen=True, slots=True, eq=False)
class PhotoFiles:
    """Everywhere some photos were found; keeps nothing else of their table, and can be pickled."""

    places: dict[str, int]
    paths: pa.ListArray

    def find(self, image_id: str) -> tuple[Path, ...]:
        """Everywhere the photo with an image_id was found.

        Raises:
            UnknownPhotoError: it is none of them.
        """
        if image_id not in self.places:
            raise UnknownPhotoError(f"found no photo {image_id!r} among these hits, expected one of them")
        return _list_files(self.paths[self.places[image_id]])


class PhotoTable:
    """Photos in order of `image_id`; a photo's number in this order is what the engine's indexes return.

    Equal scores in order of number are therefore in order of `image_id`.
    """

    def __init__(self, table: pa.Table) -> None:
        """`table` holds the columns of all shards that are read here, in order."""
        self.positions_P = newest_with_status(table, Status.INDEXED)
        photos = table.take(pa.array(self.positions_P)).combine_chunks()
        self.image_ids: tuple[str, ...] = tuple(photos["image_id"].to_pylist())
        self.columns: dict[str, pa.Array] = {name: photos[name].combine_chunks() for name in _COLUMNS}
        # Parquet has no seconds, and gives milliseconds back.
        self.columns["taken"] = self.columns["taken"].cast(pa.timestamp("s"))
        self._number_at = np.full(table.num_rows, -1, dtype=np.int64)
        self._number_at[self.positions_P] = np.arange(len(self.positions_P))
        # Not of this object, which would hold itself: it is to go when nobody needs it.
        self._show_one = lru_cache(_REMEMBERED)(partial(_show, self.columns, self.main_captions))

    @classmethod
    def read(cls, index: Path, manifest: Manifest) -> "PhotoTable":
        """The photos of a generation.

        Raises:
            IndexFormatError: a shard is missing or damaged.
        """
        photos = cls(read_columns(index, manifest.shards, _COLUMNS))
        # Of 100,000 photos 140 MB, which Arrow would keep for what it reads next.
        pa.default_memory_pool().release_unused()
        return photos

    def __len__(self) -> int:
        return len(self.image_ids)

    def number(self, positions_N: np.ndarray, some_are_gone: bool = False) -> np.ndarray:
        """int64 (N,): the numbers of the photos whose rows lie at these positions.

        Where `some_are_gone`, -1 for those of rows that later ones replace.

        Raises:
            IndexFormatError: there is no searchable photo, and none is to be gone, or no row.
        """
        if len(positions_N) and positions_N.max() >= len(self._number_at):
            raise IndexFormatError("found vectors or words beyond the last row of the shards; index again")
        numbers_N: np.ndarray = self._number_at[positions_N]
        if (numbers_N < 0).any() and not some_are_gone:
            raise IndexFormatError(
                "found vectors or words of photos that were deleted or replaced; index again"
            )
        return numbers_N

    def find(self, image_id: str) -> int:
        """The number of a photo.

        Raises:
            UnknownPhotoError: there is no such photo.
        """
        if not self.holds(image_id):
            raise UnknownPhotoError(
                f"found no photo {image_id!r} in this index, expected the image_id of a hit"
            )
        return bisect.bisect_left(self.image_ids, image_id)

    def holds(self, image_id: str) -> bool:
        """Whether there is such a photo."""
        number = bisect.bisect_left(self.image_ids, image_id)
        return number < len(self) and self.image_ids[number] == image_id

    def show(self, numbers_N: np.ndarray) -> list[ShownPhoto]:
        """What is shown of the photos with these numbers."""
        return [self._show_one(number) for number in numbers_N.tolist()]

    def files(self, number: int) -> tuple[Path, ...]:
        """Everywhere a photo was found."""
        return _list_files(self.columns["paths"][number])

    def pick_files(self, numbers_N: np.ndarray) -> PhotoFiles:
        """Everywhere the photos with these numbers were found."""
        places = {self.image_ids[number]: place for place, number in enumerate(numbers_N.tolist())}
        return PhotoFiles(places, self.columns["paths"].take(pa.array(numbers_N)))

    def facts(self, number: int) -> PhotoFacts:
        """What is known of a photo."""
        fields = {name: self.columns[name][number].as_py() for name in _FACTS}
        shown = self._show_one(number)
        return PhotoFacts(
            paths=self.files(number),
            tags=tuple(fields.pop("tags")),
            caption=shown.caption,
            provenance=shown.provenance,
            **fields,
        )

    def texts(self, number: int) -> list[str]:
        """As `lexical_file.list_texts`: what people wrote, or else all captions, and the tags."""
        said = self.columns["captions"][number].as_py()
        if self.written_by_people[number]:
            said = [each for each in said if each["provenance"] == Provenance.HUMAN]
        return [*(each["text"] for each in said), *self.columns["tags"][number].as_py()]

    @cached_property
    def main_captions(self) -> pa.StructArray:
        """The first caption of each photo, as the shards hold it; its fields are null where there is none."""
        captions = self.columns["captions"]
        count_P = captions.value_lengths().to_numpy()
        first_P = pa.array(np.cumsum(count_P) - count_P, mask=count_P == 0)
        fields = captions.flatten().flatten()
        names = [field.name for field in captions.type.value_type]
        return pa.StructArray.from_arrays([field.take(first_P) for field in fields], names)

    @cached_property
    def written_by_people(self) -> np.ndarray:
        """Bool (P,): the photos whose main caption a person wrote."""
        human = pc.equal(self.main_captions.field("provenance"), Provenance.HUMAN).fill_null(False)
        return np.asarray(human.to_numpy(zero_copy_only=False))

    @cached_property
    def lowered_paths(self) -> pa.Array:
        """All paths of all photos in turn, as `filters.parse_value` gives what is looked for in them."""
        paths = self.columns["paths"].flatten().to_pylist()
        return pa.array([fold_letters(make_printable(os.fsdecode(path))) for path in paths], pa.string())

    @cached_property
    def lowered_cameras(self) -> pa.DictionaryArray:
        """Each photo's camera, as `filters.parse_value` gives what is looked for in them; null: not known."""
        return _fold(self.columns["camera"])

    @cached_property
    def lowered_tags(self) -> pa.DictionaryArray:
        """All tags of all photos in turn, as `filters.parse_value` gives what is looked for in them."""
        return _fold(self.columns["tags"].flatten())

    @cached_property
    def newest_first(self) -> np.ndarray:
        """int64 (P,): the photos' numbers by capture time, the newest first, those without one last."""
        taken_P = self.columns["taken"].to_numpy(zero_copy_only=False).astype("datetime64[s]")
        unknown_P = np.isnat(taken_P)
        order_P: np.ndarray = np.lexsort((-taken_P.astype(np.int64), unknown_P))
        return order_P


def _list_files(paths: pa.ListScalar) -> tuple[Path, ...]:
    return tuple(Path(os.fsdecode(path)) for path in paths.as_py())


def _fold(names: pa.StringArray) -> pa.DictionaryArray:
    """Names as `fold_text` gives them; of many photos' few names each is folded once."""
    encoded = names.dictionary_encode()
    folded = [fold_text(name) for name in encoded.dictionary.to_pylist()]
    return pa.DictionaryArray.from_arrays(encoded.indices, pa.array(folded, pa.string()))


def _show(columns: Mapping[str, pa.Array], main_captions: pa.StructArray, number: int) -> ShownPhoto:
    paths = columns["paths"][number]
    provenance = main_captions.field("provenance")[number].as_py()
    return ShownPhoto(
        path=make_printable(os.fsdecode(paths[0].as_py())) if len(paths) else "",
        caption=main_captions.field("text")[number].as_py() or "",
        provenance=Provenance(provenance or Provenance.MODEL),
        width=columns["width"][number].as_py(),
        height=columns["height"][number].as_py(),
    )
