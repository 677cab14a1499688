"""Ranked photos → the hits that are shown, with what is known of each. Reads and writes nothing."""

from collections.abc import Callable
from dataclasses import dataclass, replace

import numpy as np

from retrieval.explanation import Explanation, explain_words
from retrieval.hit import Hit
from retrieval.matched_words import match_words
from retrieval.near_duplicates import fold_duplicates
from retrieval.photo_table import PhotoTable
from retrieval.query_language import Query
from retrieval.ranker import Ranked
from retrieval.results import Results
from retrieval.schema import StoredAttention
from retrieval.vector_index import VectorIndex


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


class Answerer:
    """Makes the hits of one generation."""

    def __init__(self, generation: int, photos: PhotoTable, images: VectorIndex | None) -> None:
        """`images` are the vectors of the image channel, by which photos that show the same are known."""
        self._generation = generation
        self._photos = photos
        self._images = images

    def answer(self, text: str, wish: Wish, allowed: int, rank: Callable[[int], Ranked]) -> Results:
        """The hits for a query of these words, of whose photos `allowed` are let through.

        `rank` ranks at least as many photos for it as it is told, as far as there are so many.
        """
        depth = wish.depth
        while True:
            ranked = rank(depth)
            numbers_K = ranked.numbers_QK[0][ranked.numbers_QK[0] >= 0]
            chosen = self._choose(numbers_K, wish)
            if len(chosen) == wish.k or len(numbers_K) < min(depth, allowed) or len(numbers_K) == allowed:
                break
            depth *= 2
        hits = self._make_hits(text, ranked, numbers_K, chosen)
        return Results(hits, generation=self._generation, photos=len(self._photos), allowed=allowed)

    def explain(
        self,
        query: Query,
        number: int,
        ranked: Ranked,
        everywhere: Ranked,
        attention: StoredAttention | None,
    ) -> Explanation:
        """Why the photo with this number comes up for a query.

        `ranked` is what a search ranks, `everywhere` the same with every photo that each channel has.
        """
        photos = self._photos
        caption, provenance = photos.caption(number), photos.provenance(number)
        places = everywhere.find_places(np.array([number]))[number]
        if ranked.added is not None:
            # Far down, a search counts with the lowest score that it looked at.
            added = {str(name): float(added_QP[0, number]) for name, added_QP in ranked.added.items()}
            places = {name: replace(place, contribution=added[name]) for name, place in places.items()}
        whole = everywhere if ranked.added is None else ranked
        score_P = whole.scores_QK[0][whole.numbers_QK[0] == number]
        return Explanation(
            query=str(query),
            image_id=photos.image_ids[number],
            path=photos.path(number),
            caption=caption,
            provenance=provenance,
            width=int(photos.columns["width"][number].as_py()),
            height=int(photos.columns["height"][number].as_py()),
            score=float(score_P[0]) if len(score_P) else 0.0,
            probability=None,
            channels=places,
            words=explain_words(caption, query.text, provenance, attention),
            generation=self._generation,
        )

    def _choose(self, numbers_K: np.ndarray, wish: Wish) -> list[tuple[int, list[int]]]:
        """Places of the photos that are shown, each with the places of those that show the same."""
        if wish.fold and self._images is not None:
            return fold_duplicates(numbers_K, self._images.vectors, wish.k)
        return [(place, []) for place in range(min(wish.k, len(numbers_K)))]

    def _make_hits(
        self, text: str, ranked: Ranked, numbers_K: np.ndarray, chosen: list[tuple[int, list[int]]]
    ) -> list[Hit]:
        photos, hits = self._photos, list[Hit]()
        places = ranked.find_places(numbers_K[[place for place, _ in chosen]])
        for rank, (place, same) in enumerate(chosen, start=1):
            number = int(numbers_K[place])
            caption = photos.caption(number)
            hit = Hit(
                rank=rank,
                score=float(ranked.scores_QK[0, place]),
                image_id=photos.image_ids[number],
                path=photos.path(number),
                caption=caption,
                channels=places[number],
                probability=None,
                matched=match_words(caption, text),
                duplicates=tuple(photos.image_ids[numbers_K[each]] for each in same),
                provenance=photos.provenance(number),
            )
            hits.append(hit)
        return hits
