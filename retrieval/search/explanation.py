"""Why a photo is an answer: its places, and where the captioner looked at each word. Reads shards.

Shapes: R rows and C columns of the grid that the captioner looks at, over the whole photo.
"""

from collections.abc import Sequence
from dataclasses import asdict, dataclass, field
from pathlib import Path
from typing import Any

import numpy as np
import pyarrow as pa

from retrieval.errors import IndexFormatError
from retrieval.normal_form import replace_surrogates
from retrieval.search.hit import ChannelHit
from retrieval.search.matched_words import match_words
from retrieval.store.manifest import Manifest, ShardRecord, read_current_generation
from retrieval.store.schema import ATTENTION_COLUMNS, Provenance, StoredAttention, table_to_rows
from retrieval.store.shards import read_shard, shard_path, split_positions


@dataclass(frozen=True, slots=True, eq=False)
class ExplainedWord:
    """A word of the caption, whether it is one of the query's, and where the captioner looked for it.

    `attention_RC` is float32 from 0 to 1, the largest weight of the word; None where there is none: a person
    wrote the caption, or a captioner without attention.
    """

    word: str
    matched: bool
    attention_RC: np.ndarray | None = field(default=None, repr=False)

    def to_dict(self) -> dict[str, Any]:
        """As JSON has it; attention as rows of numbers with three decimals."""
        attention = (
            None if self.attention_RC is None else self.attention_RC.astype(np.float64).round(3).tolist()
        )
        return {"word": self.word, "matched": self.matched, "attention": attention}


@dataclass(frozen=True, slots=True, eq=False)
class Explanation:
    """Why a photo came up for a query.

    `score`, `probability` and `channels` are those of its hit; every channel that was searched is there that
    has the photo, however far down. `width` and `height` are those of the photo in pixels, as it is shown.
    `also` are the other captions and the tags that have words of the query which the caption lacks. `unseen`
    is what the photo gained where the first were ranked again and it could not be read (see `reranking`).
    """

    query: str
    image_id: str
    path: str
    caption: str
    provenance: Provenance
    width: int
    height: int
    score: float
    probability: float | None
    channels: dict[str, ChannelHit]
    words: tuple[ExplainedWord, ...]
    generation: int
    also: tuple[str, ...] = ()
    unseen: float | None = None

    def to_dict(self) -> dict[str, Any]:
        """As JSON has it."""
        return {
            "query": replace_surrogates(self.query),
            "image_id": self.image_id,
            "path": self.path,
            "caption": self.caption,
            "provenance": self.provenance,
            "width": self.width,
            "height": self.height,
            "score": self.score,
            "probability": self.probability,
            "channels": {name: asdict(place) for name, place in self.channels.items()},
            "words": [word.to_dict() for word in self.words],
            "generation": self.generation,
            "also": list(self.also),
            "unseen": self.unseen,
        }


def explain_words(
    caption: str, query: str, provenance: Provenance, attention: StoredAttention | None
) -> tuple[ExplainedWord, ...]:
    """The words of a caption; the stored attention is that of the words that the captioner wrote."""
    if attention is not None and provenance is Provenance.MODEL:
        words = attention.words
        grids = list(attention.weights_TRC.astype(np.float32) / 255)
    else:
        words = tuple(caption.split())
        grids = [None] * len(words)
    return tuple(
        ExplainedWord(word, bool(match_words(word, query)), grid)
        for word, grid in zip(words, grids, strict=True)
    )


def read_attentions(
    index: Path, manifest: Manifest, positions: Sequence[int]
) -> list[StoredAttention | None]:
    """The attention of the rows at these positions, each shard read once; None where a row has none.

    Raises:
        IndexFormatError: one of their shards is missing, as it may be once the index has another generation,
            or damaged.
    """
    found: dict[int, StoredAttention | None] = {}
    wanted_N = np.unique(np.array(positions, dtype=np.int64))
    for shard, where, numbers_R in split_positions(manifest.shards, wanted_N):
        rows = table_to_rows(_read_attention(index, manifest, shard).take(numbers_R))
        found |= zip(wanted_N[where].tolist(), (row.attention for row in rows), strict=True)
    return [found[position] for position in positions]


def _read_attention(index: Path, manifest: Manifest, shard: ShardRecord) -> pa.Table:
    try:
        return read_shard(index, shard, ATTENTION_COLUMNS)
    except IndexFormatError:
        current = read_current_generation(index)
        if current in (0, manifest.generation) or shard_path(index, shard.sha256).exists():
            raise
        raise IndexFormatError(
            f"found generation {current} in {index} by now, expected {manifest.generation}, of which a file "
            "is gone; open the index again, or use a LiveEngine, which follows it"
        ) from None
