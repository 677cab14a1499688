"""How many bytes of shards a photo takes. Reads an index's manifest."""

from pathlib import Path

from retrieval.errors import IndexNotFoundError
from retrieval.store.manifest import read_manifest


def measure_photo_bytes(index: Path) -> float:
    """The mean over an index's shards; 0 where there is no index, or no photo in it.

    Raises:
        IndexFormatError: the index is damaged.
    """
    try:
        shards = read_manifest(index).shards
    except IndexNotFoundError:
        return 0.0
    rows = sum(shard.rows for shard in shards)
    return sum(shard.bytes for shard in shards) / rows if rows else 0.0
