"""Ranked photos → the hits that are shown, with what is known of each. Reads and writes nothing."""

from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from itertools import chain

import numpy as np

from retrieval.channel import Channel
from retrieval.channels.vector_index import VectorIndex
from retrieval.query.query_language import Query
from retrieval.search.calibration import Calibration
from retrieval.search.explanation import Explanation, explain_words
from retrieval.search.hit import Hit
from retrieval.search.matched_words import has_all_words, match_words, says_more
from retrieval.search.near_duplicates import fold_duplicates
from retrieval.search.ranker import Ranked
from retrieval.search.results import LIKELY, Results
from retrieval.store.manifest import Manifest
from retrieval.store.photo_table import PhotoTable
from retrieval.store.schema import StoredAttention


@dataclass(frozen=True, slots=True)
class Wish:
    """How many hits are wanted, how sure they must be, and whether photos that show the same are one hit."""

    k: int
    min_probability: float = 0.0
    fold: bool = True

    @property
    def depth(self) -> int:
        """How many photos to rank, at first."""
        return 2 * self.k + 32 if self.fold or self.min_probability else self.k


@dataclass(frozen=True, slots=True, eq=False)
class _Candidates:
    """Photos' numbers, best first, their scores, and how sure each is, float64 (K,), where that is known."""

    numbers_K: np.ndarray
    scores_K: np.ndarray
    sure_K: np.ndarray | None

    def at_least(self, probability: float) -> "_Candidates":
        if self.sure_K is None:
            return self
        enough_K = self.sure_K >= probability
        return _Candidates(self.numbers_K[enough_K], self.scores_K[enough_K], self.sure_K[enough_K])


class Answerer:
    """Makes the hits of one generation."""

    def __init__(
        self,
        manifest: Manifest,
        photos: PhotoTable,
        images: VectorIndex | None,
        calibration: Calibration | None,
    ) -> None:
        """`images` are the vectors of the image channel, by which photos that show the same are known."""
        self._manifest = manifest
        self._photos = photos
        self._images = images
        self._calibration = calibration

    def answer(self, text: str, wish: Wish, allowed: int, rank: Callable[[int], Ranked]) -> Results:
        """The hits for a query of these words, of whose photos `allowed` are let through.

        `rank` ranks at least as many photos for it as it is told, as far as there are so many.
        """
        depth = wish.depth
        while True:
            ranked = rank(depth)
            found = self._list(text, ranked)
            candidates = found.at_least(wish.min_probability)
            chosen, enough = self._choose(candidates.numbers_K, wish)
            reached = len(found.numbers_K)
            if enough or reached < depth or reached == allowed:
                break
            depth *= 2
        hits = self._make_hits(text, ranked, candidates, chosen)
        shown = [each for place, same in chosen for each in (place, *same)]
        return Results(
            hits,
            generation=self._manifest.generation,
            photos=len(self._photos),
            waiting=self._manifest.waiting_rows,
            allowed=allowed,
            find_files=self._photos.pick_files(candidates.numbers_K[shown]).find,
            matches_well=self._is_any_likely(text, hits, ranked, found.sure_K),
            depth=wish.depth,
        )

    def explain(
        self,
        query: Query,
        numbers_N: np.ndarray,
        ranked: Ranked,
        attentions: Sequence[StoredAttention | None],
    ) -> list[Explanation]:
        """Why the photos with these numbers come up for a query; their attention goes with them.

        `ranked` is what `Ranker.rank_everywhere` gives.
        """
        places = ranked.find_places(numbers_N)
        scores_P = np.zeros(len(self._photos))
        found_K = ranked.numbers_QK[0] >= 0
        scores_P[ranked.numbers_QK[0, found_K]] = ranked.scores_QK[0, found_K]
        sure_N = self._be_sure(query.text, ranked, numbers_N)
        shown = self._photos.show(numbers_N)
        explanations = []
        for row, (number, photo, attention) in enumerate(
            zip(numbers_N.tolist(), shown, attentions, strict=True)
        ):
            explanation = Explanation(
                query=str(query),
                image_id=self._photos.image_ids[number],
                path=photo.path,
                caption=photo.caption,
                provenance=photo.provenance,
                width=photo.width,
                height=photo.height,
                score=float(scores_P[number]),
                probability=None if sure_N is None else float(sure_N[row]),
                channels=places[number],
                words=explain_words(photo.caption, query.text, photo.provenance, attention),
                generation=self._manifest.generation,
                also=self._find_also(number, photo.caption, query.text),
                unseen=ranked.unseen.get(number),
            )
            explanations.append(explanation)
        return explanations

    def _find_also(self, number: int, caption: str, text: str) -> tuple[str, ...]:
        """The texts of a photo that have words of the query which its caption lacks, each once."""
        others = dict.fromkeys(self._photos.texts(number))
        return tuple(each for each in others if says_more(each, caption, text))

    def _list(self, text: str, ranked: Ranked) -> _Candidates:
        found_K = ranked.numbers_QK[0] >= 0
        numbers_K, scores_K = ranked.numbers_QK[0, found_K], ranked.scores_QK[0, found_K]
        return _Candidates(numbers_K, scores_K, self._be_sure(text, ranked, numbers_K))

    def _be_sure(self, text: str, ranked: Ranked, numbers_K: np.ndarray | slice) -> np.ndarray | None:
        """The probabilities of these photos, float64 (K,); None where they are not known."""
        if self._calibration is None or not text:
            return None
        curve = self._calibration.find_curve(frozenset(ranked.answers))
        return None if curve is None else curve.probabilities(ranked.scores_of(numbers_K))

    def _choose(self, numbers_K: np.ndarray, wish: Wish) -> tuple[list[tuple[int, list[int]]], bool]:
        """Places of the photos that are shown, each with the places of those that show the same.

        The second says whether further photos would change nothing.
        """
        if wish.fold and self._images is not None:
            return fold_duplicates(numbers_K, self._images.vectors, wish.k)
        return [(place, []) for place in range(min(wish.k, len(numbers_K)))], len(numbers_K) >= wish.k

    def _make_hits(
        self, text: str, ranked: Ranked, candidates: _Candidates, chosen: list[tuple[int, list[int]]]
    ) -> list[Hit]:
        image_ids, numbers_K, sure_K = self._photos.image_ids, candidates.numbers_K, candidates.sure_K
        numbers_N = numbers_K[[place for place, _ in chosen]]
        places, shown = ranked.find_places(numbers_N), self._photos.show(numbers_N)
        hits = []
        for rank, ((place, same), number, photo) in enumerate(
            zip(chosen, numbers_N.tolist(), shown, strict=True), start=1
        ):
            hit = Hit(
                rank=rank,
                score=float(candidates.scores_K[place]),
                image_id=image_ids[number],
                path=photo.path,
                caption=photo.caption,
                channels=places[number],
                probability=None if sure_K is None else float(sure_K[place]),
                matched=match_words(photo.caption, text),
                duplicates=tuple(image_ids[numbers_K[each]] for each in same),
                provenance=photo.provenance,
                width=photo.width,
                height=photo.height,
            )
            hits.append(hit)
        return hits

    def _list_nearest_words(self, ranked: Ranked) -> Iterator[str]:
        """All texts of the photo that is the first by its words."""
        if Channel.LEXICAL in ranked.answers:
            _, numbers_QK = ranked.answers[Channel.LEXICAL]
            for number in numbers_QK[0, :1].tolist():
                if number >= 0:
                    yield from self._photos.texts(number)

    def _is_any_likely(
        self, text: str, hits: list[Hit], ranked: Ranked, sure_K: np.ndarray | None
    ) -> bool | None:
        """Whether any photo is likely (`LIKELY` or more); None where no probability is known.

        A hit whose caption has all of the query's words counts too, and the first photo by its words, where
        any text of it has them all: a word or two are no sentence to judge.
        """
        if sure_K is None or not len(sure_K):
            return None
        texts = chain((hit.caption for hit in hits), self._list_nearest_words(ranked))
        if sure_K.max() >= LIKELY or any(has_all_words(each, text) for each in texts):
            return True
        # The surest photo need not be among the best, which are the best by another sum.
        sure_P = None if ranked.fused is None else self._be_sure(text, ranked, ranked.fused.numbers)
        return sure_P is not None and bool(sure_P.max() >= LIKELY)
