"""The searchable photos of one generation. Reads the shards' ids, paths and captions, not their vectors."""

import bisect
import os
from pathlib import Path

import numpy as np
import pyarrow as pa

from retrieval.errors import IndexFormatError, UsageError
from retrieval.manifest import Manifest
from retrieval.printable import make_printable
from retrieval.schema import Status
from retrieval.shards import newest_with_status, read_columns


class PhotoTable:
    """Photos in order of `image_id`; a photo's number in this order is what the engine's indexes return.

    Equal scores in order of number are therefore in order of `image_id`.
    """

    def __init__(self, table: pa.Table) -> None:
        """`table` holds `image_id`, `status`, `paths` and `captions` of all shards, in order."""
        positions_N = newest_with_status(table, Status.INDEXED)
        photos = table.take(pa.array(positions_N)).combine_chunks()
        self.image_ids: tuple[str, ...] = tuple(photos["image_id"].to_pylist())
        self._paths = photos["paths"]
        self._captions = photos["captions"]
        self._number_at = np.full(table.num_rows, -1, dtype=np.int64)
        self._number_at[positions_N] = np.arange(len(positions_N))

    @classmethod
    def read(cls, index: Path, manifest: Manifest) -> "PhotoTable":
        """The photos of a generation.

        Raises:
            IndexFormatError: a shard is missing or damaged.
        """
        return cls(read_columns(index, manifest, ["image_id", "status", "paths", "captions"]))

    def __len__(self) -> int:
        return len(self.image_ids)

    def number(self, positions_N: np.ndarray) -> np.ndarray:
        """int64 (N,): the numbers of the photos whose rows lie at these positions.

        Raises:
            IndexFormatError: there is no searchable photo.
        """
        if len(positions_N) and positions_N.max() >= len(self._number_at):
            raise IndexFormatError("found vectors or words beyond the last row of the shards; index again")
        numbers_N: np.ndarray = self._number_at[positions_N]
        if (numbers_N < 0).any():
            raise IndexFormatError(
                "found vectors or words of photos that were deleted or replaced; index again"
            )
        return numbers_N

    def path(self, number: int) -> str:
        """The first path of a photo, printable."""
        paths = self._paths[number].as_py()
        return make_printable(os.fsdecode(paths[0])) if paths else ""

    def file(self, image_id: str) -> Path:
        """Where a photo was found first.

        Raises:
            UsageError: there is no such photo.
        """
        number = bisect.bisect_left(self.image_ids, image_id)
        if number == len(self.image_ids) or self.image_ids[number] != image_id:
            raise UsageError(f"found no photo {image_id!r} in this index, expected the image_id of a hit")
        return Path(os.fsdecode(self._paths[number].as_py()[0]))

    def caption(self, number: int) -> str:
        """The main caption of a photo; empty where it has none."""
        captions = self._captions[number].as_py()
        return str(captions[0]["text"]) if captions else ""
