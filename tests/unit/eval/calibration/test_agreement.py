"""Agreement against means written out."""

from collections.abc import Callable, Sequence

import numpy as np
import pytest

from eval.calibration.agreement import Agreement
from eval.dataset.collection import Collection
from retrieval.errors import DatasetError
from retrieval.text.text_encoder import TextEncoder

MakeCollection = Callable[[Sequence[Sequence[str]]], Collection]


def mean_cosine(encoder: TextEncoder, sentence: str, others: Sequence[str]) -> float:
    return float(np.mean(encoder.encode(others) @ encoder.encode([sentence])[0]))


def test_a_sentence_is_compared_with_the_other_captions(
    small_collection: Collection, word_encoder: TextEncoder
) -> None:
    captions: dict[int, list[str]] = {}
    for query in small_collection.queries:
        captions.setdefault(query.photo, []).append(query.text)
    agreement = Agreement(small_collection, word_encoder)
    for number, query in enumerate(small_collection.queries):
        for photo, texts in captions.items():
            others = [text for text in texts if photo != query.photo or text != query.text]
            (found,) = agreement.measure(np.array([number]), np.array([photo]))
            assert found == pytest.approx(mean_cosine(word_encoder, query.text, others), abs=1e-5)


def test_the_threshold_is_what_nearly_all_sentences_reach(
    small_collection: Collection, word_encoder: TextEncoder
) -> None:
    agreement = Agreement(small_collection, word_encoder)
    own = agreement.measure(np.arange(12), small_collection.right_photos)
    assert agreement.find_threshold() == pytest.approx(np.quantile(own, 0.05))


def test_a_sentence_describes_its_own_photo_and_those_with_captions_like_it(
    make_collection_of: MakeCollection, word_encoder: TextEncoder
) -> None:
    same = ["a dog jumps over a log", "a dog leaps over a log", "a dog jumps"]
    collection = make_collection_of([same, list(reversed(same)), ["red cars", "the sea by night", "old men"]])
    agreement = Agreement(collection, word_encoder)
    sentences, photos = np.divmod(np.arange(27), 3)
    described = agreement.judge(sentences, photos, 0.3).reshape(9, 3)
    assert described[:6].tolist() == [[True, True, False]] * 6
    assert described[6:].tolist() == [[False, False, True]] * 3
    assert not agreement.judge(sentences, photos, 2.0).reshape(9, 3)[:3, 1].any()


def test_a_caption_without_others_is_refused(
    make_collection_of: MakeCollection, word_encoder: TextEncoder
) -> None:
    with pytest.raises(
        DatasetError, match="found a photo with 1 caption in split 'test', expected two or more"
    ):
        Agreement(make_collection_of([["a dog", "dogs"], ["a cat"]]), word_encoder)
