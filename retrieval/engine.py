"""The query engine: a sentence in, photos out. Reads one generation of an index; writes nothing."""

from collections.abc import Mapping, Sequence
from pathlib import Path

import numpy as np

from retrieval.channel import Channel
from retrieval.device import Device
from retrieval.errors import IndexFormatError, UsageError
from retrieval.flat_index import FlatIndex
from retrieval.fusion import Answer, FusionConfig, fuse_answers, rank_scores
from retrieval.hit import ChannelHit, Hit, Ranking
from retrieval.lexical_file import read_words
from retrieval.manifest import Manifest, read_whole
from retrieval.photo_table import PhotoTable
from retrieval.probes import check_text_encoder
from retrieval.query import require_count, require_query
from retrieval.searcher import LexicalSearcher, Queries, Searcher, VectorSearcher
from retrieval.text_encoder import TextEncoder, load_text_encoder
from retrieval.text_head import read_text_head
from retrieval.vector_index import read_vectors

# Photos that each channel is asked for when the answers are fused, at least.
_CANDIDATES = 1000

Answers = dict[Channel, Answer]


class SearchEngine:
    """One generation of an index, opened: every answer of one engine comes from the same photos."""

    def __init__(
        self,
        manifest: Manifest,
        photos: PhotoTable,
        channels: Mapping[Channel, Searcher],
        text_encoder: TextEncoder,
        fusion: FusionConfig,
    ) -> None:
        """Use `SearchEngine.open`. The channels answer with the numbers of `photos`."""
        self.generation = manifest.generation
        self._photos = photos
        self._channels = dict(channels)
        self._text_encoder = text_encoder
        self._fusion = fusion

    @classmethod
    def open(
        cls,
        path: str | Path,
        text_encoder: TextEncoder | None = None,
        device: str = "auto",
        fusion: FusionConfig | None = None,
    ) -> "SearchEngine":
        """Open the current generation of the index at `path`.

        Without a `text_encoder` the one that the manifest names is loaded. `device` is "auto" (vectors are
        searched on a GPU where FAISS has one), "cpu", or "cuda" (the text encoder runs there as well).

        Raises:
            IndexNotFoundError: no index there.
            IndexFormatError: the index is damaged, or a newer version wrote it.
            EncoderMismatchError: another text encoder made the index.
        """
        index, place = Path(path), Device.parse(device)

        def open_generation(manifest: Manifest) -> "SearchEngine":
            photos = PhotoTable.read(index, manifest)
            channels = _open_channels(index, manifest, photos, place)
            encoder = text_encoder or load_text_encoder(manifest.text_encoder.name, _torch_device(place))
            check_text_encoder(manifest, encoder)
            return cls(manifest, photos, channels, encoder, fusion or FusionConfig())

        return read_whole(index, open_generation)

    @property
    def text_encoder(self) -> TextEncoder:
        """What turns queries into vectors."""
        return self._text_encoder

    @property
    def photos(self) -> int:
        """How many photos can be found."""
        return len(self._photos)

    @property
    def channels(self) -> tuple[str, ...]:
        """The names of the channels that this index has."""
        return tuple(self._channels)

    def file(self, image_id: str) -> Path:
        """Where the photo of a hit lies; unlike `Hit.path`, it can be opened whatever its name.

        Raises:
            UsageError: there is no such photo.
        """
        return self._photos.file(image_id)

    def search(self, query: str, k: int = 10, channel: str | None = None) -> list[Hit]:
        """The k best photos for a sentence, fewer where the index has fewer.

        Without a `channel` the answers of all are fused.

        Raises:
            UsageError: an empty query, k < 1, or a channel that the index lacks.
        """
        return self.search_many([query], k, channel)[0]

    def search_many(self, queries: Sequence[str], k: int = 10, channel: str | None = None) -> list[list[Hit]]:
        """`search` for many sentences, encoded together."""
        answers = self._answer(queries, require_count(k), channel)
        scores_QK, numbers_QK = self._combine(answers, k)
        return [
            self._hits(scores_QK[query], numbers_QK[query], _places(answers, query, numbers_QK[query]))
            for query in range(len(queries))
        ]

    def rank(self, queries: Sequence[str], k: int | None = None, channel: str | None = None) -> Ranking:
        """The k best photos (all of them without k) for many sentences, as arrays.

        The answer takes 12 bytes a query and photo: hand in fewer queries at once where that is too much.

        Raises:
            UsageError: as `search`.
        """
        wanted = len(self._photos) if k is None else require_count(k)
        scores_QK, numbers_QK = self._combine(self._answer(queries, max(wanted, 1), channel), wanted)
        return Ranking(self._photos.image_ids, numbers_QK, scores_QK)

    def _answer(self, queries: Sequence[str], k: int, channel: str | None) -> Answers:
        """What each channel that is asked says; more than k photos of each where they will be fused."""
        searchers = self._channels if channel is None else self._only(channel)
        vectors_QD = self._text_encoder.encode([require_query(query) for query in queries])
        batch = Queries(tuple(queries), vectors_QD)
        wanted = k if len(searchers) == 1 else max(k, _CANDIDATES)
        depth = max(min(wanted, len(self._photos)), 1)
        return {name: searcher.search(batch, depth) for name, searcher in searchers.items()}

    def _combine(self, answers: Answers, k: int) -> tuple[np.ndarray, np.ndarray]:
        """(scores (Q, K), photos' numbers (Q, K)) of the answer, K being k or the number of photos."""
        k = min(k, len(self._photos))
        if len(answers) > 1:
            return rank_scores(fuse_answers(answers, self._fusion, len(self._photos)), k)
        ((scores_QK, numbers_QK),) = answers.values()
        return scores_QK[:, :k], numbers_QK[:, :k]

    def _only(self, name: str) -> dict[Channel, Searcher]:
        if name not in self._channels:
            raise UsageError(
                f"found no channel {name!r} in this index, expected one of: {', '.join(self._channels)}"
            )
        return {Channel(name): self._channels[Channel(name)]}

    def _hits(
        self, scores_K: np.ndarray, numbers_K: np.ndarray, places: Mapping[Channel, Mapping[int, ChannelHit]]
    ) -> list[Hit]:
        return [
            Hit(
                rank=rank,
                score=score,
                image_id=self._photos.image_ids[number],
                path=self._photos.path(number),
                caption=self._photos.caption(number),
                channels={str(name): place[number] for name, place in places.items() if number in place},
            )
            for rank, (number, score) in enumerate(
                zip(numbers_K.tolist(), scores_K.tolist(), strict=True), start=1
            )
            if number >= 0
        ]


def _open_channels(
    index: Path, manifest: Manifest, photos: PhotoTable, place: Device
) -> dict[Channel, Searcher]:
    head = None if manifest.image_head is None else read_text_head(index, manifest.image_head)
    channels: dict[Channel, Searcher] = {}
    for record in manifest.vectors:
        vectors = read_vectors(index, record, place)
        numbered = vectors.with_ids(photos.number(vectors.ids))
        channel = Channel(record.channel)
        channels[channel] = VectorSearcher(numbered, head if channel is Channel.IMAGE else None)
    if Channel.CAPTION not in channels:
        if len(photos):
            raise IndexFormatError(f"found no caption vectors in {index}, expected some; index again")
        empty_ND = np.zeros((0, manifest.caption_dimension), dtype=np.float32)
        empty = FlatIndex.build(empty_ND, np.zeros(0, dtype=np.int64))
        channels[Channel.CAPTION] = VectorSearcher(empty)
    if manifest.lexical is not None:
        words = read_words(index, manifest.lexical)
        channels[Channel.LEXICAL] = LexicalSearcher(words.with_ids(photos.number(words.ids)))
    return channels


def _places(answers: Answers, query: int, found_K: np.ndarray) -> dict[Channel, dict[int, ChannelHit]]:
    """Each channel's rank and score of the photos that were found for one query, where it ranked them."""
    places = {}
    for name, (scores_QN, numbers_QN) in answers.items():
        ranked_N = np.flatnonzero(np.isin(numbers_QN[query], found_K))
        places[name] = {
            int(numbers_QN[query, rank]): ChannelHit(int(rank) + 1, float(scores_QN[query, rank]))
            for rank in ranked_N
        }
    return places


def _torch_device(device: Device) -> str:
    # One query gains nothing from a GPU; only who asks for it waits for its start.
    if device is not Device.CUDA:
        return "cpu"
    import torch

    return "cuda" if torch.cuda.is_available() else "cpu"
