"""One human caption for each photo, against the definition written out query by query."""

from collections.abc import Callable

import numpy as np

from eval.dataset.collection import Collection
from eval.searching.ceiling import number_captions, place_by_human_captions
from retrieval.text.text_encoder import TextEncoder


def test_every_query_meets_the_next_captions(small_collection: Collection, word_encoder: TextEncoder) -> None:
    placements = place_by_human_captions(small_collection, word_encoder)
    assert placements is not None
    captions = [[q.text for q in small_collection.queries if q.photo == photo] for photo in range(4)]
    numbers = number_captions(small_collection)
    assert numbers == [0, 1, 2] * 4
    for row, query in enumerate(small_collection.queries):
        corpus = [of_photo[(numbers[row] + 1) % 3] for of_photo in captions]
        assert corpus[query.photo] != query.text
        scores = word_encoder.encode(corpus) @ word_encoder.encode([query.text])[0]
        assert placements.above_J[row] == np.count_nonzero(scores > scores[query.photo] + 1e-6)


def test_photos_of_different_numbers_of_captions(
    make_collection_of: Callable[..., Collection], word_encoder: TextEncoder
) -> None:
    collection = make_collection_of([("a dog", "one dog", "the dog"), ("a cat", "the cat")])
    placements = place_by_human_captions(collection, word_encoder)
    assert placements is not None
    # Each query shares its noun with the caption of its own photo alone.
    assert placements.above_J.tolist() == [0] * 5


def test_a_single_caption_has_nothing_to_stand_for_it(
    make_collection_of: Callable[..., Collection], word_encoder: TextEncoder
) -> None:
    assert (
        place_by_human_captions(make_collection_of([("a dog", "one dog"), ("a cat",)]), word_encoder) is None
    )
