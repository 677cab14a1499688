"""The query engine: a sentence in, photos out. Reads one generation of an index; writes nothing.

Shapes: P photos, D dimensions of a channel's vectors.
"""

import copy
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np

from retrieval.channel import Channel
from retrieval.channels.channel_vectors import in_image_space
from retrieval.channels.searcher import LexicalSearcher, Searcher, VectorSearcher
from retrieval.channels.stored_channels import open_stored
from retrieval.device import Device, pick_query_device
from retrieval.errors import UsageError
from retrieval.milvus.address import MilvusAddress
from retrieval.milvus.published_channels import open_published
from retrieval.normal_form import require_texts
from retrieval.query.allowed_photos import select_photos
from retrieval.query.caption_words import CaptionWords
from retrieval.query.query_language import Query, parse_query, parse_where
from retrieval.search.answer import Answerer, Wish
from retrieval.search.arguments import require_count, require_fused, require_probability, require_words
from retrieval.search.calibration import Calibration, find_calibration
from retrieval.search.explanation import Explanation, read_attentions
from retrieval.search.fusion import FusionConfig, FusionMethod, scatter_answer
from retrieval.search.hit import Ranking
from retrieval.search.ranker import Ranked, Ranker
from retrieval.search.reranking import ImageQuery, Reranker
from retrieval.search.results import Results
from retrieval.store.manifest import HeadRecord, Manifest, read_whole
from retrieval.store.photo_table import PhotoFacts, PhotoTable
from retrieval.text.image_queries import open_image_queries
from retrieval.text.lazy_text_encoder import LazyTextEncoder
from retrieval.text.probes import check_text_encoder
from retrieval.text.queries import Queries
from retrieval.text.text_encoder import TextEncoder


@dataclass(frozen=True, slots=True, eq=False)
class _Asked:
    """A query and the photos that it lets through, bool (P,), or None for all."""

    query: Query
    allowed_P: np.ndarray | None


class SearchEngine:
    """One generation of an index, opened: every answer of one engine comes from the same photos.

    A query is a text in the language of `query_language`, or a `Query`. One without words to be searched by
    meaning is answered with the photos that it lets through, the newest first, all with a score of 0; a
    `Query()` with nothing in it lets all through.
    """

    def __init__(
        self,
        index: Path,
        manifest: Manifest,
        photos: PhotoTable,
        channels: Mapping[Channel, Searcher],
        text_encoder: TextEncoder,
        fusion: FusionConfig,
        calibration: Calibration | None = None,
    ) -> None:
        """Use `SearchEngine.open`. The channels answer with the numbers of `photos`."""
        self.generation = manifest.generation
        self._index = index
        self._manifest = manifest
        self._photos = photos
        # What is lifted are scores in the space of the captions: an image-text model has another.
        human_P = photos.written_by_people & in_image_space(manifest, Channel.CAPTION)
        self._ranker = Ranker(channels, fusion, human_P)
        self._text_encoder = text_encoder
        self._vectors = {
            channel: searcher.vectors
            for channel, searcher in channels.items()
            if isinstance(searcher, VectorSearcher)
        }
        lexical = channels.get(Channel.LEXICAL)
        self._words = CaptionWords(photos, lexical.words) if isinstance(lexical, LexicalSearcher) else None
        self.calibration = calibration
        images = self._vectors.get(Channel.IMAGE)
        self._answerer = Answerer(manifest, photos, images, calibration)
        self._image_searcher = channels.get(Channel.IMAGE)

    @classmethod
    def open(
        cls,
        path: str | Path,
        text_encoder: TextEncoder | None = None,
        device: str = "auto",
        fusion: FusionConfig | None = None,
        calibration: Calibration | None = None,
        *,
        milvus: str | None = None,
        eager: bool = False,
    ) -> "SearchEngine":
        """Open the current generation of the index at `path`.

        Without a `text_encoder` the one that the manifest names is loaded: with the first sentence or, where
        `eager`, meanwhile, for who is about to search. `device` is "auto" (vectors are searched on a GPU
        where FAISS has one), "cpu", or "cuda" (the text encoder runs there as well). Without a `calibration`
        the one that is shipped for the index's models is used; where there is none, hits have no probability.
        With a `milvus`, vectors and words are searched there (see `MilvusAddress.parse`), where
        `publish_index` has put this generation; the photos are still read from the index.

        Raises:
            IndexNotFoundError: no index there.
            IndexFormatError: the index is damaged, or a newer version wrote it.
            EncoderMismatchError: another text encoder made the index.
            UsageError: the calibration was fitted with other models, or an address that is none.
            MilvusError: Milvus does not answer, or holds another generation.
        """
        address = None if milvus is None else MilvusAddress.parse(milvus)
        index, place = Path(path), Device.parse(device)

        def open_generation(manifest: Manifest) -> "SearchEngine":
            lazy = LazyTextEncoder(manifest, pick_query_device(place))
            if eager and text_encoder is None:
                lazy.begin()
            photos = PhotoTable.read(index, manifest)
            head = manifest.image_head
            image = None if head is None else open_image_queries(index, head, pick_query_device(place))
            # Before a Milvus is opened, whose file nobody else can use from then on.
            if text_encoder is not None:
                check_text_encoder(manifest, text_encoder)
            if calibration is not None:
                calibration.require_fit(manifest)
            if address is None:
                channels = open_stored(index, manifest, photos, image, place)
            else:
                channels = open_published(address, manifest, photos, image)
            sure = calibration or find_calibration(manifest)
            encoder = text_encoder or lazy
            return cls(index, manifest, photos, channels, encoder, fusion or FusionConfig(), sure)

        return read_whole(index, open_generation)

    def with_fusion(self, fusion: FusionConfig) -> "SearchEngine":
        """The same opened index, its channels fused in another way; nothing is read again."""
        return self._with_ranker(self._ranker.with_fusion(fusion))

    def with_searchers(self, wrap: Callable[[Searcher], Searcher]) -> "SearchEngine":
        """The same opened index, each channel asked through what `wrap` makes of it."""
        return self._with_ranker(self._ranker.with_searchers(wrap))

    def _with_ranker(self, ranker: Ranker) -> "SearchEngine":
        other = copy.copy(self)
        other._ranker = ranker
        return other

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
        return tuple(self._ranker.channels)

    def holds(self, image_id: str) -> bool:
        """Whether this is a photo that can be found."""
        return self._photos.holds(image_id)

    def facts(self, image_id: str) -> PhotoFacts:
        """What is known of a photo: all its paths, its size, when and with which camera it was taken.

        Raises:
            UnknownPhotoError: there is no such photo.
        """
        return self._photos.facts(self._photos.find(image_id))

    def search(
        self,
        query: str | Query,
        k: int = 10,
        channel: str | None = None,
        *,
        where: str | None = None,
        min_probability: float = 0.0,
        fold: bool = True,
        reranker: Reranker | None = None,
    ) -> Results:
        """The k best photos for a query, fewer where fewer are allowed.

        Without a `channel` the answers of all are fused, and a `reranker` looks at the first of them again.
        `where` are filters, in the same language. Photos that show the same as a better one are folded under
        it unless `fold` is False.

        Raises:
            UsageError: a query or filter that cannot be read, k < 1, a channel that the index lacks or that
                is to be re-ranked, or a probability where the index knows none, or where there are no words
                that it could be of.
        """
        (results,) = self.search_many(
            [query], k, channel, where=where, min_probability=min_probability, fold=fold, reranker=reranker
        )
        return results

    def search_many(
        self,
        queries: Sequence[str | Query],
        k: int = 10,
        channel: str | None = None,
        *,
        where: str | None = None,
        min_probability: float | Sequence[float] = 0.0,
        fold: bool = True,
        reranker: Reranker | None = None,
    ) -> list[Results]:
        """`search` for many queries, ranked together; each may have a `min_probability` of its own."""
        require_texts(queries)
        require_count(k)
        if not isinstance(min_probability, Sequence):
            min_probability = [min_probability] * len(queries)
        elif len(min_probability) != len(queries):
            raise UsageError(
                f"found {len(min_probability)} least probabilities for {len(queries)} queries, expected one "
                "for each; give as many, or one number for all"
            )
        wishes = [Wish(k, least, fold) for least in min_probability]
        asked = self._read(queries, where)
        for each, wish in zip(asked, wishes, strict=True):
            self._require_probability(wish.min_probability, channel)
            if wish.min_probability and not each.query.text:
                raise UsageError(
                    f"found a query without words to be searched by meaning, expected some to be at least "
                    f"{wish.min_probability:.0%} sure of; ask without a least probability, or say what the "
                    "photo shows"
                )
        depth = max((wish.depth for wish in wishes), default=1)
        results: dict[int, Results] = {}
        for numbers, ranked in self._rank(asked, depth, channel, reranker):
            for row, number in enumerate(numbers):
                results[number] = self._answer(asked[number], wishes[number], channel, ranked.only(row))
        return [results[number] for number in range(len(asked))]

    def rank(
        self,
        queries: Sequence[str | Query],
        k: int | None = None,
        channel: str | None = None,
        *,
        reranker: Reranker | None = None,
    ) -> Ranking:
        """The k best photos (all of them without k) for many queries, as arrays; none is folded.

        A text is a sentence as it is, whatever quotes, hyphens and colons are in it; for the language of
        queries hand in `parse_query(text)`.

        The answer takes 12 bytes a query and photo: hand in fewer queries at once where that is too much.

        Raises:
            UsageError: as `search`.
        """
        require_texts(queries)
        wanted = min(len(self._photos) if k is None else require_count(k), len(self._photos))
        numbers_QK = np.full((len(queries), wanted), -1, dtype=np.int64)
        scores_QK = np.full((len(queries), wanted), -np.inf, dtype=np.float32)
        asked = self._read(
            [Query(require_words(each)) if isinstance(each, str) else each for each in queries]
        )
        for numbers, ranked in self._rank(asked, max(wanted, 1), channel, reranker):
            found = min(wanted, ranked.numbers_QK.shape[1])
            numbers_QK[numbers, :found] = ranked.numbers_QK[:, :found]
            scores_QK[numbers, :found] = ranked.scores_QK[:, :found]
        return Ranking(self._photos.image_ids, numbers_QK, scores_QK)

    def explain(
        self,
        query: str | Query,
        image_id: str,
        channel: str | None = None,
        *,
        where: str | None = None,
        reranker: Reranker | None = None,
    ) -> Explanation:
        """Why a photo comes up for a query: its place in every channel, and where the captioner looked.

        `channel`, `where` and `reranker` are those of the search. Reads the shard that holds the photo; but
        for the `reranker`, no model sees the photo again.

        Raises:
            UsageError: as `search`; or the query leaves the photo out; `UnknownPhotoError`, no such photo.
            IndexFormatError: the shard is damaged, or gone with the generation that this engine has opened.
        """
        (explanation,) = self.explain_many(query, [image_id], channel, where=where, reranker=reranker)
        return explanation

    def explain_many(
        self,
        query: str | Query,
        image_ids: Sequence[str],
        channel: str | None = None,
        *,
        where: str | None = None,
        depth: int = 1,
        reranker: Reranker | None = None,
    ) -> list[Explanation]:
        """`explain` for many photos, ranked once; `depth` is that of the `Results` that they come from.

        Without it scores may be off by a little where a search looked at more than a thousand photos.
        """
        self._ranker.pick(channel)
        (asked,) = self._read([query], where)
        numbers_N = np.array([self._find_allowed(asked, image_id) for image_id in image_ids], dtype=np.int64)
        positions = self._photos.positions_P[numbers_N].tolist()
        attentions = read_attentions(self._index, self._manifest, positions)
        if text := asked.query.text:
            queries = Queries((text,), self._text_encoder.encode([text]))
            ranked = self._ranker.rank_everywhere(queries, depth, numbers_N, channel, asked.allowed_P)
            if reranker is not None:
                require_fused(channel)
                ranked = self._look_again(reranker, ranked, queries)
        else:
            ranked = self._rank_by_time(asked.allowed_P)
        return self._answerer.explain(asked.query, numbers_N, ranked, attentions)

    def _find_allowed(self, asked: _Asked, image_id: str) -> int:
        """The number of a photo that the query lets through."""
        number = self._photos.find(image_id)
        if asked.allowed_P is not None and not asked.allowed_P[number]:
            raise UsageError(
                f"found the photo {image_id!r}, which this query leaves out, expected one that it lets "
                "through; ask without its filters, phrases and -words"
            )
        return number

    def similar(self, image_id: str, k: int = 10, *, where: str | None = None, fold: bool = True) -> Results:
        """The k photos that look most like a photo of the index, which is itself left out.

        Compared are image vectors or, where the photo has none, caption vectors; a score is a cosine.

        Raises:
            UsageError: k < 1, or a filter that cannot be read; `UnknownPhotoError`, no such photo.
        """
        number = self._photos.find(image_id)
        for channel in (Channel.IMAGE, Channel.CAPTION):
            if (vectors := self._vectors.get(channel)) is None:
                continue
            vector_D = vectors.vectors(np.array([number]))[0]
            if not np.isnan(vector_D).any():
                break
        others_P = np.arange(len(self._photos)) != number
        return self._find_near(vector_D, channel, Wish(require_count(k), fold=fold), where, others_P)

    def similar_to_vector(
        self,
        vector_D: np.ndarray,
        k: int = 10,
        channel: str = Channel.IMAGE,
        *,
        where: str | None = None,
        fold: bool = True,
    ) -> Results:
        """The k photos whose vectors in a channel are nearest to this one, float32 (D,) of unit length.

        Those of captions lie in the space of the image vectors, too, where the text encoder's do not, unless
        the index has no image head or an image-text model as one. A sentence is for `search`, which takes a
        `channel` as well.

        Raises:
            UsageError: k < 1, a filter that cannot be read, or a channel that the index has no vectors of.
            RetrievalError: a vector of another space, or not of unit length.
        """
        if channel not in self._vectors:
            raise UsageError(
                f"found no vectors of {channel!r} in this index, "
                f"expected one of: {', '.join(self._vectors)}; name one of them"
            )
        return self._find_near(vector_D, Channel(channel), Wish(require_count(k), fold=fold), where)

    def _require_probability(self, least: float, channel: str | None) -> None:
        """Refuse to filter by probabilities that are not known."""
        require_probability(least)
        channels = frozenset(self._ranker.pick(channel))
        if least and (self.calibration is None or self.calibration.find_curve(channels) is None):
            # Those are the channels that `retrieve calibrate` fits, and all together.
            can_be_fitted = channel is None or channel in self._vectors
            mend = (
                "ask without a least probability, or fit one: `retrieve calibrate`"
                if can_be_fitted
                else "leave out --channel or --min-probability"
            )
            raise UsageError(
                f"found no calibration for {channel or 'the models of this index'}, expected one to be at "
                f"least {least:.0%} sure; {mend}"
            )

    def _find_near(
        self,
        vector_D: np.ndarray,
        channel: Channel,
        wish: Wish,
        where: str | None,
        others_P: np.ndarray | None = None,
    ) -> Results:
        allowed_P = _both(others_P, select_photos(self._photos, self._words, parse_where(where)))
        allowed = self._ranker.count_allowed(allowed_P)

        def rank(depth: int) -> Ranked:
            found = self._vectors[channel].search(vector_D[None], max(min(depth, allowed), 1), allowed_P)
            return Ranked(
                *found, {channel: found}, {channel: scatter_answer(channel, found, len(self._photos))}
            )

        return self._answerer.answer("", wish, allowed, rank)

    def _read(self, queries: Sequence[str | Query], where: str | None = None) -> list[_Asked]:
        """The queries with the photos that they let through; those without conditions share one array."""
        outer_P = select_photos(self._photos, self._words, parse_where(where))
        asked = []
        for query in queries:
            if isinstance(query, str):
                query = Query() if outer_P is not None and not query.strip() else parse_query(query)
            elif not isinstance(query, Query):
                raise UsageError(
                    f"found {query!r}, expected a text or a Query; ask several of them with search_many"
                )
            asked.append(_Asked(query, _both(select_photos(self._photos, self._words, query), outer_P)))
        return asked

    def _rank(
        self, asked: Sequence[_Asked], k: int, channel: str | None, reranker: Reranker | None = None
    ) -> Iterator[tuple[list[int], Ranked]]:
        """Numbers of queries and their answer; those that let the same photos through are ranked together."""
        self._ranker.pick(channel)
        if reranker is not None:
            require_fused(channel)
            k = max(k, reranker.first)
        with_words = [number for number, each in enumerate(asked) if each.query.text]
        texts = [asked[number].query.text for number in with_words]
        # Of no texts a program's own encoder may know nothing to give.
        vectors_QD = self._text_encoder.encode(texts) if texts else np.empty((0, 0), dtype=np.float32)
        alike: dict[int, list[int]] = {}
        for row, number in enumerate(with_words):
            alike.setdefault(id(asked[number].allowed_P), []).append(row)
        for rows in alike.values():
            numbers = [with_words[row] for row in rows]
            queries = Queries(tuple(asked[number].query.text for number in numbers), vectors_QD[rows])
            ranked = self._ranker.rank(queries, k, channel, asked[numbers[0]].allowed_P)
            if reranker is None:
                yield numbers, ranked
                continue
            for row, number in enumerate(numbers):
                query = Queries((queries.texts[row],), queries.vectors_QD[row : row + 1])
                whole = ranked.only(row).deepen(len(self._photos))
                yield [number], self._look_again(reranker, whole, query)
        for number, each in enumerate(asked):
            if not each.query.text:
                yield [number], self._rank_by_time(each.allowed_P)

    def _look_again(self, reranker: Reranker, ranked: Ranked, query: Queries) -> Ranked:
        """The answer to one query, its first photos ranked again."""
        images, head, fusion = self._image_searcher, self._manifest.image_head, self._ranker.fusion
        image_query = None
        # Reciprocal ranks are no scores that could be the mean of two.
        is_added = fusion.method is FusionMethod.WEIGHTED
        if is_added and isinstance(images, VectorSearcher) and isinstance(head, HeadRecord):
            (vector_E,) = images.encode(query)
            image_query = ImageQuery(head.sha256, vector_E, fusion.weight(Channel.IMAGE))
        return reranker.rerank(ranked, query.texts[0], self._photos, image_query)

    def _rank_by_time(self, allowed_P: np.ndarray | None) -> Ranked:
        numbers_K = self._photos.newest_first
        if allowed_P is not None:
            numbers_K = numbers_K[allowed_P[numbers_K]]
        return Ranked(np.zeros((1, len(numbers_K)), dtype=np.float32), numbers_K[None])

    def _answer(self, asked: _Asked, wish: Wish, channel: str | None, first: Ranked) -> Results:
        """The hits for a query; `first` is what ranking to the depth of the wish gave."""
        allowed = self._ranker.count_allowed(asked.allowed_P)

        def rank(depth: int) -> Ranked:
            if depth == wish.depth:
                return first
            if first.fused is not None:
                return first.deepen(depth)
            ((_, deeper),) = self._rank([asked], depth, channel)
            return deeper

        return self._answerer.answer(asked.query.text, wish, allowed, rank)


def _both(one_P: np.ndarray | None, other_P: np.ndarray | None) -> np.ndarray | None:
    """Bool (P,): what both let through; None lets all."""
    if one_P is None or other_P is None:
        return other_P if one_P is None else one_P
    both_P: np.ndarray = one_P & other_P
    return both_P
