"""The query engine: a sentence in, photos out. Reads one generation of an index; writes nothing."""

from collections.abc import Mapping, Sequence
from pathlib import Path

import numpy as np

from retrieval.device import Device
from retrieval.errors import IndexFormatError, UsageError
from retrieval.flat_index import FlatIndex
from retrieval.hit import ChannelHit, Hit, Ranking
from retrieval.manifest import Manifest, read_whole
from retrieval.photo_table import PhotoTable
from retrieval.probes import check_text_encoder
from retrieval.query import require_count, require_query
from retrieval.text_encoder import TextEncoder, load_text_encoder
from retrieval.vector_index import VectorIndex, read_vectors

CAPTION_CHANNEL = "caption"


class SearchEngine:
    """One generation of an index, opened: every answer of one engine comes from the same photos."""

    def __init__(
        self,
        manifest: Manifest,
        photos: PhotoTable,
        channels: Mapping[str, VectorIndex],
        text_encoder: TextEncoder,
    ) -> None:
        """Use `SearchEngine.open`. The channels' ids are the numbers of `photos`."""
        self.generation = manifest.generation
        self._photos = photos
        self._channels = dict(channels)
        self._text_encoder = text_encoder

    @classmethod
    def open(
        cls, path: str | Path, text_encoder: TextEncoder | None = None, device: str = "auto"
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
        return read_whole(index, lambda manifest: cls._open(index, manifest, text_encoder, place))

    @classmethod
    def _open(
        cls, index: Path, manifest: Manifest, text_encoder: TextEncoder | None, place: Device
    ) -> "SearchEngine":
        photos = PhotoTable.read(index, manifest)
        channels = {
            record.channel: photos.number(read_vectors(index, record, place)) for record in manifest.vectors
        }
        if CAPTION_CHANNEL not in channels:
            if len(photos):
                raise IndexFormatError(f"found no caption vectors in {index}, expected some; index again")
            empty_ND = np.zeros((0, manifest.caption_dimension), dtype=np.float32)
            channels[CAPTION_CHANNEL] = FlatIndex.build(empty_ND, np.zeros(0, dtype=np.int64))
        if text_encoder is None:
            text_encoder = load_text_encoder(manifest.text_encoder.name, _torch_device(place))
        check_text_encoder(manifest, text_encoder)
        return cls(manifest, photos, channels, text_encoder)

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

        Without a `channel` all of them answer (as yet there is one: the captions).

        Raises:
            UsageError: an empty query, k < 1, or a channel that the index lacks.
        """
        return self.search_many([query], k, channel)[0]

    def search_many(self, queries: Sequence[str], k: int = 10, channel: str | None = None) -> list[list[Hit]]:
        """`search` for many sentences, encoded together."""
        ranking = self.rank(queries, require_count(k), channel)
        name = channel or CAPTION_CHANNEL
        return [
            self._hits(numbers_K, scores_K, name)
            for numbers_K, scores_K in zip(ranking.photos_QK, ranking.scores_QK, strict=True)
        ]

    def rank(self, queries: Sequence[str], k: int | None = None, channel: str | None = None) -> Ranking:
        """The k best photos (all of them without k) for many sentences, as arrays.

        The answer takes 12 bytes a query and photo: hand in fewer queries at once where that is too much.

        Raises:
            UsageError: as `search`.
        """
        vector_index = self._channel(channel)
        wanted = len(self._photos) if k is None else min(require_count(k), len(self._photos))
        queries_QD = self._text_encoder.encode([require_query(query) for query in queries])
        scores_QK, numbers_QK = vector_index.search(queries_QD, max(wanted, 1))
        return Ranking(self._photos.image_ids, numbers_QK[:, :wanted], scores_QK[:, :wanted])

    def _channel(self, name: str | None) -> VectorIndex:
        vector_index = self._channels.get(name or CAPTION_CHANNEL)
        if vector_index is None:
            raise UsageError(
                f"found no channel {name!r} in this index, expected one of: {', '.join(self._channels)}"
            )
        return vector_index

    def _hits(self, numbers_K: np.ndarray, scores_K: np.ndarray, channel: str) -> list[Hit]:
        return [
            Hit(
                rank=rank,
                score=score,
                image_id=self._photos.image_ids[number],
                path=self._photos.path(number),
                caption=self._photos.caption(number),
                channels={channel: ChannelHit(rank, score)},
            )
            for rank, (number, score) in enumerate(
                zip(numbers_K.tolist(), scores_K.tolist(), strict=True), start=1
            )
            if number >= 0
        ]


def _torch_device(device: Device) -> str:
    # One query gains nothing from a GPU; only who asks for it waits for its start.
    if device is not Device.CUDA:
        return "cpu"
    import torch

    return "cuda" if torch.cuda.is_available() else "cpu"
